"""Finding a network's tensors, by the names its authors gave them, in a file of any origin."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import ml_dtypes
import numpy as np
import safetensors

from echojax.weights import safetensors_file, torch_file, torch_objects
from echojax.wording import shown

# Where programs keep the weights, best first: if there is an average over training, its authors
# evaluate with that (BasicSR reads params_ema first, Lornatang publishes ema_state_dict).
_AVERAGED = ("params_ema", "ema_state_dict")
_PLACES = (*_AVERAGED, "params", "state_dict", "generator", "model")
# What torch.compile, DataParallel and AveragedModel, and the authors' own wrappers put before all
# names, and what tells the network for images from the others in a file, the average first.
_WRAPPERS = ("_orig_mod.", "module.", "net.")
_GROUPS = ("generator_ema.", "generator.")
_MAX_WRAPPERS = 16
_COUNTERS = ("n_averaged", "num_batches_tracked")
_LISTED = 20
_DTYPES = {
    "BF16": ml_dtypes.bfloat16,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
}


@runtime_checkable
class Tensor(Protocol):
    """Numbers in a file that are read when asked for."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    def array(self) -> np.ndarray: ...


@dataclass(frozen=True)
class StateDict:
    """Tensors by the names their network has for them, and what to say of how they were found."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Stored:
    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def array(self) -> np.ndarray:
        with safetensors.safe_open(self.path, "numpy") as file:
            return file.get_tensor(self.name)


def is_safetensors(path: Path) -> bool:
    """Whether a file is safetensors by its name, or begins like it: eight bytes, then JSON."""
    if path.suffix == ".safetensors":
        return True
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:  # explained when it is read
        return False


def read(path: Path) -> object:
    """What a PyTorch or safetensors file holds; of large tensors only their shapes.

    Raises:
        InputError: no such file, broken or refused.
    """
    if not is_safetensors(path):
        return torch_file.read(path)
    safetensors_file.metadata(path)  # for its messages
    with safetensors.safe_open(path, "numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {
            name: _Stored(path, name, tuple(each.get_shape()), _dtype(each.get_dtype()))
            for name, each in slices.items()
        }


def _dtype(name: str) -> np.dtype:
    """NumPy's type, or raw bytes for what weights are never stored as."""
    return np.dtype(_DTYPES.get(name, np.void))


def find(content: object) -> StateDict:
    """The one state dictionary in what was read.

    Looks into checkpoints of training runs, whole modules and wrapped networks. Averages over
    training are preferred to the last weights; counters are dropped.

    Raises:
        ValueError: there is none.
        InputError: a stand-in for a module holds no network.
    """
    notes = []
    if isinstance(content, Mapping):
        there = [place for place in _PLACES if _holds_tensors(content.get(place))]
        if there:
            notes.append(_origin(there[0], content))
            content = content[there[0]]
    if isinstance(content, torch_objects.Module):
        content = content.state_dict()
    if not isinstance(content, Mapping):
        raise ValueError(f"holds a {type(content).__name__}, not tensors by name")
    named = {key: each for key, each in content.items() if isinstance(key, str)}
    tensors = {name: each for name, each in named.items() if isinstance(each, Tensor)}
    counters = [name for name in tensors if name.rpartition(".")[2] in _COUNTERS]
    others = [key for key in content if key not in tensors]
    if counters:
        kinds = sorted({name.rpartition(".")[2] for name in counters})
        notes.append(f"{len(counters)} counters left out: {', '.join(kinds)}")
    for name in counters:
        del tensors[name]
    if not tensors:
        raise ValueError(f"holds no tensors by name, but {listed(others) or 'nothing'}")
    if others:
        notes.append(f"no tensors, so left out: {listed(others)}")
    tensors, left_out = _unwrapped(tensors)
    return StateDict(tensors, (*notes, *left_out))


def listed(names: Iterable[object]) -> str:
    """Names from a file for a message, cut where they are too many."""
    texts = [shown(name) for name in names]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _holds_tensors(value: object) -> bool:
    if isinstance(value, torch_objects.Module):
        return True
    return isinstance(value, Mapping) and any(isinstance(v, Tensor) for v in value.values())


def _origin(place: str, content: Mapping) -> str:
    averaged = ", the average over training" if place in _AVERAGED else ""
    rest = [key for key in content if key != place]
    return f"taken: {place}{averaged}" + (f"; left alone: {listed(rest)}" if rest else "")


def _unwrapped(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Names without what wrappers put before them, and what is said of other networks."""
    notes = []
    for _ in range(_MAX_WRAPPERS):
        prefix = next((p for p in _WRAPPERS if all(n.startswith(p) for n in tensors)), None)
        if prefix is None:
            prefix = next((p for p in _GROUPS if any(n.startswith(p) for n in tensors)), None)
        if prefix is None:
            break
        rest = Counter(n.partition(".")[0] for n in tensors if not n.startswith(prefix))
        if rest:
            groups = [f"{name} ({number})" for name, number in rest.items()]
            notes.append(f"taken: {prefix}*; left alone: {listed(groups)}")
        tensors = {
            name.removeprefix(prefix): each
            for name, each in tensors.items()
            if name.startswith(prefix)
        }
    return tensors, notes
