"""The probe's field of view, and the grid of beams and samples that echo is computed on.

Arrays in beam space are (depth, beams): SAMPLES x BEAMS, evenly in depth and angle.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from echojax.simulate.anatomy import Section
from echojax.simulate.motion import material

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
    depth, angle = grid(sector)
    return depth * jnp.sin(angle), depth * jnp.cos(angle)


def start_points(
    section: Section, sector: Sector, activity: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Where what is on the grid at `activity` was at ED: x and z in mm, each (depth, beams)."""
    rows, columns = SAMPLES // COARSE_SAMPLES, BEAMS // COARSE_BEAMS
    depth = (jnp.arange(rows) + 0.5)[:, None] * (sector.depth / rows)
    # The centres of groups of beams, as `resize` understands them.
    beam = COARSE_BEAMS * jnp.arange(columns) + (COARSE_BEAMS - 1) / 2
    angle = (beam * (2 / (BEAMS - 1)) - 1) * sector.half_angle
    x, z = depth * jnp.sin(angle), depth * jnp.cos(angle)
    was_x, was_z = material(section, activity, x, z)
    shift = jnp.stack([was_x - x, was_z - z])
    shift = jax.image.resize(shift, (2, SAMPLES, BEAMS), "linear")
    x, z = points(sector)
    return x + shift[0], z + shift[1]


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
