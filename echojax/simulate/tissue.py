"""What lies where in a heart at ED, painted from outside inwards; and its valves at any time.

Lengths are millimetres; axes are those of `anatomy`.
"""

from enum import IntEnum

import jax
import jax.numpy as jnp
import numpy as np

from echojax.simulate.anatomy import (
    RV_APEX,
    TRABECULAE,
    TRICUSPID_OFFSET,
    Section,
    atrium_radius,
    heart_axes,
    middle,
    outline,
    rv_width,
    sine,
)
from echojax.simulate.motion import RIGHT_DESCENT, excursion, shortening

ATRIAL_WALL = 2.5
RIGHT_WALL = 3.5
PERICARDIUM_THICKNESS = 2.5
# Fat fills the groove between atrium and ventricle, outside the annulus: this far behind it, and
# so many times as long as wide.
GROOVE_RADIUS = 4.5
GROOVE_BEHIND, GROOVE_STRETCH = 3.0, 1.6
# The moderator band leaves the septum at this part of the right ventricle's length and rises by
# this slope; half its thickness.
BAND_AT, BAND_SLOPE, BAND_HALF = 0.4, 0.5, 1.2
PAPILLARIES = 2
# Leaflets of unequal length, as parts of half the annulus, left and right.
LEAFLET_SHARES = (1.15, 0.85)
LEAFLET_THICKNESS = 0.9
LEAFLET_SAG = 0.12  # part of its length
WIDE_OPEN = 1.35  # radians between annulus and leaflet


class Tissue(IntEnum):
    """What lies at a point; the first four values are the labels of CAMUS's masks."""

    SURROUNDINGS = 0
    LV_CAVITY = 1
    MYOCARDIUM = 2
    LEFT_ATRIUM = 3
    RIGHT_CAVITY = 4
    THIN_WALL = 5
    PAPILLARY = 6
    PERICARDIUM = 7
    FAT = 8


# Of each `Tissue`. Papillary muscles and trabeculae belong to the cavity in CAMUS's masks.
LABELS = np.array([0, 1, 2, 3, 0, 0, 1, 0, 0], np.uint8)


def tissues(section: Section, x: jax.Array, z: jax.Array) -> jax.Array:
    """What lies at the points (x, z) at ED, in mm, as values of `Tissue`, uint8."""
    return tissues_at(section, *heart_axes(section, x, z))


def tissues_at(section: Section, along: jax.Array, across: jax.Array) -> jax.Array:
    """What lies at points of the heart's own axes at ED, in mm, as values of `Tissue`, uint8."""
    beside = across - middle(section, along)
    wall = jnp.where(beside < 0, section.wall[0], section.wall[1])
    four = section.four_chamber > 0

    # Beyond the valve plane walls go on as they are there.
    down = jnp.minimum(along, section.base)

    def ventricle(margin: jax.Array | float, apical: jax.Array | float) -> jax.Array:
        return jnp.abs(beside) < outline(section, down, margin, apical)

    def atrium(centre: float, radius: float, plane: float, margin: float) -> jax.Array:
        reach = atrium_radius(section, along, radius, plane, margin)
        within = (along > plane) & (along < section.roof + margin)
        return within & (jnp.abs(across - centre) < reach)

    plane = section.base - TRICUSPID_OFFSET
    septum = beside + outline(section, along, section.wall[0], section.apical)
    rv_top = RV_APEX * section.base

    def right_ventricle(margin: float) -> jax.Array:
        part = jnp.clip((along - rv_top + 2 * margin) / (plane - rv_top), 0, 1)
        inside = (septum < 0) & (septum > -rv_width(section, part) - margin)
        return inside & (part > 0) & (along > 0) & (along < plane)

    ra_middle = section.la_shift - section.la_radius - section.ra_radius - ATRIAL_WALL
    # They reach around the way into the atrium, not across it.
    way = ventricle(0.0, 0.0)
    cavity = way & (along < section.base)
    walled = cavity | (~way & (along < section.base + section.basal))
    rim = ventricle(wall + PERICARDIUM_THICKNESS, section.apical + PERICARDIUM_THICKNESS) & walled
    behind = atrium(
        section.la_shift,
        section.la_radius,
        section.base,
        ATRIAL_WALL + PERICARDIUM_THICKNESS,
    ) & (along > (section.base + section.roof) / 2)
    tissue = jnp.zeros(along.shape, jnp.uint8)

    def paint(where: jax.Array, what: Tissue) -> None:
        nonlocal tissue
        tissue = jnp.where(where, jnp.uint8(what), tissue)

    # Towards the left of a 4CH view the pericardium runs around the right heart instead.
    paint((rim & (~four | (across > 0))) | behind, Tissue.PERICARDIUM)
    paint(four & right_ventricle(RIGHT_WALL + PERICARDIUM_THICKNESS), Tissue.PERICARDIUM)
    for side, thickness in ((-1, section.wall[0]), (1, section.wall[1])):
        groove = side * (section.taper * section.radius + thickness)
        distance = jnp.hypot(
            (along - section.base - GROOVE_BEHIND) / GROOVE_STRETCH, across - groove
        )
        paint(distance < GROOVE_RADIUS, Tissue.FAT)
    paint(four & right_ventricle(RIGHT_WALL), Tissue.THIN_WALL)
    paint(four & atrium(ra_middle, section.ra_radius, plane, ATRIAL_WALL), Tissue.THIN_WALL)
    paint(atrium(section.la_shift, section.la_radius, section.base, ATRIAL_WALL), Tissue.THIN_WALL)
    right_cavity = four & right_ventricle(0.0)
    paint(right_cavity, Tissue.RIGHT_CAVITY)
    # The moderator band crosses the right ventricle near its apex.
    band = jnp.abs(along - rv_top - BAND_AT * (plane - rv_top) - BAND_SLOPE * septum) < BAND_HALF
    paint(right_cavity & band, Tissue.THIN_WALL)
    paint(four & atrium(ra_middle, section.ra_radius, plane, 0.0), Tissue.RIGHT_CAVITY)
    paint(ventricle(wall, section.apical) & walled, Tissue.MYOCARDIUM)
    paint(atrium(section.la_shift, section.la_radius, section.base, 0.0), Tissue.LEFT_ATRIUM)
    paint(cavity, Tissue.LV_CAVITY)
    for number in range(PAPILLARIES):
        at, aside, half_length, half_width = section.papillaries[number]
        width = jnp.maximum(half_width, 1e-3)
        muscle = ((along - at) / half_length) ** 2 + ((beside - aside) / width) ** 2 < 1
        paint(cavity & muscle, Tissue.PAPILLARY)
    for number in range(TRABECULAE):
        at, aside, radius = section.trabeculae[number]
        paint(cavity & (jnp.hypot(along - at, beside - aside) < radius), Tissue.PAPILLARY)
    return tissue


def leaflets(section: Section, activity: jax.Array, x: jax.Array, z: jax.Array) -> jax.Array:
    """Whether valve leaflets lie at (x, z), in mm, at `activity`: 1 on them, falling to 0."""
    along, across = heart_axes(section, x, z)
    descent = shortening(section, activity, jnp.asarray(section.base))
    sway = activity * section.swing * section.base
    inwards, _ = excursion(section, jnp.asarray(section.base))
    half = section.taper * section.radius - activity * inwards
    opening = section.opening * (1 - activity) ** 2
    plane = section.base + descent
    mitral = _valve(along - plane, across + sway, half, opening, section.tenting)
    plane = section.base - TRICUSPID_OFFSET + RIGHT_DESCENT * descent
    right = rv_width(section, jnp.ones(())) / 2
    centre = -(section.taper * section.radius + section.wall[0] + right)
    tricuspid = _valve(along - plane, across + sway - centre, right, opening, section.tenting)
    return jnp.maximum(mitral, section.four_chamber * tricuspid)


def _valve(
    along: jax.Array, across: jax.Array, half: jax.Array, opening: jax.Array, tenting: float
) -> jax.Array:
    """Two leaflets hinged at +-`half`, which meet at the tent's top and open into the ventricle."""
    nearest = jnp.full(along.shape, jnp.inf)
    for side, share in zip((-1.0, 1.0), LEAFLET_SHARES, strict=True):
        length = share * jnp.hypot(half, tenting)
        closed = jnp.arctan2(tenting, half * share)
        angle = closed + opening * (WIDE_OPEN - closed)
        tip_along, tip_across = -length * jnp.sin(angle), side * (half - length * jnp.cos(angle))
        hinge = side * half
        run_along, run_across = tip_along, tip_across - hinge
        part = (along * run_along + (across - hinge) * run_across) / length**2
        part = jnp.clip(part, 0, 1)
        # Leaflets sag a little between hinge and tip.
        sag = LEAFLET_SAG * length * sine(jnp.pi * part) * (1 - opening)
        distance = jnp.hypot(along - part * run_along + sag, across - hinge - part * run_across)
        nearest = jnp.minimum(nearest, distance)
    return jnp.exp(-((nearest / LEAFLET_THICKNESS) ** 2))
