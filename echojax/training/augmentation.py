"""Frames changed at random, so that what is learned on simulated ones holds on others.

Every transform takes the key of one frame, the frame (h, w) in [0, 1] and a strength; strength 0
leaves the frame as it is, 1 uses the ranges that are written beside each. There is no mirror image:
left and right tell the views apart. `degradation.py` takes some of the transforms from here.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

Strength = float | jax.Array  # a number

_TURN = jnp.pi / 15  # 12 degrees: how a probe is held
_SCALE = 1.25  # depth setting and heart size; the axes apart, as sectors differ in width
_SHIFT = 0.08  # of a side
_BLUR = 0.015  # of a side, standard deviation: a probe of lower frequency
_GAMMA = 0.4  # logarithm of the exponent: how a scanner compresses
_GAIN = 0.35  # logarithm of the factor
_NOISE = 0.08  # standard deviation
BLACK = 4 / 255  # and below: outside the sector, also after a blur
_SHADOWED = _ERASED = 0.4  # of the frames


def augment(keys: jax.Array, frames: jax.Array, strength: float) -> jax.Array:
    """Change every frame at random.

    Args:
        keys: (n,) random keys, one for each frame, so that a frame's change does not depend on
            the others of its batch.
        frames: (n, h, w) in [0, 1].
        strength: of all transforms, in [0, 2].

    Returns:
        (n, h, w) in [0, 1]; where the frame was moved away, 0.
    """
    return jax.vmap(partial(_changed, strength=strength))(keys, frames)


def _changed(key: jax.Array, frame: jax.Array, strength: float) -> jax.Array:
    # As things happen: ribs and lungs, then how the probe is held, then the scanner.
    transforms = (shadow, _move, blur, light, noise, _erase)
    for transform, own in zip(transforms, jax.random.split(key, len(transforms)), strict=True):
        frame = transform(own, frame, strength)
    return frame


def draw(key: jax.Array, number: int) -> jax.Array:
    """Numbers between -1 and 1."""
    return jax.random.uniform(key, (number,), minval=-1, maxval=1)


def places(frame: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Row and column of every pixel as -1 to 1 over the frame: (h, 1) and (1, w)."""
    rows, columns = (jnp.linspace(-1 + 1 / n, 1 - 1 / n, n) for n in frame.shape)
    return rows[:, None], columns[None, :]


def shadow(key: jax.Array, frame: jax.Array, strength: Strength) -> jax.Array:
    """In 40 % of the frames a wedge of 6 to 20 degrees below a rib or beside a lung, darkened.

    Its tip is the sector's, at the top in the middle; it begins within 70 % of the depth and
    leaves 0 to 60 % of the echo.
    """
    happens, where, width, begin, left = draw(key, 5)
    rows, columns = places(frame)
    depth = rows + 1
    angle = jnp.arctan2(columns, depth)
    inside = jnp.abs(angle - where * jnp.pi / 5) < jnp.deg2rad(6.5 + 3.5 * width)
    inside &= depth > 0.7 * (begin + 1)
    inside &= (happens + 1) / 2 < _SHADOWED * strength
    return jnp.where(inside, frame * 0.3 * (left + 1), frame)


def _move(key: jax.Array, frame: jax.Array, strength: float) -> jax.Array:
    """Turned by up to 12 degrees, each axis scaled by 0.8 to 1.25 and shifted by 8 % of its side.

    Bilinear; 0 outside. Probes are held, depths are set and hearts lie differently.
    """
    drawn = strength * draw(key, 5)
    turn, scale, shift = drawn[0], drawn[1:3], 2 * _SHIFT * drawn[3:]
    cos, sin = jnp.cos(_TURN * turn), jnp.sin(_TURN * turn)
    rows, columns = places(frame)
    # From a pixel of the result back to where it was.
    turned = cos * rows - sin * columns, sin * rows + cos * columns
    sources = [place * _SCALE**by + to for place, by, to in zip(turned, scale, shift, strict=True)]
    return sampled(frame, sources)


def sampled(frame: jax.Array, sources: Sequence[jax.Array]) -> jax.Array:
    """A frame (h, w) moved: each pixel has what lies at its source; bilinear, 0 outside.

    Args:
        frame: gray levels.
        sources: rows and columns as of `places`, (h, w) each.
    """
    pixels = [((at + 1) * n - 1) / 2 for at, n in zip(sources, frame.shape, strict=True)]
    return map_coordinates(frame, pixels, order=1, mode="constant")


def all_sampled(maps: jax.Array, sources: Sequence[jax.Array]) -> jax.Array:
    """Maps (h, w, c) moved alike, as `sampled`."""
    return jax.vmap(sampled, in_axes=(-1, None), out_axes=-1)(maps, sources)


def blur(key: jax.Array, frame: jax.Array, strength: Strength) -> jax.Array:
    """Along each axis by a Gaussian of up to 1.5 % of the side: other probes, other resolution.

    The axes apart, since a beam is wider than its pulse is long. As a matrix product per axis,
    which costs less than a convolution.
    """
    down, across = (
        smoothing(n, _BLUR * strength * n * (drawn + 1) / 2)
        for n, drawn in zip(frame.shape, draw(key, 2), strict=True)
    )
    return down @ frame @ across.T


def smoothing(n: int, sigma: jax.Array) -> jax.Array:
    """Matrix (n, n) of Gaussian weights; each row sums to 1."""
    at = jnp.arange(n)
    # Without width it is the identity, and no division by zero.
    weights = jnp.exp(-0.5 * ((at[:, None] - at[None, :]) / jnp.maximum(sigma, 0.05)) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


def light(key: jax.Array, frame: jax.Array, strength: float) -> jax.Array:
    """Exponent of 0.67 to 1.5, factor of 0.7 to 1.4: compression and gain. Black stays black."""
    gamma, gain = jnp.exp(strength * jnp.array([_GAMMA, _GAIN]) * draw(key, 2))
    return jnp.clip(gain * frame**gamma, 0, 1)


def noise(key: jax.Array, frame: jax.Array, strength: Strength) -> jax.Array:
    """White noise of up to 8 %, only where there is some echo: scanners leave the rest black."""
    amount, grain = jax.random.split(key)
    sigma = strength * _NOISE * jax.random.uniform(amount)
    noisy = jnp.clip(frame + sigma * jax.random.normal(grain, frame.shape), 0, 1)
    return jnp.where(frame > BLACK, noisy, frame)


def _erase(key: jax.Array, frame: jax.Array, strength: float) -> jax.Array:
    """In 40 % of the frames a box of 10 to 35 % of each side becomes black.

    No single structure may be all that an answer rests on (Zhong et al., AAAI 2020).
    """
    drawn = draw(key, 5)
    happens, at, sides = drawn[0], drawn[1:3], 0.225 + 0.125 * drawn[3:]
    rows, columns = places(frame)
    inside = (jnp.abs(rows - at[0]) < sides[0]) & (jnp.abs(columns - at[1]) < sides[1])
    return jnp.where(inside & ((happens + 1) / 2 < _ERASED * strength), 0, frame)
