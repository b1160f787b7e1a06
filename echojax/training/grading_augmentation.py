"""Frames changed at random in ways that leave the grades of their regions as they are.

After Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025): each change half of the time.
The gain is ours: how bright a frame is shown says nothing of how well its wall can be seen.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp

from echojax.training.augmentation import draw, places, sampled

_SHARE = 0.5  # of the frames, for each change
_TURN = jnp.pi / 6  # 30 degrees
_ZOOM = 0.15
_GAMMA = 0.1
_GAIN = 0.35  # logarithm of the factor: 0.7 to 1.4


def augment(
    keys: jax.Array, frames: jax.Array, grades: jax.Array, mirrored: Sequence[int]
) -> tuple[jax.Array, jax.Array]:
    """Change every frame at random; grades change places where left and right do.

    Args:
        keys: (n,) random keys, one for each frame.
        frames: (n, h, w) in [0, 1].
        grades: (n, regions).
        mirrored: which region of a frame each region of its mirror image is.

    Returns:
        Frames and grades of the same shapes; where frames were moved away, 0.
    """
    return jax.vmap(partial(_changed, swapped=jnp.array(mirrored)))(keys, frames, grades)


def _changed(
    key: jax.Array, frame: jax.Array, grades: jax.Array, swapped: jax.Array
) -> tuple[jax.Array, jax.Array]:
    choosing, drawing = jax.random.split(key)
    turned, zoomed, mirrored, curved, lit = jax.random.bernoulli(choosing, _SHARE, (5,))
    turn, zoom, curve, gain = draw(drawing, 4)
    frame = moved(frame, turned * _TURN * turn, 1 + zoomed * _ZOOM * zoom)
    frame = jnp.where(mirrored, frame[:, ::-1], frame)
    grades = jnp.where(mirrored, grades[swapped], grades)
    return shown(frame, curved * curve, lit * gain), grades


def shown(frame: jax.Array, curve: jax.Array, gain: jax.Array) -> jax.Array:
    """A frame in [0, 1] with another gamma and another gain, both told by a number in [-1, 1]."""
    # Of black, the slope of a power is infinite or none.
    frame = jnp.maximum(frame, 1e-6) ** (1 + _GAMMA * curve)
    return jnp.clip(jnp.exp(_GAIN * gain) * frame, 0, 1)


def moved(frame: jax.Array, turn: jax.Array, zoom: jax.Array) -> jax.Array:
    """A frame turned, radians, and enlarged about its middle; bilinear, 0 outside."""
    cos, sin = jnp.cos(turn) / zoom, jnp.sin(turn) / zoom
    rows, columns = places(frame)
    # From a pixel of the result back to where it was.
    sources = cos * rows - sin * columns, sin * rows + cos * columns
    return sampled(frame, sources)
