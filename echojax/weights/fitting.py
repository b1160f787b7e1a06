"""Whether the tensors of a checkpoint are a network's, one by one, and their numbers as ours."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from echojax.weights import by_name, kinds, sizes
from echojax.weights.layouts import Layout
from echojax.weights.state_dict import Tensor, listed

_LEAVES = {
    "kernel": "weight",
    "bias": "bias",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
    "negative_slope": "weight",
}


@dataclass(frozen=True)
class Plan:
    """A network without numbers, and where each comes from; None stands for zeros."""

    model: Any
    sources: dict[str, Tensor | None]
    names: dict[str, str]
    notes: tuple[str, ...]


def plan(layout: Layout, tensors: Mapping[str, Tensor], path: Path) -> Plan:
    """Give every tensor of a network its source.

    Args:
        layout: the layout that the names are of.
        tensors: what the file `path` holds, by the layout's names.
        path: the file.

    Raises:
        ValueError: tensors are missing, left over or of another shape or type, all of them named;
            or they are of sizes that no such network has.
    """
    shapes = {name: each.shape for name, each in tensors.items()}
    settings, modules = sizes.settings(layout, shapes)
    model = kinds.empty(layout.kind, settings)
    expected = by_name.shapes(model)
    names = {}
    for name in expected:
        module, _, leaf = name.rpartition(".")
        names[name] = f"{modules[module]}.{_LEAVES[leaf]}"
    zeros = _biases_to_fill(expected, names, shapes)
    left_out = [name for name in tensors if name.startswith(layout.left_out)]
    _check_fit(layout, expected, names, tensors, {*zeros, *left_out})
    notes = []
    if left_out:
        notes.append(f"left out, the network ends before: {listed(left_out)}")
    if zeros:
        notes.append(f"no bias in the file, so zeros, which is the same: {listed(zeros)}")
    sources = {name: tensors.get(theirs) for name, theirs in names.items()}
    _check_size(sources, path)
    return Plan(model, sources, names, tuple(notes))


def _biases_to_fill(
    expected: Mapping[str, tuple[int, ...]], names: Mapping[str, str], shapes: sizes.Shapes
) -> list[str]:
    """Their names of biases of which the file has none in a whole part of the network."""
    parts = defaultdict(list)
    for name in expected:
        module, _, leaf = name.rpartition(".")
        if leaf == "bias" and f"{module}.kernel" in expected:
            parts[module.partition(".")[0]].append(names[name])
    absent = [biases for biases in parts.values() if not any(name in shapes for name in biases)]
    return [name for biases in absent for name in biases]


def _check_fit(
    layout: Layout,
    expected: Mapping[str, tuple[int, ...]],
    names: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    excused: set[str],
) -> None:
    shapes = {names[name]: _torch_shape(shape) for name, shape in expected.items()}
    common = [name for name in shapes if name in tensors]
    wrong = {
        "missing": [name for name in shapes if name not in tensors and name not in excused],
        "left over": [name for name in tensors if name not in shapes and name not in excused],
        "of another shape": [
            f"{name} {tensors[name].shape}, expected {shapes[name]}"
            for name in common
            if tensors[name].shape != shapes[name]
        ],
        "not of floating-point numbers": [
            name for name in common if not jnp.issubdtype(tensors[name].dtype, jnp.floating)
        ],
    }
    problems = [f"{what} ({len(each)}): {listed(each)}" for what, each in wrong.items() if each]
    if problems:
        hint = f"; {layout.hint}" if layout.hint else ""
        raise ValueError(f"looks like {layout.name}, but does not fit: {'; '.join(problems)}{hint}")


def _check_size(sources: Mapping[str, Tensor | None], path: Path) -> None:
    """Tensors that share their numbers can claim far more than a file holds."""
    there = [each for each in sources.values() if each is not None]
    claimed = sum(math.prod(each.shape) * each.dtype.itemsize for each in there)
    size = path.stat().st_size
    if claimed > size:
        raise ValueError(f"tensors of {claimed:,} bytes in a file of {size:,}; they share numbers")


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    match shape:
        case (height, width, inputs, outputs):
            return (outputs, inputs, height, width)
        case (inputs, outputs):
            return (outputs, inputs)
        case ():
            return (1,)
    return shape


def numbers(plan: Plan) -> dict[str, np.ndarray]:
    """Every tensor of the network as float32, in our order of axes, by our name.

    Raises:
        ValueError: numbers are infinite or none; their tensors are named.
    """
    ours, broken = {}, []
    for name, shape in by_name.shapes(plan.model).items():
        source = plan.sources[name]
        if source is None:
            ours[name] = np.zeros(shape, np.float32)
            continue
        with np.errstate(over="ignore"):  # infinite numbers are reported below
            array = source.array().astype(np.float32)
        if not np.isfinite(array).all():
            broken.append(plan.names[name])
        order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(array.ndim)
        ours[name] = array.transpose(order).reshape(shape) if order else array.reshape(shape)
    if broken:
        raise ValueError(f"not finite as 32-bit numbers: {listed(broken)}")
    return ours
