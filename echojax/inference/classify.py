"""Telling classes of frames apart with a trained classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.answer import Answer
from echojax.inference.enhance import as_float
from echojax.inference.seen import gray_levels, largest
from echojax.media import Region
from echojax.media.stack import Stack, of_array
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18
from echojax.resize import resize, resize_gray, square_size
from echojax.vocabulary import CLASSES
from echojax.weights import networks

# What a classifier's file says on its card: the tasks of its heads, and what it sees of a frame.
HEADS, SIZE, FIT, PIXEL = "heads", "input size", "input fit", "input pixel"
SIMULATED = "simulated frames"  # how many of those that it learned from

Fit = Literal["stretch", "pad", "millimetres"]
FITS: tuple[Fit, ...] = get_args(Fit)

PER_HEAD = 2  # classes, and logits
_ASK = 32  # frames asked about at once


@dataclass(frozen=True)
class Shape:
    """How a frame is brought to the square that a classifier sees.

    Attributes:
        size: side of the square, pixels.
        fit: "stretch" changes the aspect; "pad" keeps it, black on the right and left or below;
            "millimetres" gives every frame pixels of one size and cuts off what lies beyond.
        pixel: side of a pixel, mm; for "millimetres" only.
    """

    size: int
    fit: Fit = "stretch"
    pixel: float = 0.0

    def card(self) -> dict[str, str]:
        """What a file says of it."""
        pixel = {PIXEL: f"{self.pixel:g} mm"} if self.fit == "millimetres" else {}
        return {SIZE: str(self.size), FIT: self.fit, **pixel}


@dataclass(frozen=True)
class Classifier:
    """A classifier with what must be known to ask it.

    Attributes:
        model: the network.
        tasks: of its heads: "view", "phase", or both.
        shape: of its input.
        simulated: whether it learned from frames that were simulated.
    """

    model: ResNet18
    tasks: tuple[str, ...]
    shape: Shape
    simulated: bool = False

    def predict(self, frames: Any, spacing: tuple[float, float] | None = None) -> dict[str, Answer]:
        """Tell the view and the phase of frames.

        They are brought to the input that the classifier was trained with: gray, 8 bit, square
        pixels, then `shape`. Of frames whose file names ultrasound regions the largest is seen.

        Args:
            frames: an array as `media.stack.of_array` takes it: (rows, columns), RGB, or several
                along a first axis, uint8, uint16 or floats from 0 to 1; a `Stack`, as
                `echojax.read` gives it; or `Frames`, as `echojax.camus` gives them.
            spacing: mm between rows and between columns, for an array whose pixels are not square,
                or a classifier whose `shape.fit` is "millimetres".

        Returns:
            The answer to each of `tasks`, a row a frame.

        Raises:
            TypeError: values of a type that does not say what is black and white.
            ValueError: an array of another shape, floats outside of 0 to 1, or no spacing where
                the classifier needs it.
        """
        if isinstance(frames, Frames):
            return self.answers(inputs(frames, self.shape))
        stack = frames if isinstance(frames, Stack) else of_array(frames)
        return self.answers(np.stack([self.input(frame, stack, spacing) for frame in stack.frames]))

    def input(
        self, frame: np.ndarray, of: "Known", spacing: tuple[float, float] | None = None
    ) -> np.ndarray:
        """A frame of any depth and colour as it is seen: float32 (size, size) in [0, 1].

        Args:
            frame: (rows, columns) or (rows, columns, 3).
            of: what is known of it.
            spacing: mm between its rows and between its columns; that of `of` by default.

        Raises:
            ValueError: no spacing is known, and `shape.fit` is "millimetres".
        """
        spacing = spacing or of.spacing
        if spacing is None and self.shape.fit == "millimetres":
            raise ValueError(
                f"the classifier sees pixels of {self.shape.pixel:g} mm, and the spacing of these "
                "frames is not known; pass spacing=(mm between rows, mm between columns)"
            )
        spacing = spacing or (1.0, 1.0)
        if of.regions:
            top, bottom, left, right = largest(of.regions)
            frame = frame[top:bottom, left:right]
        gray = resize_gray(
            gray_levels(frame, of.low, of.high), square_size(frame.shape[:2], spacing)
        )
        return as_input(as_float(gray), self.shape, (max(spacing),) * 2)

    def answers(self, seen: np.ndarray) -> dict[str, Answer]:
        """The answers for frames as `input` makes them, (n, size, size)."""
        columns = probabilities(self.model, seen, devices.data_mesh()).T
        return {task: Answer.of(task, p) for task, p in zip(self.tasks, columns, strict=True)}


class Known(Protocol):
    """What is known of frames: of a `Recording`, or a `Stack`."""

    @property
    def low(self) -> float:
        """The value of black."""

    @property
    def high(self) -> float:
        """The value of white."""

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Millimetres between rows and between columns."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """Where ultrasound is shown; empty if everywhere."""


def load(file: Path) -> Classifier:
    """The classifier of a file.

    Raises:
        InputError: it is not there, or holds something else.
    """
    model, card = networks.load(file, ResNet18), networks.card(file)
    tasks = heads_of(card)
    heads_fit = model.settings.classes == PER_HEAD * len(tasks)
    if not tasks or not heads_fit or not set(tasks) <= CLASSES.keys():
        raise InputError(
            f"{file}: does not hold a classifier of {' or '.join(CLASSES)}; pass a file of "
            "`echojax pretrain-classifier`, or RUN/classifiers/PROTOCOL/TASK/.../seedN"
        )
    return Classifier(model, tasks, _shape(card, file), SIMULATED in card)


def _shape(card: Mapping[str, str], file: Path) -> Shape:
    size, fit = card.get(SIZE, ""), card.get(FIT, "stretch")
    if not size.isdecimal() or not int(size):
        raise InputError(f"{file}: says that its {SIZE} is {size!r}; expected pixels")
    if fit not in FITS:
        raise InputError(f"{file}: says that its {FIT} is {fit!r}; expected {' or '.join(FITS)}")
    if fit != "millimetres":
        return Shape(int(size), cast(Fit, fit))
    try:
        return Shape(int(size), "millimetres", float(card.get(PIXEL, "").removesuffix(" mm")))
    except ValueError:
        raise InputError(
            f"{file}: says that its {PIXEL} is {card.get(PIXEL)!r}; expected a size in mm"
        ) from None


def heads_of(card: Mapping[str, str]) -> tuple[str, ...]:
    """The tasks that a card says its network has a head for, in the order of its logits."""
    return tuple(card[HEADS].split(",")) if card.get(HEADS) else ()


def simulated_card(learned: Frames) -> dict[str, str]:
    """What a file says of simulated frames among those that its classifier learned from."""
    number = int(learned.simulated.sum())
    return {SIMULATED: str(number)} if number else {}


def as_input(
    frame: np.ndarray, shape: Shape, spacing: Sequence[float] | np.ndarray = (1.0, 1.0)
) -> np.ndarray:
    """A frame as a classifier sees it: float32 (size, size) in [0, 1].

    Args:
        frame: float32 (rows, columns) in [0, 1], its pixels square.
        shape: how it is brought to a square.
        spacing: mm between its rows and between its columns.
    """
    rows, columns = frame.shape
    if shape.fit == "stretch":
        target = (shape.size, shape.size)
    elif shape.fit == "pad":
        longest = max(rows, columns)
        target = (_scaled(rows, shape.size / longest), _scaled(columns, shape.size / longest))
    else:
        target = (
            _scaled(rows, spacing[0] / shape.pixel),
            _scaled(columns, spacing[1] / shape.pixel),
        )
    return _placed(resize(frame[..., None], target)[..., 0].clip(0, 1), shape.size)


def inputs(frames: Frames, shape: Shape) -> np.ndarray:
    """Frames as a classifier sees them: float32 (n, size, size) in [0, 1]."""
    return np.stack(
        [
            as_input(as_float(image), shape, spacing)
            for image, spacing in zip(frames.images, frames.spacing, strict=True)
        ]
    )


def _scaled(pixels: int, factor: float) -> int:
    return max(1, round(pixels * factor))


def _placed(frame: np.ndarray, size: int) -> np.ndarray:
    """A frame on a black square: its top, where the probe is, at the top, in the middle between."""
    cut = max(0, frame.shape[1] - size) // 2
    frame = frame[:size, cut : cut + size]
    rows, columns = frame.shape
    left = (size - columns) // 2
    return np.pad(frame, [(0, size - rows), (left, size - columns - left)])


def probabilities(model: ResNet18, frames: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Probability of class 1 for float32 frames (n, size, size) in [0, 1].

    Returns:
        (n, heads): a column for each head of the network.
    """
    at_once = -(-_ASK // mesh.size) * mesh.size
    answers = []
    for start in range(0, len(frames), at_once):
        part = frames[start : start + at_once]
        # The last part is filled up, so that one program serves every number of frames.
        filled = np.pad(part, [(0, at_once - len(part)), (0, 0), (0, 0)])
        answers.append(
            np.asarray(_ask(model, devices.shard(jnp.asarray(filled), mesh)))[: len(part)]
        )
    return np.concatenate(answers)


@nnx.jit
def _ask(model: ResNet18, frames: jax.Array) -> jax.Array:
    logits = model(as_imagenet(frames[..., None]))
    return nnx.softmax(logits.reshape(len(frames), -1, PER_HEAD))[..., 1]
