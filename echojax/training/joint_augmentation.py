"""Frames and their masks changed at random together, so that both still show the same.

Moved as Kjelsrud et al., IUS 2025 (arXiv:2509.03631), do it, half of the time; and lit otherwise,
half of the time, which leaves masks as they are.
"""

import jax
import jax.numpy as jnp

from echojax.training.augmentation import all_sampled, draw, light, places

_SHIFT = 0.1  # of a side
_SMALLEST, _LARGEST = 0.8, 1.1
_TURN = jnp.pi / 18  # 10 degrees
_SHARE = 0.5  # of the frames, for each change


def augment(
    keys: jax.Array, frames: jax.Array, targets: jax.Array, *, mirror: bool
) -> tuple[jax.Array, jax.Array]:
    """Change every frame and its mask at random.

    Args:
        keys: (n,) random keys, one for each frame.
        frames: (n, h, w) in [0, 1].
        targets: (n, h, w, structures), the share of each structure in each pixel.
        mirror: whether half of them are mirrored, too.

    Returns:
        Frames and targets of the same shapes; where they were moved away, 0.
    """

    def changed(key: jax.Array, frame: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
        moving, turning, happens, how = jax.random.split(key, 4)
        both = _moved(moving, jnp.concatenate([frame[..., None], target], axis=-1))
        if mirror:
            both = jnp.where(jax.random.bernoulli(turning), both[:, ::-1], both)
        frame, target = both[..., 0], both[..., 1:]
        lit = jnp.where(jax.random.bernoulli(happens, _SHARE), light(how, frame, 1.0), frame)
        return lit, target

    return jax.vmap(changed)(keys, frames, targets)


def _moved(key: jax.Array, maps: jax.Array) -> jax.Array:
    """Maps (h, w, c) shifted by up to 10 %, scaled by 0.8 to 1.1, turned by up to 10 degrees."""
    happens, how = jax.random.split(key)
    drawn = draw(how, 4) * jax.random.bernoulli(happens, _SHARE)
    turn, shift = _TURN * drawn[0], 2 * _SHIFT * drawn[1:3]
    middle, half = (_LARGEST + _SMALLEST) / 2, (_LARGEST - _SMALLEST) / 2
    scale = jnp.where(drawn[3] == 0, 1.0, middle + half * drawn[3])
    cos, sin = jnp.cos(turn), jnp.sin(turn)
    rows, columns = places(maps[..., 0])
    # From a pixel of the result back to where it was.
    turned = cos * rows - sin * columns, sin * rows + cos * columns
    sources = [place / scale + to for place, to in zip(turned, shift, strict=True)]
    return all_sampled(maps, sources)
