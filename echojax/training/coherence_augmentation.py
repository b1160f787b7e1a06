"""B-mode frames and their coherence changed at random, so that what is learned knows no gain.

As Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025) do it, each change half of the
time: both images are turned, mirrored and enlarged together; the B-mode alone gets another
compression and gain, since coherence comes before either.
"""

import jax
import jax.numpy as jnp

from echojax.training.augmentation import all_sampled, draw, places

_TURN = jnp.pi / 4
_ZOOM = 0.25
_GAMMA = 0.25
_GAIN = 0.2, 2.0
_BIAS = 128 / 255
_SHARE = 0.5  # of the frames, for each change


def augment(keys: jax.Array, maps: jax.Array) -> jax.Array:
    """Change every frame and what belongs to it at random.

    Args:
        keys: (n,) random keys, one for each frame.
        maps: (n, h, w, 3): the B-mode and its coherence in [0, 1], and 1 inside the sector.

    Returns:
        (n, h, w, 3); where they were moved away, 0.
    """

    def changed(key: jax.Array, own: jax.Array) -> jax.Array:
        moving, lighting = jax.random.split(key)
        own = _moved(moving, own)
        return own.at[..., 0].set(_lit(lighting, own[..., 0], own[..., 2]))

    return jax.vmap(changed)(keys, maps)


def _moved(key: jax.Array, maps: jax.Array) -> jax.Array:
    """Maps (h, w, c) turned up to 45 degrees, mirrored, 0.75 to 1.25 times as large, bilinear."""
    drawing, choosing = jax.random.split(key)
    turns, mirrors, zooms = jax.random.bernoulli(choosing, _SHARE, (3,))
    drawn = draw(drawing, 2)
    turn, zoom = _TURN * drawn[0] * turns, 1 + _ZOOM * drawn[1] * zooms
    cos, sin = jnp.cos(turn), jnp.sin(turn)
    rows, columns = places(maps[..., 0])
    columns = jnp.where(mirrors, -columns, columns)
    # From a pixel of the result back to where it was.
    sources = [(cos * rows - sin * columns) / zoom, (sin * rows + cos * columns) / zoom]
    return all_sampled(maps, sources)


def _lit(key: jax.Array, frame: jax.Array, inside: jax.Array) -> jax.Array:
    """An exponent of 0.75 to 1.25; a gain of 0.2 to 2, and up to 128 levels more in the sector."""
    drawing, choosing = jax.random.split(key)
    compresses, amplifies = jax.random.bernoulli(choosing, _SHARE, (2,))
    exponent, factor, more = draw(drawing, 3)
    low, high = _GAIN
    gamma = 1 + _GAMMA * exponent * compresses
    gain = jnp.where(amplifies, low + (high - low) * (factor + 1) / 2, 1.0)
    bias = _BIAS * (more + 1) / 2 * amplifies
    bent = jnp.maximum(frame, 1e-6) ** gamma  # its gradient is none at 0
    return jnp.clip(gain * bent + bias * inside, 0, 1)
