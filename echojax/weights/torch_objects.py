"""What the pickle of a checkpoint is made of: tensors that lie in its file, inert modules."""

import math
import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from echojax.errors import InputError
from echojax.weights import pickles
from echojax.weights.pickles import Global, Refused, StandIn, Vocabulary, opaque
from echojax.wording import shown

_LIBRARY = ("torch.nn.", "torch.optim.")
_GROUPS = ("_parameters", "_buffers", "_modules")
_MAX_DIMENSIONS = 32  # NumPy 1
_MAX_DEPTH = 100  # of modules within modules
_MAX_MEMBERS = 100_000  # of one network
_MAX_NAME = 1000  # characters of a dotted path
_DTYPES = {
    np.dtype(kind).name: np.dtype(kind)
    for kind in (
        *(np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.bool_),
        *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
    )
}
_STORAGES = {
    f"torch.{device}{kind}Storage": _DTYPES[dtype]
    for device in ("", "cuda.", "storage.")
    for kind, dtype in {
        "BFloat16": "bfloat16",
        "Bool": "bool",
        "Byte": "uint8",
        "Char": "int8",
        "Double": "float64",
        "Float": "float32",
        "Half": "float16",
        "Int": "int32",
        "Long": "int64",
        "Short": "int16",
        "Untyped": "uint8",
        "_Untyped": "uint8",
    }.items()
}
_NAMES = frozenset(
    [
        *_STORAGES,
        *(f"torch.{dtype}" for dtype in _DTYPES),
        *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "object", "str")),
        "numpy.ndarray",
        "torch.Tensor",
        "torch.complex128",
        "torch.complex64",
    ]
)
_OPAQUE = (
    "argparse.Namespace",
    "builtins.complex",
    "builtins.range",
    "builtins.slice",
    "datetime.datetime",
    "datetime.timedelta",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "numpy.dtype",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "torch.device",
)


@dataclass
class Block:
    """Bytes of the file; where they start is known last in the older format."""

    data: mmap.mmap
    size: int
    start: int | None = None
    big_endian: bool = False


@dataclass(frozen=True, eq=False)
class Storage:
    """A typed stretch of a block."""

    block: Block
    dtype: np.dtype
    first: int
    size: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor in a file, checked to lie within it; its numbers are read when asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype
    _block: Block = field(repr=False)
    _first: int = field(repr=False)
    _strides: tuple[int, ...] = field(repr=False)

    def array(self) -> np.ndarray:
        """A fresh array of this shape and dtype, C-contiguous, in native byte order."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        assert self._block.start is not None
        kind, first = f"u{self.dtype.itemsize}", self._block.start + self._first
        # As integers: byte orders are unknown to bfloat16, and a byte of 2 to bool.
        stored = np.dtype(kind).newbyteorder(">" if self._block.big_endian else "<")
        raw = np.ndarray(self.shape, stored, self._block.data, first, self._strides)
        native = np.array(raw, kind, order="C")
        return native != 0 if self.dtype == np.bool_ else native.view(self.dtype)


@dataclass(eq=False)
class Module(StandIn):
    """An object of a PyTorch class: its class name and attributes, never its behaviour."""

    path: Path = field(default=Path(), repr=False, kw_only=True)

    def state_dict(self) -> dict[str, Tensor]:
        """Every parameter and persistent buffer by dotted path, in the order PyTorch gives them.

        Raises:
            InputError: not a network, or one that contains itself or is beyond all measure.
        """
        found: dict[str, Tensor] = {}
        visits = 0
        waiting: list[tuple[str, int, object]] = [("", 0, self)]
        while waiting:
            prefix, depth, module = waiting.pop()
            if not isinstance(module, Module) or not _is_network(module):
                raise InputError(f"{self.path}: {shown(prefix or self.name)} is not a network")
            tensors, children = module._members()
            visits += 1 + len(tensors) + len(children)
            if visits > _MAX_MEMBERS or depth > _MAX_DEPTH:
                raise InputError(f"{self.path}: {shown(self.name)} is too large or contains itself")
            for name, tensor in tensors.items():
                full = self._path(prefix, name)
                if not isinstance(tensor, Tensor):
                    raise InputError(f"{self.path}: {shown(full)} is not a tensor")
                found[full] = tensor
            for name, child in reversed(children.items()):
                waiting.append((f"{self._path(prefix, name)}.", depth + 1, child))
        return found

    def _path(self, prefix: str, name: object) -> str:
        if not isinstance(name, str) or len(prefix) + len(name) > _MAX_NAME:
            raise InputError(f"{self.path}: {shown(self.name)} has a member without a usable name")
        return prefix + name

    def _members(self) -> tuple[dict, dict]:
        """What the module itself holds, without what is absent or not persistent."""
        transient = self.state.get("_non_persistent_buffers_set")
        transient = transient if isinstance(transient, set) else set()
        parameters, buffers, children = (self.state[group] for group in _GROUPS)
        kept = {name: each for name, each in buffers.items() if name not in transient}
        present = [
            {name: each for name, each in group.items() if each is not None}
            for group in (parameters | kept, children)
        ]
        return present[0], present[1]


def _is_network(stand_in: StandIn) -> bool:
    return all(isinstance(stand_in.state.get(group), dict) for group in _GROUPS)


def claim(identifier: object) -> tuple[str, np.dtype, int, object]:
    """What a reference to a storage says: its key, type, number of elements, and part if any.

    Raises:
        Refused: it is none, or of a type that cannot be read.
    """
    match identifier:
        case ("storage", Global(name=kind), str(key), _, int(count)):
            view: object = None
        case ("storage", Global(name=kind), str(key), _, int(count), view):
            pass
        case _:
            raise Refused("damaged: its pickle refers to something that is no storage")
    if kind not in _STORAGES:
        raise Refused(f"its tensors are of type {shown(kind)}, which cannot be read")
    if not 0 <= count < 2**48:
        raise Refused(f"damaged: storage {shown(key)} has an impossible size")
    return key, _STORAGES[kind], count, view


def vocabulary(path: Path, persistent: Callable[[object], object]) -> Vocabulary:
    """What a pickle of PyTorch may build, without any of it being PyTorch's.

    Args:
        path: the file, named in errors.
        persistent: makes a `Storage` of a reference to one.
    """
    return Vocabulary(
        calls=_CALLS,
        may_name=lambda name: name in _NAMES or name.startswith(_LIBRARY),
        persistent=persistent,
        stand_in=partial(Module, path=path),
        fits=lambda each: _is_network(each) or each.name.startswith(_LIBRARY),
    )


def _tensor(storage: object, dtype: np.dtype | None, offset: Any, size: Any, stride: Any) -> Tensor:
    """A tensor if all of it lies within its storage and it has no more elements than that."""
    if not isinstance(storage, Storage):
        raise TypeError
    dtype = storage.dtype if dtype is None else dtype
    size, stride = _lengths(size), _lengths(stride)
    if len(size) != len(stride):
        raise TypeError
    (offset,) = _lengths((offset,))
    elements, there = math.prod(size), storage.size // dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if elements > there or (elements and last >= there):
        raise Refused("damaged: a tensor does not lie within its storage")
    if math.prod(max(n, 1) for n in size) > 2**48:
        raise Refused("damaged: an empty tensor of impossible shape")
    # The stride of a single element may be anything.
    steps = (step if n > 1 else 0 for n, step in zip(size, stride, strict=True))
    strides = tuple(dtype.itemsize * step for step in steps)
    first = storage.first + offset * dtype.itemsize
    return Tensor(size, dtype, storage.block, first, strides)


def _lengths(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or len(values) > _MAX_DIMENSIONS:
        raise TypeError
    if not all(type(value) is int and 0 <= value < 2**48 for value in values):
        raise TypeError
    return tuple(values)


def _rebuild(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    _without_bits(rest[2:])  # behind requires_grad and hooks
    return _tensor(storage, None, offset, size, stride)


def _rebuild_v3(
    storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, *rest: Any
) -> Tensor:
    dtype, *bits = rest
    _without_bits(bits)
    name = dtype.name if isinstance(dtype, Global) else ""
    if name.removeprefix("torch.") not in _DTYPES:
        raise Refused(f"its tensors are of type {shown(name)}, which cannot be read")
    return _tensor(storage, _DTYPES[name.removeprefix("torch.")], offset, size, stride)


def _without_bits(bits: Sequence[Any]) -> None:
    """Refuse tensors that PyTorch would conjugate or negate on reading."""
    if len(bits) > 1:
        raise TypeError
    if bits and bits[0] and (not isinstance(bits[0], dict) or any(bits[0].values())):
        raise Refused("its tensors are stored negated or conjugated, which cannot be read")


def _parameter(data: object, *_: object) -> Tensor:
    if not isinstance(data, Tensor):
        raise TypeError
    return data


_REBUILDS: dict[str, Callable[..., Tensor]] = {
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_v3,
    "torch.nn.parameter.Parameter": _parameter,
}


def _rebuild_subclass(function: object, _cls: object, args: Any, _state: object) -> Tensor:
    if not isinstance(function, Global) or function.name not in _REBUILDS or len(args) > 8:
        raise TypeError
    return _REBUILDS[function.name](*args)


_CALLS: dict[str, Callable[..., object]] = {
    **pickles.CONTAINERS,
    **_REBUILDS,
    **{name: opaque(name) for name in _OPAQUE},
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch._tensor._rebuild_from_type_v2": _rebuild_subclass,
}
