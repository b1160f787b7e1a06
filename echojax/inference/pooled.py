"""What a network that gives masks and grades sees of regions, and what it says of them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.errors import InputError
from echojax.inference.regions import REGIONS, Regions, divide
from echojax.inference.sector import sector
from echojax.inference.seen import DEPTH
from echojax.inference.segment import as_input, standardised
from echojax.models.region_head import Pooled
from echojax.resize import resize

_ASK = 8  # frames asked about at once; each has eight masks


def divided(
    frame: np.ndarray, mask: np.ndarray, spacing: tuple[float, float] | None = None
) -> Regions | None:
    """The regions of a frame; None where its mask cannot be divided.

    Args:
        frame: uint8 (rows, columns), upright.
        mask: labels of the same shape.
        spacing: mm between rows and between columns; by default square pixels and `seen.DEPTH`.
    """
    step = DEPTH / len(frame)
    try:
        return divide(mask, spacing or (step, step), sector(frame))
    except InputError:
        return None


def shares(frame: np.ndarray, regions: Regions | None, size: int) -> np.ndarray:
    """How much of each pixel that a network sees lies in a region and in the sector.

    Args:
        frame: uint8 (rows, columns).
        regions: of it; None for none.
        size: side of the square that the network sees.

    Returns:
        float32 (8, size, size) in [0, 1]; 0 everywhere for a region that is not there.
    """
    if regions is None:
        return np.zeros((len(REGIONS), size, size), np.float32)
    inside = (regions.masks & sector(frame)).astype(np.float32)
    return resize(inside[..., None], (size, size))[..., 0].clip(0, 1)


def features(
    model: Pooled, frames: Sequence[np.ndarray], regions: Sequence[Regions | None], size: int
) -> np.ndarray:
    """Features of the regions of frames.

    Args:
        model: the network.
        frames: uint8 (rows, columns) each.
        regions: of each; None for none.
        size: side of the square that the network sees.

    Returns:
        float32 (n, 8, features), NaN of a region that is not there.
    """
    parts = []
    for first in range(0, len(frames), _ASK):
        part = list(zip(frames, regions, strict=True))[first : first + _ASK]
        seen = np.stack([as_input(frame, size) for frame, _ in part])
        where = np.stack([shares(frame, own, size) for frame, own in part])
        parts.append(features_of(model, seen, where))
    return np.concatenate(parts)


def features_of(model: Pooled, seen: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Features of the regions of frames as the network sees them; NaN of a region without pixels.

    Args:
        model: the network.
        seen: float32 (n, size, size) in [0, 1].
        where: `shares` of each, (n, 8, size, size).
    """
    return np.asarray(_pooled(model, jnp.asarray(seen), jnp.asarray(where)))


def answers(model: Pooled, found: np.ndarray) -> np.ndarray:
    """Grades (n, 8) by features, (n, 8, features); NaN where these are."""
    return np.asarray(_graded(model, jnp.asarray(found)))


@nnx.jit
def _pooled(model: Pooled, seen: jax.Array, where: jax.Array) -> jax.Array:
    return model.pooled(standardised(seen), where)


@nnx.jit
def _graded(model: Pooled, found: jax.Array) -> jax.Array:
    return model.graded(found)
