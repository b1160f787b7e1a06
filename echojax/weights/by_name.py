"""A network's parameters and running statistics as arrays by their dotted paths in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from echojax.errors import InputError


def leaves(tree: Any) -> dict[str, Any]:
    """The leaves of nested dictionaries by their dotted paths."""
    found, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_name(path): leaf for path, leaf in found}


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def arrays(model: Any) -> dict[str, Any]:
    """Every parameter and statistic of a network."""
    return leaves(nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat))))


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter and statistic of a network."""
    return {name: leaf.shape for name, leaf in arrays(model).items()}


def mismatches(model: Any, found: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Every array that is missing, left over or of another shape, in words."""
    expected = shapes(model)
    wrong = [f"{name} is missing" for name in expected.keys() - found.keys()]
    wrong += [f"{name} is left over" for name in found.keys() - expected.keys()]
    wrong += [
        f"{name} is {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    return sorted(wrong)


def fill(model: Any, given: Mapping[str, Any], source: Path) -> None:
    """Fill a network, which may be without numbers yet.

    Args:
        model: the network.
        given: its parameters and statistics.
        source: the file or folder they are from, named in errors.

    Raises:
        InputError: any array is missing, left over or of another shape; all of them are named, and
            the network is left as it was.
    """
    wrong = mismatches(model, {name: array.shape for name, array in given.items()})
    if wrong:
        raise InputError(f"{source}: does not fit the network: {'; '.join(wrong)}")
    state = nnx.state(model, (nnx.Param, nnx.BatchStat))
    filled = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.asarray(given[_name(path)], leaf.dtype), nnx.to_pure_dict(state)
    )
    nnx.replace_by_pure_dict(state, filled)
    nnx.update(model, state)
