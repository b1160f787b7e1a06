"""Telling classes of frames apart with a trained classifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.errors import InputError
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18
from echojax.resize import resize
from echojax.vocabulary import CLASSES
from echojax.weights import networks

# What a classifier's file says on its card: the tasks of its heads, the side of its square input.
HEADS, SIZE = "heads", "input size"

PER_HEAD = 2  # classes, and logits
_ASK = 32  # frames asked about at once


@dataclass(frozen=True)
class Classifier:
    """A classifier with what must be known to ask it: the tasks of its heads, its input's side."""

    model: ResNet18
    tasks: tuple[str, ...]
    size: int


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
    size = card.get(SIZE, "")
    if not size.isdecimal() or not int(size):
        raise InputError(f"{file}: says that its {SIZE} is {size!r}; expected pixels")
    return Classifier(model, tasks, int(size))


def heads_of(card: Mapping[str, str]) -> tuple[str, ...]:
    """The tasks that a card says its network has a head for, in the order of its logits."""
    return tuple(card[HEADS].split(",")) if card.get(HEADS) else ()


def as_input(frame: np.ndarray, size: int) -> np.ndarray:
    """A float32 frame (rows, columns) in [0, 1] as the classifier sees it, (size, size).

    The aspect is not kept, as in the resized copies of CAMUS that classifiers are trained on.
    """
    return resize(frame[..., None], (size, size))[..., 0].clip(0, 1)


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
