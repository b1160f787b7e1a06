"""Frames made poorer at random, so that a classifier of good ones knows what poor ones look like.

The competitor of enhancing what is tested. How much poorer is drawn for each frame, from not at all
up, so that good frames look like anything between good and poor. What makes a frame poor is a thick
chest wall (haze and clutter near the probe, less gain), ribs and lost contact (shadows), a wider
beam (blur, along either axis), a flatter picture, and noise.
"""

from functools import partial

import jax
import jax.numpy as jnp

from echojax.training.augmentation import (
    BLACK,
    Strength,
    blur,
    draw,
    noise,
    places,
    shadow,
    smoothing,
)

_VEIL = 0.4  # gray level added close to the probe
_GAIN = 0.5  # logarithm of the factor that is lost
_CONTRAST = 0.5  # share of it that is lost
_HOLES = 0.03  # of a side: black within the sector that is smaller counts as lit


def degrade(keys: jax.Array, frames: jax.Array, strength: float) -> jax.Array:
    """Make every frame poorer at random.

    Args:
        keys: (n,) random keys, one for each frame, so that what happens to a frame does not depend
            on the others of its batch.
        frames: (n, h, w) in [0, 1].
        strength: of the poorest frames, in [0, 2]; 0 leaves all as they are.

    Returns:
        (n, h, w) in [0, 1]; black surroundings stay black.
    """
    return jax.vmap(partial(_poorer, strength=strength))(keys, frames)


def _poorer(key: jax.Array, frame: jax.Array, strength: float) -> jax.Array:
    own, key = jax.random.split(key)
    severity = strength * jax.random.uniform(own)
    # As things happen: chest wall, ribs, the beam, then the scanner.
    transforms = (_veil, shadow, blur, _fade, noise)
    for transform, own in zip(transforms, jax.random.split(key, len(transforms)), strict=True):
        frame = transform(own, frame, severity)
    return frame


def _veil(key: jax.Array, frame: jax.Array, severity: Strength) -> jax.Array:
    """Haze of up to 40 % of white near the probe, gone within 10 to 60 % of the depth, in patches.

    Black surroundings stay black.
    """
    amount, reach, down, across, phase = (draw(key, 5) + 1) / 2
    rows, columns = places(frame)
    depth = (rows + 1) / 2
    patches = 1 + 0.5 * jnp.cos(jnp.pi * (2 * down * rows + 3 * across * columns + 2 * phase))
    veil = _VEIL * severity * amount * jnp.exp(-depth / (0.1 + 0.5 * reach)) * patches
    lit = (frame > BLACK).astype(frame.dtype)
    for n in frame.shape:  # an axis each; transposed twice
        lit = (smoothing(n, jnp.asarray(_HOLES * n)) @ lit).T
    return jnp.where(lit > 0.5, jnp.clip(frame + veil * (1 - frame), 0, 1), frame)


def _fade(key: jax.Array, frame: jax.Array, severity: Strength) -> jax.Array:
    """Factor down to 0.6, and up to half of the contrast lost. Black stays black."""
    gain, contrast = severity * (draw(key, 2) + 1) / 2
    lit = frame > BLACK
    mean = jnp.sum(frame * lit) / jnp.maximum(jnp.sum(lit), 1)
    flat = jnp.where(lit, mean + (1 - _CONTRAST * contrast) * (frame - mean), frame)
    return jnp.clip(jnp.exp(-_GAIN * gain) * flat, 0, 1)
