"""How a heart moves from ED to ES: chambers, walls and speckle together.

`activity` is 0 at ED and 1 at ES. Lengths are millimetres; axes are those of `anatomy`. Motion is
that measured on CAMUS's masks, unless another source is named.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from echojax import devices
from echojax.simulate.anatomy import (
    RV_APEX,
    SHORTENING_PER_EJECTION,
    Section,
    atrium_radius,
    heart_axes,
    middle,
    outline,
)
from echojax.simulate.programs import compiled

# The epicardium follows the endocardium by this part of its way; the rest is wall thickening.
EPICARDIUM_FOLLOWS = 0.6
# The annulus is stiffer than the walls, which become so over this length above it.
ANNULUS_FOLLOWS = 0.5
STIFFENING = 10.0
# An atrium widens by this part of its radius, all of it only so far behind the valve; beyond its
# roof motion ceases over as much to either side.
ATRIAL_FILLING = 0.2
ATRIAL_TRANSITION = 12.0
ROOF_TRANSITION = 10.0
# The apex thickens inwards by this part of the shortening, over this length.
APICAL_THICKENING = 0.3
APICAL_REACH = 12.0
# The tricuspid annulus descends further than the mitral one (TAPSE and MAPSE of healthy adults),
# from about this far left of the axis on, softly.
RIGHT_DESCENT = 1.5
RIGHT_FROM, RIGHT_SOFTNESS = 30.0, 5.0
# The right ventricle's free wall moves by this part of its radius towards the septum. It lies so
# many radii beside the septum; motion spreads over so many radii around it, and so far past the
# apex and base.
RIGHT_EMPTYING = 0.3
FREE_WALL, FREE_WALL_WIDTH = 1.6, 1.2
RIGHT_TRANSITION = 12.0
# How far motion reaches beyond the heart, and that along the axis, as a multiple.
REACH = 30.0
AXIAL_REACH = 2.2
# Motion is undone by so many fixed-point steps; each leaves about half of the error.
INVERSION_STEPS = 8
DISCS = 20  # as echo machines do
SMALLEST_CAVITY = 1e-3  # keeps quotients finite


def displacement(
    section: Section, activity: jax.Array, x: jax.Array, z: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """How far what lies at (x, z) at ED has moved, in x and z, at `activity`; mm."""
    along, across = heart_axes(section, x, z)
    below = _below(section, along)
    # The middle of the ventricle, then that of the left atrium.
    beside = across - middle(section, along) - below * section.la_shift
    inwards, follows = excursion(section, along)
    ventricle = jnp.where(
        along < section.base, outline(section, along), section.taper * section.radius
    )
    cavity = (1 - below) * ventricle + below * atrium_radius(section, along)
    cavity = jnp.maximum(cavity, SMALLEST_CAVITY)
    side = jnp.where(beside < 0, section.wall[0], section.wall[1])
    off = jnp.abs(beside)
    part = jnp.clip((off - cavity) / side, 0, 1)
    way = jnp.where(
        off < cavity, inwards * off / cavity, inwards + (follows - inwards) * part
    ) * jnp.exp(-jnp.maximum(off - cavity - side, 0) / REACH)
    way_right = section.four_chamber * _right_emptying(section, along, across)
    shift_across = activity * (way_right - jnp.sign(beside) * way)
    near = jnp.exp(-((across / (AXIAL_REACH * REACH)) ** 2))
    right_side = jax.nn.sigmoid((-across - RIGHT_FROM) / RIGHT_SOFTNESS)
    descent = 1 + (RIGHT_DESCENT - 1) * section.four_chamber * right_side
    shift_along = shortening(section, activity, along) * near * descent
    shift_across -= activity * section.swing * section.base * _ramp(section, along) * near
    shift_across += section.lean * shift_along
    right, down = jnp.sin(section.tilt), jnp.cos(section.tilt)
    return (
        shift_along * right + shift_across * down,
        shift_along * down - shift_across * right,
    )


def material(
    section: Section, activity: jax.Array, x: jax.Array, z: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Where what is at (x, z) at `activity` was at ED, mm: `displacement` undone."""

    def step(_: int, start: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        shift_x, shift_z = displacement(section, activity, *start)
        return x - shift_x, z - shift_z

    # A loop, not its unrolled steps: XLA would compute each step again for every use of it.
    return jax.lax.fori_loop(0, INVERSION_STEPS, step, (x, z))


def shortening(section: Section, activity: jax.Array | float, along: jax.Array) -> jax.Array:
    """Motion along the axis, mm: the base comes down on the apex, whose wall thickens inwards."""
    total = SHORTENING_PER_EJECTION * section.ejection * section.length
    thickening = APICAL_THICKENING * total
    apical = thickening * jnp.exp(-(((along - section.apical) / APICAL_REACH) ** 2))
    return activity * (apical - (total - thickening) * _ramp(section, along))


def excursion(section: Section, along: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How far endocardium and epicardium move inwards until ES, mm; an atrium's wall: outwards."""
    near_base = jnp.clip((along - section.base) / STIFFENING + 1, 0, 1)
    ventricle = (1 - section.contraction) * outline(section, along)
    ventricle *= 1 - (1 - ANNULUS_FOLLOWS) * near_base
    annulus = (1 - section.contraction) * ANNULUS_FOLLOWS * section.taper * section.radius
    below = _below(section, along)
    atrium = annulus * (1 - below) - ATRIAL_FILLING * atrium_radius(section, along) * below
    inwards = jnp.where(along < section.base, ventricle, atrium)
    top = jnp.clip(along / jnp.maximum(section.apical, 1.0), 0, 1)
    beyond = jnp.clip((section.roof + ROOF_TRANSITION - along) / (2 * ROOF_TRANSITION), 0, 1)
    inwards = inwards * top * beyond
    return inwards, EPICARDIUM_FOLLOWS * inwards


def ejection_fraction(section: Section, activities: NDArray[np.float32]) -> int:
    """Ejection fraction in percent between two activities, from discs (Simpson's rule)."""
    one_type = jax.tree.map(np.float32, section)
    with jax.default_device(devices.cpu()):
        diastole, systole = np.asarray(_volumes(one_type, activities))
    return round(100 * (1 - float(systole) / float(diastole)))


@compiled
def _volumes(section: Section, activities: jax.Array) -> jax.Array:
    """Of the LV's cavity at two activities, (2,), mm^3."""
    edges = section.apical + section.length * jnp.linspace(0, 1, DISCS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    inwards, _ = excursion(section, centres)
    volumes = []
    for activity in activities:
        moved = edges + shortening(section, activity, edges)
        discs = jnp.pi * (outline(section, centres) - activity * inwards) ** 2
        volumes.append((discs * jnp.diff(moved)).sum())
    return jnp.stack(volumes)


def _right_emptying(section: Section, along: jax.Array, across: jax.Array) -> jax.Array:
    """How far the right ventricle's free wall moves towards the septum, mm."""
    apex = RV_APEX * section.base
    from_apex = jnp.clip((along - apex) / RIGHT_TRANSITION + 1, 0, 1)
    to_base = jnp.clip((section.base - along) / RIGHT_TRANSITION + 1, 0, 1)
    free_wall = -(section.radius + section.wall[0] + FREE_WALL * section.rv_radius)
    off = (across - free_wall) / (FREE_WALL_WIDTH * section.rv_radius)
    return RIGHT_EMPTYING * section.rv_radius * from_apex * to_base * jnp.exp(-(off**2))


def _below(section: Section, along: jax.Array) -> jax.Array:
    """0 down to the end of the ventricle's walls, 1 from a little behind it on."""
    return jnp.clip((along - section.base - section.basal) / ATRIAL_TRANSITION, 0, 1)


def _ramp(section: Section, along: jax.Array) -> jax.Array:
    """0 at the apex, 1 at the base, 0 again at the atrial roof."""
    down = jnp.clip((along - section.apical) / section.length, 0, 1)
    return down * jnp.clip((section.roof - along) / section.la_height, 0, 1)
