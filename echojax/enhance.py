"""Enlarging frames four times, and the two ways the study uses it: `upscale` and `restore`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.resize import Array, Method, enlarge, reduce

SCALE = 4
_STEP = 32  # low-resolution sizes are rounded up to this, so that few programs are compiled

Enlarge = Callable[[np.ndarray], np.ndarray]
"""From a float32 frame (rows, columns) in [0, 1] to one SCALE times larger, in [0, 1]."""


def degrade(images: Array) -> Array:
    """Low-resolution counterpart of images (..., rows, columns, channels) in [0, 1]: bicubic /4."""
    return reduce(images, SCALE).clip(0, 1)


def interpolation(method: Method) -> Enlarge:
    """Enlarging by resampling alone, the control of every network."""
    return lambda frame: enlarge(frame[..., None], SCALE, method)[..., 0].clip(0, 1)


@nnx.jit
def _run(model: nnx.Module, x: jax.Array) -> jax.Array:
    return jnp.clip(model(x), 0, 1)


def network(model: nnx.Module) -> Enlarge:
    """Enlarging by a trained x4 network of one channel.

    Frames are continued by reflection up to the next multiple of 32 pixels and the surplus is cut
    off again, so that frames of many sizes share few compiled programs.
    """

    def run(frame: np.ndarray) -> np.ndarray:
        rows, columns = frame.shape
        padded = np.pad(frame, [(0, -n % _STEP) for n in frame.shape], mode="reflect")
        large = np.asarray(_run(model, jnp.asarray(padded)[None, ..., None]))[0, ..., 0]
        return large[: rows * SCALE, : columns * SCALE]

    return run


def upscale(frame: np.ndarray, enlarge_by: Enlarge) -> np.ndarray:
    """The frame itself, four times larger.

    Args:
        frame: uint8 (rows, columns).
        enlarge_by: what enlarges it.

    Returns:
        float32 (4 rows, 4 columns) in [0, 1].
    """
    return enlarge_by(as_float(frame))


def restore(frame: np.ndarray, enlarge_by: Enlarge) -> np.ndarray:
    """The frame reduced by four and brought back to its size.

    Args:
        frame: uint8 (rows, columns).
        enlarge_by: what brings it back.

    Returns:
        float32 (rows, columns) in [0, 1].
    """
    rows, columns = frame.shape
    whole = np.pad(as_float(frame), [(0, -n % SCALE) for n in frame.shape], mode="edge")
    return enlarge_by(degrade(whole[..., None])[..., 0])[:rows, :columns]


def as_float(frame: np.ndarray) -> np.ndarray:
    """Uint8 gray levels as float32 in [0, 1]."""
    return frame.astype(np.float32) / 255
