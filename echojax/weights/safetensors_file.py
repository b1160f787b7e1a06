"""A network's parameters and running statistics as one .safetensors file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from flax import nnx
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from echojax.errors import InputError
from echojax.files import written_whole


def flat(model: nnx.Module) -> dict[str, np.ndarray]:
    """Every parameter and statistic by its dotted path in the network."""
    return by_path(nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat))))


def by_path(tree: Any) -> dict[str, Any]:
    """The leaves of nested dictionaries by their dotted paths."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_name(path): leaf for path, leaf in leaves}


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def shapes(model: nnx.Module) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter and statistic by its dotted path in the network."""
    return {name: leaf.shape for name, leaf in flat(model).items()}


def mismatches(model: nnx.Module, found: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Every tensor, by dotted path, that is missing, left over or of another shape, in words."""
    expected = shapes(model)
    wrong = [f"{name} is missing" for name in expected.keys() - found.keys()]
    wrong += [f"{name} is left over" for name in found.keys() - expected.keys()]
    wrong += [
        f"{name} is {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    return sorted(wrong)


def save(model: nnx.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a network's parameters and statistics, with text metadata beside them."""
    tensors = {name: np.asarray(leaf, order="C") for name, leaf in flat(model).items()}
    with written_whole(path) as file:
        file.write_bytes(serialize(tensors, metadata))  # `save_file` would let only us read it


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such weights file") from None
    except (OSError, safetensors.SafetensorError) as error:
        advice = (
            ""
            if path.suffix == ".safetensors"
            else (
                "; convert a checkpoint of PyTorch first: echojax weights convert "
                f"{path} -o OUT.safetensors"
            )
        )
        raise InputError(f"{path}: cannot be read as safetensors ({error}){advice}") from error


def metadata(path: Path) -> dict[str, str]:
    """The text metadata of a file.

    Raises:
        InputError: no such file, or not safetensors.
    """
    with _explained(path), safetensors.safe_open(path, "numpy") as file:
        return file.metadata() or {}


def tensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a file by name.

    Raises:
        InputError: no such file, or not safetensors.
    """
    with _explained(path):
        return load_file(path)


def load(model: nnx.Module, path: Path) -> None:
    """Fill a network from a file written by `save`.

    Raises:
        InputError: no such file, not safetensors, or any tensor missing, left over or of another
            shape; all of them are named, and the network is left as it was.
    """
    fill(model, tensors(path), path)


def fill(model: nnx.Module, tensors: Mapping[str, np.ndarray], source: Path) -> None:
    """Fill a network, which may be without numbers yet, from tensors by dotted path.

    Args:
        model: the network.
        tensors: its parameters and statistics.
        source: the file they are from, named in errors.

    Raises:
        InputError: any tensor is missing, left over or of another shape; all of them are named, and
            the network is left as it was.
    """
    wrong = mismatches(model, {name: tensor.shape for name, tensor in tensors.items()})
    if wrong:
        raise InputError(f"{source}: does not fit the network: {'; '.join(wrong)}")
    state = nnx.state(model, (nnx.Param, nnx.BatchStat))
    filled = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.asarray(tensors[_name(path)], leaf.dtype), nnx.to_pure_dict(state)
    )
    nnx.replace_by_pure_dict(state, filled)
    nnx.update(model, state)
