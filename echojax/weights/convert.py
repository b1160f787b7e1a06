"""Public checkpoints as networks of ours, checked tensor by tensor."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.errors import InputError
from echojax.files import sha256
from echojax.models.mobilenet import MobileNetV2
from echojax.models.msrresnet import MSRResNet
from echojax.models.srresnet import SRResNet
from echojax.weights import (
    by_name,
    fitting,
    folded,
    kinds,
    layouts,
    model_card,
    safetensors_file,
    state_dict,
)
from echojax.wording import one_line

OWN = "echojax"
# First and last convolution of what can be folded.
_ENDS: dict[Any, tuple[str, str]] = {
    SRResNet: ("conv1", "conv3"),
    MSRResNet: ("conv_first", "conv_last"),
}
_GRAY_ALREADY = "gray already: nothing was folded"
_STATISTICS = (".running_mean", ".running_var", ".mean", ".var")


@dataclass(frozen=True)
class Converted:
    """A filled network, whose layout its file had, and what its user should know.

    `card` is what a file written from it says of its origin, for `networks.save`.
    """

    model: Any
    layout: str
    notes: tuple[str, ...]
    card: dict[str, str]


@dataclass(frozen=True)
class Info:
    """What a file of weights holds.

    Attributes:
        format: "safetensors", "PyTorch" or "NumPy".
        layout: whose names its tensors have, "echojax" for ours, None if nobody's we know.
        network: the network and its settings; empty if there is a problem.
        tensors: how many, without counters.
        parameters: numbers in them, without running statistics.
        notes: what was chosen and what would be left out.
        metadata: what one of our files says besides its network.
        problem: why it cannot be converted or used, if so.
    """

    format: str
    layout: str | None
    network: dict[str, str]
    tensors: int
    parameters: int
    notes: tuple[str, ...] = ()
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    problem: str | None = None

    def as_text(self) -> str:
        """Lines for a terminal, without what is empty."""
        rows = [
            ("format", self.format),
            ("names of", self.layout or "unknown"),
            *self.network.items(),
            ("tensors", f"{self.tensors:,}"),
            ("parameters", f"{self.parameters:,}"),
            *self.metadata.items(),
            *(("note", note) for note in self.notes),
            *([("problem", self.problem)] if self.problem else []),
        ]
        # A file can say anything; what it says must not steer the terminal.
        rows = [(one_line(name), one_line(value)) for name, value in rows]
        width = max(len(name) for name, _ in rows) + 2
        return "\n".join(f"{name:<{width}}{value}" for name, value in rows)


def convert(path: Path, *, gray: bool = False) -> Converted:
    """Make the network of a public checkpoint: PyTorch's, safetensors, or folded (`folded`).

    Args:
        path: the file.
        gray: make a network for images of one channel from one for RGB, see `fold_to_gray`.

    Raises:
        InputError: the file cannot be read, is ours already, has no known layout, or does not fit
            it; every tensor that is missing, left over or of another shape is named.
    """
    if folded.is_folded(path):
        return _of_folded(path, gray=gray)
    own = own_metadata(path)
    if own and not gray:
        raise InputError(f"{path}: is a file of echojax already; use it as it is")
    if own:
        model = kinds.build(own, path)
        by_name.fill(model, safetensors_file.tensors(path), path)
        return of_network(model, kinds.beside(own) | card(path, OWN, ()), gray=gray)
    try:
        found = state_dict.find(state_dict.read(path))
        layout = layouts.recognise(found.tensors)
        plan = fitting.plan(layout, found.tensors, path)
        numbers = fitting.numbers(plan)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    by_name.fill(plan.model, numbers, path)
    model, more = fold_to_gray(plan.model) if gray else (plan.model, ())
    notes = (*found.notes, *plan.notes, *more)
    return Converted(model, layout.name, notes, card(path, layout.name, notes))


def _of_folded(path: Path, *, gray: bool) -> Converted:
    model, more = fold_to_gray(folded.network(path)) if gray else (folded.network(path), ())
    notes = (folded.NOTE, *more)
    return Converted(model, folded.LAYOUT, notes, card(path, folded.LAYOUT, notes))


def of_network(model: Any, card: Mapping[str, str], *, gray: bool = False) -> Converted:
    """A network of ours with what is known of it, as if it had been converted.

    Raises:
        InputError: it makes no images although it shall be for gray ones.
    """
    model, notes = fold_to_gray(model) if gray else (model, ())
    return Converted(model, OWN, notes, {**card, "notes": "; ".join(notes)})


def card(path: Path, layout: str, notes: tuple[str, ...]) -> dict[str, str]:
    """The origin of a network: its file or folder, a file's sha256, the layout and the notes."""
    found = {"source": path.name, "layout": layout, "notes": "; ".join(notes)}
    if path.is_file():
        found["sha256"] = sha256(path)
    return found


def inspect(path: Path) -> Info:
    """What a file of weights is, ours or a public checkpoint; large tensors are not read.

    Raises:
        InputError: the file cannot be read.
    """
    if folded.is_folded(path):
        return _inspect_folded(path)
    form = "safetensors" if state_dict.is_safetensors(path) else "PyTorch"
    own = own_metadata(path)
    try:
        found = state_dict.find(state_dict.read(path))
    except ValueError as error:
        return Info(form, None, {}, 0, 0, problem=str(error))
    tensors = found.tensors
    parameters = sum(
        math.prod(each.shape) for name, each in tensors.items() if not name.endswith(_STATISTICS)
    )
    if own:
        return _inspect_own(path, form, own, tensors, parameters)
    layout = None
    try:
        layout = layouts.recognise(tensors)
        plan = fitting.plan(layout, tensors, path)
    except ValueError as error:
        name = layout.name if layout else None
        return Info(form, name, {}, len(tensors), parameters, found.notes, problem=str(error))
    notes = (*found.notes, *plan.notes)
    network = kinds.describe(plan.model)
    return Info(form, layout.name, network, len(tensors), parameters, notes)


def _inspect_folded(path: Path) -> Info:
    model = folded.network(path)
    shapes = by_name.shapes(model)
    parameters = sum(math.prod(shapes[n]) for n in shapes if not n.endswith(_STATISTICS))
    told = kinds.describe(model)
    return Info("NumPy", folded.LAYOUT, told, len(shapes), parameters, (folded.NOTE,))


def _inspect_own(
    path: Path, form: str, own: dict[str, str], tensors: Mapping[str, Any], parameters: int
) -> Info:
    try:
        model = kinds.build(own, path)
    except InputError as error:
        return Info(form, OWN, {}, len(tensors), parameters, problem=str(error))
    network = kinds.describe(model)
    rest = {key: value for key, value in model_card.shown(kinds.beside(own)).items() if value}
    wrong = by_name.mismatches(model, {name: each.shape for name, each in tensors.items()})
    problem = f"does not fit the network: {'; '.join(wrong)}" if wrong else None
    return Info(form, OWN, network, len(tensors), parameters, (), rest, problem)


def own_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file of ours, otherwise nothing."""
    metadata = safetensors_file.metadata(path) if state_dict.is_safetensors(path) else {}
    return metadata if metadata.get("model") in kinds.KINDS else {}


def fold_to_gray(model: Any) -> tuple[Any, tuple[str, ...]]:
    """A network for gray images that does what the RGB network does to r = g = b, then averages.

    Of one that makes no images only the first convolution is folded.

    Convolutions are folded where that is exact: the first is summed over its inputs, the last
    averaged over its outputs. Otherwise the network replicates or averages by itself.

    Returns:
        The network, which is `model` itself if it is for gray images already, and notes.

    Raises:
        InputError: the network is none that can be folded.
    """
    if type(model) is MobileNetV2:
        return _gray_stem(model)
    if type(model) not in _ENDS:
        kind = kinds.describe(model)["model"]
        raise InputError(
            f"gray is for networks that enlarge images and for mobilenetv2, not for {kind}"
        )
    if model.channels == 1:
        return model, (_GRAY_ALREADY,)
    settings, (first, last) = model.settings, _ENDS[type(model)]
    weights = nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    activation = getattr(settings, "activation", "none")
    if getattr(settings, "normalise", False):
        changed: dict[str, Any] = {"gray": True}
        note = (
            "gray: replicated before and averaged after, nothing folded, because ImageNet's "
            "normalisation gives the three channels different values, but zero outside the image"
        )
    else:
        weights[first]["kernel"] = _over(np.sum, weights[first]["kernel"], 2)
        if activation == "none":
            for leaf in ("kernel", "bias"):
                weights[last][leaf] = _over(np.mean, weights[last][leaf], -1)
            changed = {"in_channels": 1, "out_channels": 1}
            note = "gray: first kernel summed over inputs, last averaged over outputs; exact"
        else:
            changed = {"in_channels": 1, "gray": True}
            note = (
                "gray: first kernel summed over inputs; the outputs are averaged after the "
                f"{activation}, which an averaged kernel would not equal"
            )
    return _with(weights, model, **changed), (note,)


def _gray_stem(model: MobileNetV2) -> tuple[MobileNetV2, tuple[str, ...]]:
    """A network that sees one channel as the other sees three equal ones, at borders too."""
    if model.settings.channels == 1:
        return model, (_GRAY_ALREADY,)
    weights = nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    stem = weights["stem"]["conv"]
    stem["kernel"] = _over(np.sum, stem["kernel"], 2)
    note = "gray: first kernel summed over inputs; exact where all three would be equal"
    return _with(weights, model, channels=1), (note,)


def _with(weights: dict[str, Any], like: Any, **changed: Any) -> Any:
    """A network of such weights, with the settings of another but for those that changed."""
    kind = kinds.describe(like)["model"]
    model = kinds.empty(kind, dataclasses.replace(like.settings, **changed))
    state = nnx.state(model, (nnx.Param, nnx.BatchStat))
    nnx.replace_by_pure_dict(state, weights)
    nnx.update(model, state)
    return model


def _over(combine: Callable[..., np.ndarray], array: Any, axis: int) -> jnp.ndarray:
    """Sum or mean over an axis that stays with length 1, in float64."""
    return jnp.asarray(
        combine(np.asarray(array, np.float64), axis=axis, keepdims=True), jnp.float32
    )
