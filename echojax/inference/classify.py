"""Asking a classifier about frames."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18
from echojax.resize import resize

PER_HEAD = 2  # logits: those of a head's two classes
_AT_ONCE = 32  # frames


def as_input(frame: np.ndarray, size: int) -> np.ndarray:
    """A float32 frame (rows, columns) in [0, 1] as a classifier sees it, (size, size).

    The aspect is not kept, as in the resized copies of CAMUS that classifiers are trained on.
    """
    return resize(frame[..., None], (size, size))[..., 0].clip(0, 1)


def probabilities(model: ResNet18, frames: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Probability of class 1 for float32 frames (n, size, size) in [0, 1].

    Args:
        model: a network whose logits are those of one head after the other.
        frames: as `as_input` makes them; at least one.
        mesh: devices to share them between.

    Returns:
        (n, heads): a column for each head of the network.
    """
    at_once = -(-_AT_ONCE // mesh.size) * mesh.size
    answers = []
    for start in range(0, len(frames), at_once):
        part = frames[start : start + at_once]
        # The last part is filled up, so that one program serves every number of frames.
        filled = np.pad(part, [(0, at_once - len(part)), (0, 0), (0, 0)])
        answers.append(
            np.asarray(_program(model, devices.shard(jnp.asarray(filled), mesh)))[: len(part)]
        )
    return np.concatenate(answers)


@nnx.jit
def _program(model: ResNet18, frames: jax.Array) -> jax.Array:
    logits = model(as_imagenet(frames[..., None]))
    return nnx.softmax(logits.reshape(len(frames), -1, PER_HEAD))[..., 1]
