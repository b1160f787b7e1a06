"""Ellipsoidal hearts: what lies at a point of the image plane, in each view and phase.

Lengths are millimetres. An image plane has its origin at the probe, x to the right and z downwards
(depth). Typical sizes are those measured on the masks of CAMUS (Leclerc et al., IEEE TMI 2019).
"""

from dataclasses import dataclass
from enum import IntEnum
from math import cos, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

VIEWS = ("2CH", "4CH")
PHASES = ("ED", "ES")

# Where the long axis is widest, as a part of the cavity's length from the apex.
WAIST = 0.62
# An atrium is an ellipse of this semi-axis (part of its height) cut off by the valve plane.
ATRIUM_CUT = 0.58
# The apical wall is thinner than the others.
APICAL_WALL = 0.7
# Long-axis shortening goes with the ejection fraction: 13 % at an ejection fraction of 54 %.
SHORTENING_PER_EJECTION = 0.24
ATRIUM_WIDENING = 1.1
RIGHT_NARROWING = 0.85
ATRIAL_WALL = 2.5
RIGHT_WALL = 3.5
PERICARDIUM_THICKNESS = 2.0
VALVE_THICKNESS = 1.6
# The tricuspid valve sits a little closer to the apex than the mitral valve.
TRICUSPID_OFFSET = 5.0
# The annulus is narrower than the LV's waist, so leaflets and right heart start further in.
ANNULUS = 0.8
# The right ventricle: where its apex lies (part of the distance to the LV's base), where it is
# widest (part of its semi-axis above the valve), how far its centre clears the septum (part of its
# radius).
RV_APEX = 0.28
RV_WAIST = 0.7
RV_CLEARANCE = 0.75
# The image plane is bent by this many sinusoids, of this amplitude (standard deviation) and with
# wave numbers (radians per mm) up to this along each axis.
WAVES = 3
WAVE_AMPLITUDE = 0.9
LARGEST_WAVE_NUMBER = 1 / 8
DISCS = 20  # as echo machines do


class Tissue(IntEnum):
    """What lies at a point; the first four values are the labels of CAMUS's masks."""

    OUTSIDE = 0
    LV_CAVITY = 1
    MYOCARDIUM = 2
    LEFT_ATRIUM = 3
    RIGHT_CAVITY = 4
    THIN_WALL = 5
    VALVE = 6
    PERICARDIUM = 7


@dataclass(frozen=True)
class Heart:
    """One patient's heart at end diastole, and how much it ejects."""

    lv_length: float
    lv_radius: float
    wall: float
    ejection: float
    la_height: float
    la_radius: float
    rv_radius: float
    ra_radius: float


@dataclass(frozen=True)
class Pose:
    """How one view cuts and places the heart; the same in both phases.

    `apex` is the epicardial apex (x, z), `tilt` turns the base to the right (radians), `widening`
    scales the LV radius in this plane, `leaflet` is how far the closed mitral valve bulges into
    the ventricle, and each of `waves` (amplitude x, z; wave number x, z; phase) bends the plane a
    little, so that no chamber is a perfect ellipse.
    """

    view: str
    apex: tuple[float, float]
    tilt: float
    widening: float
    leaflet: float
    waves: NDArray[np.float64]


@dataclass(frozen=True)
class LeftVentricle:
    """The LV in one phase: length and largest radius of its cavity, and its wall."""

    length: float
    radius: float
    wall: float

    @property
    def apex(self) -> float:
        """Distance from the epicardial to the endocardial apex."""
        return APICAL_WALL * self.wall

    @property
    def base(self) -> float:
        """Distance from the epicardial apex to the mitral valve plane."""
        return self.apex + self.length


def draw_heart(rng: np.random.Generator) -> Heart:
    """Draw a heart with the spread of sizes and ejection fractions that CAMUS shows."""
    scale = rng.normal(1.0, 0.06)
    return Heart(
        lv_length=scale * np.clip(rng.normal(80, 6), 66, 94),
        lv_radius=scale * np.clip(rng.normal(24, 2.2), 19, 29),
        wall=np.clip(rng.normal(10, 1.3), 7, 13),
        ejection=np.clip(rng.normal(0.54, 0.09), 0.28, 0.72),
        la_height=scale * np.clip(rng.normal(36, 5), 26, 46),
        la_radius=scale * np.clip(rng.normal(19, 2), 15, 23),
        rv_radius=scale * np.clip(rng.normal(17, 2), 13, 21),
        ra_radius=scale * np.clip(rng.normal(19, 2), 15, 23),
    )


def draw_pose(rng: np.random.Generator, view: str) -> Pose:
    """Draw where and how `view` ("2CH" or "4CH") shows the heart."""
    # The right heart takes up the left of the image in 4CH, so the LV sits further right there.
    x = rng.normal(4 if view == "2CH" else 9, 3)
    waves = np.stack(
        [
            rng.normal(0, WAVE_AMPLITUDE, WAVES),
            rng.normal(0, WAVE_AMPLITUDE, WAVES),
            LARGEST_WAVE_NUMBER * rng.uniform(-1, 1, WAVES),
            LARGEST_WAVE_NUMBER * rng.uniform(-1, 1, WAVES),
            rng.uniform(0, 2 * np.pi, WAVES),
        ],
        axis=1,
    )
    return Pose(
        view=view,
        apex=(x, np.clip(rng.normal(20, 4), 12, 28)),
        tilt=radians(np.clip(rng.normal(2, 5), -9, 13)),
        widening=rng.normal(1.0, 0.04),
        leaflet=rng.uniform(2, 7),
        waves=waves,
    )


def left_ventricle(heart: Heart, phase: str) -> LeftVentricle:
    """The LV of `heart` in `phase` ("ED" or "ES").

    Muscle is incompressible: as the cavity empties the wall thickens so that a cylindrical shell
    keeps its volume.
    """
    if phase == "ED":
        return LeftVentricle(heart.lv_length, heart.lv_radius, heart.wall)
    kept_length = 1 - SHORTENING_PER_EJECTION * heart.ejection
    radius = heart.lv_radius * sqrt((1 - heart.ejection) / kept_length)
    shell = ((heart.lv_radius + heart.wall) ** 2 - heart.lv_radius**2) / kept_length
    return LeftVentricle(kept_length * heart.lv_length, radius, sqrt(radius**2 + shell) - radius)


def lv_volume(ventricle: LeftVentricle) -> float:
    """Volume of the cavity in ml: discs stacked along the long axis (Simpson's rule)."""
    position = (np.arange(DISCS) + 0.5) / DISCS
    discs = np.pi * ventricle.radius**2 * (1 - ((position - WAIST) / WAIST) ** 2)
    return float(discs.mean() * ventricle.length / 1000)


def ejection_fraction(heart: Heart) -> int:
    """Ejection fraction in percent, from the volumes at end diastole and end systole."""
    diastole, systole = (lv_volume(left_ventricle(heart, phase)) for phase in PHASES)
    return round(100 * (1 - systole / diastole))


def tissues(
    heart: Heart, pose: Pose, phase: str, x: NDArray[np.floating], z: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """What lies at the points (x, z), arrays of one shape, as values of `Tissue`.

    Valve leaflets are painted over the cavities; `labels` leaves them out.
    """
    along, across = _heart_axes(pose, x, z)
    tissue = _chambers(heart, pose, phase, along, across)
    ventricle = left_ventricle(heart, phase)
    radius = ANNULUS * pose.widening * ventricle.radius
    _paint_leaflets(tissue, along, across, ventricle.base, 0.0, radius, pose.leaflet)
    if pose.view == "4CH":
        centre, radius, base = _right_annulus(heart, pose, ventricle, phase)
        _paint_leaflets(tissue, along, across, base, centre, radius, pose.leaflet)
    return tissue


def labels(
    heart: Heart, pose: Pose, phase: str, x: NDArray[np.floating], z: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """CAMUS mask at the points (x, z): 0 background, 1 LV cavity, 2 myocardium, 3 left atrium."""
    tissue = _chambers(heart, pose, phase, *_heart_axes(pose, x, z))
    tissue[tissue > Tissue.LEFT_ATRIUM] = Tissue.OUTSIDE
    return tissue


def _heart_axes(
    pose: Pose, x: NDArray[np.floating], z: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Distance along the long axis from the epicardial apex, and across it to the right."""
    bent_x, bent_z = x - pose.apex[0], z - pose.apex[1]
    for shift_x, shift_z, wave_x, wave_z, start in pose.waves:
        wave = np.sin(wave_x * x + wave_z * z + start)
        bent_x, bent_z = bent_x + shift_x * wave, bent_z + shift_z * wave
    right, down = sin(pose.tilt), cos(pose.tilt)
    return bent_x * right + bent_z * down, bent_x * down - bent_z * right


def _chambers(
    heart: Heart,
    pose: Pose,
    phase: str,
    along: NDArray[np.floating],
    across: NDArray[np.floating],
) -> NDArray[np.uint8]:
    """Paint cavities and walls, from the outside inwards."""
    ventricle = left_ventricle(heart, phase)
    lv_radius = pose.widening * ventricle.radius
    base, waist = ventricle.base, WAIST * ventricle.length
    # The atrial roof stays where it is: the atrium fills as the valve plane moves to the apex.
    roof = left_ventricle(heart, "ED").base + heart.la_height
    la_radius = heart.la_radius * (ATRIUM_WIDENING if phase == "ES" else 1.0)
    below = along > base

    def lv(margin: float, apical: float) -> NDArray[np.bool_]:
        middle = ventricle.apex + waist
        return ~below & _ellipse(along - middle, across, waist + apical, lv_radius + margin)

    def atrium(centre: float, radius: float, plane: float, margin: float) -> NDArray[np.bool_]:
        half = ATRIUM_CUT * (roof - plane)
        inside = _ellipse(along - (roof - half), across - centre, half + margin, radius + margin)
        return inside & (along > plane)

    tissue = np.zeros(along.shape, np.uint8)
    outer = ventricle.apex + PERICARDIUM_THICKNESS
    # Towards the left of a 4CH view the pericardium runs around the right heart instead.
    rim = lv(ventricle.wall + PERICARDIUM_THICKNESS, outer)
    tissue[rim if pose.view == "2CH" else rim & (across > 0)] = Tissue.PERICARDIUM
    behind = atrium(0.0, la_radius, base, ATRIAL_WALL + PERICARDIUM_THICKNESS)
    tissue[behind & (along > (base + roof) / 2)] = Tissue.PERICARDIUM
    if pose.view == "4CH":
        centre, radius, plane = _right_annulus(heart, pose, ventricle, phase)
        ra_radius = heart.ra_radius * (ATRIUM_WIDENING if phase == "ES" else 1.0)
        ra_centre = -(la_radius + ra_radius + ATRIAL_WALL)
        half = ATRIUM_CUT * (plane - RV_APEX * base)

        def rv(margin: float) -> NDArray[np.bool_]:
            middle = plane - RV_WAIST * half
            inside = _ellipse(along - middle, across - centre, half + margin, radius + margin)
            return inside & (along < plane)

        tissue[rv(RIGHT_WALL + PERICARDIUM_THICKNESS)] = Tissue.PERICARDIUM
        tissue[rv(RIGHT_WALL) | atrium(ra_centre, ra_radius, plane, ATRIAL_WALL)] = Tissue.THIN_WALL
        tissue[rv(0.0) | atrium(ra_centre, ra_radius, plane, 0.0)] = Tissue.RIGHT_CAVITY
    tissue[atrium(0.0, la_radius, base, ATRIAL_WALL)] = Tissue.THIN_WALL
    tissue[lv(ventricle.wall, ventricle.apex)] = Tissue.MYOCARDIUM
    tissue[atrium(0.0, la_radius, base, 0.0)] = Tissue.LEFT_ATRIUM
    tissue[lv(0.0, 0.0)] = Tissue.LV_CAVITY
    return tissue


def _right_annulus(
    heart: Heart, pose: Pose, ventricle: LeftVentricle, phase: str
) -> tuple[float, float, float]:
    """Centre and radius of the right ventricle across the long axis, and its valve plane."""
    radius = heart.rv_radius * (RIGHT_NARROWING if phase == "ES" else 1.0)
    septum = ANNULUS * (pose.widening * ventricle.radius + ventricle.wall)
    return -(septum + RV_CLEARANCE * radius), radius, ventricle.base - TRICUSPID_OFFSET


def _paint_leaflets(
    tissue: NDArray[np.uint8],
    along: NDArray[np.floating],
    across: NDArray[np.floating],
    plane: float,
    centre: float,
    radius: float,
    bulge: float,
) -> None:
    """Two closed leaflets: an arch over the annulus that bulges towards the ventricle."""
    part = np.abs(across - centre) / radius
    arch = plane - bulge * (1 - part**2)
    tissue[(part < 1) & (np.abs(along - arch) < VALVE_THICKNESS / 2)] = Tissue.VALVE


def _ellipse(
    along: NDArray[np.floating], across: NDArray[np.floating], half_length: float, radius: float
) -> NDArray[np.bool_]:
    return (along / half_length) ** 2 + (across / radius) ** 2 < 1
