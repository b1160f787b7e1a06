"""The probe's field of view, and the grid of beams and samples that echo is computed on.

Arrays in beam space are (depth, beams): SAMPLES x BEAMS, evenly in depth and angle.
"""

import dataclasses
from functools import lru_cache
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from echojax.simulate.anatomy import Section
from echojax.simulate.motion import material

Array = TypeVar("Array", jax.Array, NDArray[np.float32])

SAMPLES = 448
BEAMS = 160
# Motion is smooth: it is undone on every so many samples and beams.
COARSE_SAMPLES, COARSE_BEAMS = 4, 2

# Depths (mm) a machine can be set to, and how the setting compares with the depth of the atrium's
# roof: below 1 the roof is cut off.
DEPTHS = (110.0, 200.0)
DEPTH_STEP = 10.0
DEPTH_OVER_ROOF = (0.9, 1.18)
# Half angles in degrees: most of CAMUS is 75 degrees wide.
USUAL_HALF_ANGLE, USUAL = 37.3, 0.8
OTHER_HALF_ANGLES = (32.5, 35.0, 40.0, 44.8)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sector:
    """How deep (mm) and how wide (radians to either side) the probe looks."""

    depth: float
    half_angle: float


def draw_sector(rng: np.random.Generator, section: Section) -> Sector:
    """Draw how a sonographer sets depth, in 10 mm steps, and width: the atrium about fits."""
    down = np.cos(section.tilt) - section.lean * np.sin(section.tilt)
    reach = section.apex[1] + section.roof * float(down)
    wanted = reach * rng.uniform(*DEPTH_OVER_ROOF)
    depth = np.clip(DEPTH_STEP * np.round(wanted / DEPTH_STEP), *DEPTHS)
    half_angle = USUAL_HALF_ANGLE if rng.random() < USUAL else rng.choice(OTHER_HALF_ANGLES)
    return Sector(float(depth), float(np.radians(half_angle)))


def grid(sector: Sector) -> tuple[jax.Array, jax.Array]:
    """Depth (samples, 1) in mm and angle (1, beams) in radians of the grid."""
    depth = (jnp.arange(SAMPLES, dtype=jnp.float32) + 0.5) * (sector.depth / SAMPLES)
    angle = jnp.linspace(-1, 1, BEAMS, dtype=jnp.float32) * sector.half_angle
    return depth[:, None], angle[None, :]


def points(sector: Sector) -> tuple[jax.Array, jax.Array]:
    """Where the grid lies in the image plane: x and z in mm, each (depth, beams)."""
    return cartesian(*grid(sector))


def start_points(
    section: Section, sector: Sector, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Where what is on the grid at `activity` was at ED: x and z in mm, each (depth, beams)."""
    rows, columns = SAMPLES // COARSE_SAMPLES, BEAMS // COARSE_BEAMS
    depth = (jnp.arange(rows) + 0.5) * (sector.depth / rows)
    # The centres of groups of beams, as `resized` understands them.
    beam = COARSE_BEAMS * jnp.arange(columns) + (COARSE_BEAMS - 1) / 2
    angle = (beam * (2 / (BEAMS - 1)) - 1) * sector.half_angle
    x, z = cartesian(depth[:, None], angle[None, :])
    was_x, was_z = material(section, activity, x, z)
    shift = jnp.stack([was_x - x, was_z - z])
    shift = resized(shift, (SAMPLES, BEAMS))
    x, z = points(sector)
    return x + shift[0], z + shift[1]


def cartesian(depth: jax.Array, angle: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Points of beam space in the image plane: x and z in mm, of depths in mm and radians."""
    return depth * jnp.sin(angle), depth * jnp.cos(angle)


def resized(values: Array, shape: tuple[int, int], cubic: bool = False) -> Array:
    """Values (..., depth, beams) on a finer or coarser grid over the same place, of `shape`.

    Linear, or cubic (Keys, 1981, a = -0.5); onto a coarser grid, mean weighted in the same way.
    As a sum of few shifted arrays: a matrix product would be shared out among threads, and the last
    bits would depend on how many there are.
    """
    for axis, size in zip((-2, -1), shape, strict=True):
        places, weights = _taps(values.shape[axis], size, cubic)
        along = [1] * values.ndim
        along[axis] = size
        parts = [
            values.take(place, axis, mode="clip") * weight.reshape(along)
            for place, weight in zip(places, weights, strict=True)
        ]
        values = sum(parts[1:], parts[0])
    return values


@lru_cache
def _taps(size: int, wanted: int, cubic: bool) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Which of `size` values make up each of `wanted`, and their weights: (taps, wanted) each."""
    step = size / wanted
    centres = (np.arange(wanted) + 0.5) * step - 0.5
    off = np.abs(np.arange(size) - centres[:, None]) / max(step, 1)
    if cubic:
        near = (1.5 * off - 2.5) * off**2 + 1
        far = ((2.5 - 0.5 * off) * off - 4) * off + 2
        weights = np.where(off < 1, near, np.where(off < 2, far, 0))
    else:
        weights = np.maximum(1 - off, 0)
    # Beyond the edges there is nothing; the rest counts for more.
    weights /= weights.sum(axis=1, keepdims=True)
    first = (weights != 0).argmax(axis=1)
    last = size - (weights != 0)[:, ::-1].argmax(axis=1)
    taps = (last - first).max()
    places = np.minimum(first, size - taps)[:, None] + np.arange(taps)
    return places.T, np.take_along_axis(weights, places, axis=1).T.astype(np.float32)


def box_mean(values: jax.Array, samples: int, beams: int) -> jax.Array:
    """Mean of (depth, beams) over boxes that reach `samples` and `beams` to either side.

    Beyond the edges of the grid its outermost values go on.
    """
    for axis, reach in enumerate((samples, beams)):
        padding = [(reach, reach) if axis == each else (0, 0) for each in range(values.ndim)]
        padded, size = jnp.pad(values, padding, mode="edge"), values.shape[axis]
        shifted = [
            jax.lax.slice_in_dim(padded, first, first + size, axis=axis)
            for first in range(2 * reach + 1)
        ]
        values = sum(shifted[1:], shifted[0]) / len(shifted)
    return values
