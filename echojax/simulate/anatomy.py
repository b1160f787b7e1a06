"""Hearts cut by an apical plane, at end diastole: their sizes, and the outlines of their chambers.

Lengths are millimetres. An image plane has its origin at the probe, x to the right and z downwards
(depth). In a heart's own axes, `along` runs from the epicardial apex to the base and `across` to
the right. Sizes are those measured on CAMUS's masks (Leclerc et al., IEEE TMI 2019), unless another
source is named; those of the right heart, which the masks leave out, are by eye.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

# Where the cavity is widest, as a part of its length from the apex.
WAIST = 0.55
# An atrium is a superellipse of this semi-axis (part of its height), cut off by the valve plane.
ATRIUM_CUT = 0.58
ATRIUM_POWER = 2.5
# The right ventricle lies against the septum, from this part of the way to the LV's base on.
RV_APEX = 0.15
# The tricuspid valve sits a little closer to the apex than the mitral valve.
TRICUSPID_OFFSET = 6.0
# Long-axis shortening goes with the ejection fraction: 13 % at an ejection fraction of 48 %.
SHORTENING_PER_EJECTION = 0.27
# Bending of the image plane, slow and then fine: standard deviation of each wave, and its largest
# wave number (radians/mm) along each axis.
WAVE_AMPLITUDES = np.array([1.0, 1.0, 1.0, 1.0, 0.45, 0.45, 0.45])
WAVE_NUMBERS = np.array([0.11, 0.11, 0.11, 0.11, 0.4, 0.4, 0.4])
TRABECULAE = 8
WALL_SHARES = (0.55, 1.8)  # thinnest and thickest wall of a view, as parts of the heart's
SMALLEST_RADIUS = 1e-3  # of an atrium; keeps quotients finite


@dataclasses.dataclass(frozen=True)
class Heart:
    """One patient's heart at end diastole, in mm.

    `ejection` is the part of its blood that the LV would eject if it contracted everywhere as in
    its middle; the annulus is stiffer, which costs about two hundredths.
    """

    lv_length: float
    lv_radius: float
    wall: float
    ejection: float
    la_height: float
    la_radius: float
    rv_radius: float
    ra_radius: float


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Section:
    """How one view cuts and places a heart.

    Attributes:
        four_chamber: 1 where the right heart is in the plane (4CH), 0 where it is not (2CH).
        apex: epicardial apex (x, z).
        tilt: turns the heart, its base to the right, radians.
        lean: shears it to the right besides, which leaves the valve plane as it is; a ratio.
        swing: by how much the base swings to the left until ES, radians.
        length: of the LV's cavity.
        radius: largest of the LV's cavity.
        power: of its outline; 2 is an ellipse, more is a bullet.
        taper: radius at the mitral annulus, part of `radius`.
        bend: how far the middle of the LV lies beside its axis.
        wall: thickness of the left and right wall.
        apical: thickness of the wall at the apex.
        basal: how far the walls reach beyond the mitral valve plane.
        ejection: fraction ejected.
        la_height: of the left atrium at ED, below the mitral valve.
        la_radius: of the left atrium at ED.
        la_shift: of the left atrium's middle to the right of the LV's axis.
        rv_radius: of the right ventricle.
        ra_radius: of the right atrium.
        papillaries: a row each: along, across, half length, half width.
        trabeculae: a row each: along, across, radius.
        opening: of the mitral valve at ED, 0 (closed) to 1; it is closed at ES.
        tenting: how far closed leaflets bulge into the ventricle.
        waves: a row each: shift x, z; wave number x, z; phase. They bend the plane a little, so
            that no chamber is a perfect figure.
    """

    four_chamber: float
    apex: NDArray[np.float32]
    tilt: float
    lean: float
    swing: float
    length: float
    radius: float
    power: float
    taper: float
    bend: float
    wall: NDArray[np.float32]
    apical: float
    basal: float
    ejection: float
    la_height: float
    la_radius: float
    la_shift: float
    rv_radius: float
    ra_radius: float
    papillaries: NDArray[np.float32]
    trabeculae: NDArray[np.float32]
    opening: float
    tenting: float
    waves: NDArray[np.float32]

    @property
    def base(self) -> float:
        """Distance from the epicardial apex to the mitral valve plane."""
        return self.apical + self.length

    @property
    def roof(self) -> float:
        """Distance from the epicardial apex to the atrial roof, which stays where it is."""
        return self.base + self.la_height

    @property
    def contraction(self) -> float:
        """Radius of the LV at ES as a part of that at ED."""
        return ((1 - self.ejection) / (1 - SHORTENING_PER_EJECTION * self.ejection)) ** 0.5


def draw_heart(rng: np.random.Generator) -> Heart:
    """Draw a heart with the spread of sizes and ejection fractions that CAMUS shows."""
    scale = rng.normal(1.0, 0.06)
    return Heart(
        lv_length=scale * np.clip(rng.normal(77, 7.5), 56, 98),
        lv_radius=scale * np.clip(rng.normal(23.5, 3.2), 16, 34),
        wall=np.clip(rng.normal(12.2, 1.9), 7, 18),
        ejection=np.clip(rng.normal(0.54, 0.1), 0.18, 0.78),
        la_height=scale * np.clip(rng.normal(39, 9), 20, 62),
        la_radius=scale * np.clip(rng.normal(19, 3.5), 11, 29),
        rv_radius=scale * np.clip(rng.normal(16.5, 4.5), 7, 28),
        ra_radius=scale * np.clip(rng.normal(18.5, 3.5), 11, 28),
    )


def draw_section(rng: np.random.Generator, heart: Heart, view: str) -> Section:
    """Draw where and how `view` ("2CH" or "4CH") shows the heart."""
    four = view == "4CH"
    # Planes of 2CH cut walls more obliquely: CAMUS draws them thicker there.
    oblique = 1.05 if four else 1.4
    # The septum is a little thicker than the other walls, and varies most.
    left = rng.normal(1.1, 0.28) if four else rng.normal(1.0, 0.2)
    wall = oblique * heart.wall * np.clip([left, rng.normal(0.97, 0.2)], *WALL_SHARES)
    length = heart.lv_length * rng.normal(1.0, 0.03)
    radius = heart.lv_radius * rng.normal(1.0, 0.07)
    apical = float(np.clip(rng.normal(10.5, 2.5), 5, 18))
    # A papillary muscle lies against the right wall of a 4CH view, against either of a 2CH view.
    sides = [1.0, 1.0 if four else -1.0]
    papillaries = [
        (
            apical + length * rng.uniform(0.42, 0.62),
            side * radius * rng.uniform(0.66, 0.86),
            rng.uniform(7, 14),
            # Half of the planes miss it.
            rng.uniform(2.0, 4.5) * (rng.random() < 0.55),
        )
        for side in sides
    ]
    trabeculae = [
        (apical + length * part, radius * rng.uniform(-1, 1) * part**0.5, rng.uniform(0.4, 1.3))
        for part in rng.uniform(0.05, 0.5, TRABECULAE)
    ]
    count = len(WAVE_NUMBERS)
    waves = np.stack(
        [
            rng.normal(0, WAVE_AMPLITUDES),
            rng.normal(0, WAVE_AMPLITUDES),
            WAVE_NUMBERS * rng.uniform(-1, 1, count),
            WAVE_NUMBERS * rng.uniform(-1, 1, count),
            rng.uniform(0, 2 * np.pi, count),
        ],
        axis=1,
    )
    depth = np.clip(rng.normal(14.0 if four else 10.5, 6), 3, 34)
    tilt = np.radians(np.clip(rng.normal(0.0, 4.0 if four else 7.0), -15, 15))
    lean = rng.normal(0.14, 0.06)
    # A sonographer puts the ventricle, not its apex, into the middle.
    middle = rng.normal(4.5 if four else 2.0, 4.5)
    aside = middle - (tilt + lean) * (apical + length / 2)
    return Section(
        four_chamber=float(four),
        apex=np.array([aside, depth], np.float32),
        tilt=tilt,
        lean=lean,
        swing=np.radians(rng.normal(1.5, 1.2)),
        length=length,
        radius=radius,
        power=rng.uniform(1.8, 2.6),
        taper=rng.uniform(0.72, 0.9),
        bend=rng.normal(1.5, 3),
        wall=wall.astype(np.float32),
        apical=apical,
        basal=float(np.clip(rng.normal(2.0 if four else 5.0, 2.5), 0, 12)),
        ejection=heart.ejection,
        la_height=heart.la_height * rng.normal(1.0, 0.05),
        la_radius=heart.la_radius * rng.normal(1.0, 0.06),
        la_shift=rng.normal(-5.0 if four else 1.5, 5),
        rv_radius=heart.rv_radius,
        ra_radius=heart.ra_radius,
        papillaries=np.array(papillaries, np.float32),
        trabeculae=np.array(trabeculae, np.float32),
        # Frames called ED lie around the closure of the valve.
        opening=rng.uniform(0.15, 0.8) if rng.random() < 0.4 else 0.0,
        tenting=rng.uniform(1, 6),
        waves=waves.astype(np.float32),
    )


def heart_axes(section: Section, x: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Distance along the long axis from the epicardial apex, and across it to the right, in mm.

    Args:
        section: the anatomy.
        x: of points in the image plane, mm, of any shape.
        z: of the same points.
    """
    waves = jnp.asarray(section.waves)
    bent_x, bent_z = x - section.apex[0], z - section.apex[1]
    for wave in waves:
        swing = sine(wave[2] * x + wave[3] * z + wave[4])
        bent_x, bent_z = bent_x + wave[0] * swing, bent_z + wave[1] * swing
    right, down = jnp.sin(section.tilt), jnp.cos(section.tilt)
    along = bent_x * right + bent_z * down
    return along, bent_x * down - bent_z * right - section.lean * along


def middle(section: Section, along: jax.Array) -> jax.Array:
    """The LV's centre line, mm to the right of its axis: a bow between apex and base."""
    part = jnp.clip(along / section.base, 0, 1)
    return 4 * section.bend * part * (1 - part)


def outline(
    section: Section,
    along: jax.Array,
    margin: jax.Array | float = 0.0,
    apical: jax.Array | float = 0.0,
) -> jax.Array:
    """Half the width of the LV's cavity at `along`, mm, or of it with a `margin` around.

    Args:
        section: the anatomy.
        along: distance from the epicardial apex, mm.
        margin: added to either side, mm.
        apical: added at the apex, mm.
    """
    waist = WAIST * section.length
    up = jnp.clip((section.apical + waist - along) / (waist + apical), 0, 1)
    down = jnp.clip((along - section.apical - waist) / (section.length - waist), 0, None)
    cap = _power(1 - _power(up, section.power), 1 / section.power)
    return (section.radius + margin) * cap - section.radius * (1 - section.taper) * down**2


def atrium_radius(
    section: Section,
    along: jax.Array,
    radius: float | None = None,
    plane: float | None = None,
    margin: float = 0.0,
) -> jax.Array:
    """Half the width of an atrium at `along`, mm.

    Args:
        section: the anatomy.
        along: distance from the epicardial apex, mm.
        radius: its largest, mm; None for that of the left atrium.
        plane: of its valve, mm along the axis; None for that of the mitral valve.
        margin: added all around, mm.
    """
    radius = section.la_radius if radius is None else radius
    plane = section.base if plane is None else plane
    half = ATRIUM_CUT * (section.roof - plane)
    off = jnp.clip(jnp.abs(along - section.roof + half) / (half + margin), 0, 1)
    round_off = _power(1 - _power(off, ATRIUM_POWER), 1 / ATRIUM_POWER)
    return jnp.maximum((radius + margin) * round_off, SMALLEST_RADIUS)


def rv_width(section: Section, part: jax.Array) -> jax.Array:
    """Width of the right ventricle, mm: a wedge that opens from its apex (0) to the valve (1)."""
    return 2 * section.rv_radius * _power(part, 0.6) * (1 - 0.2 * part**4)


def _power(base: jax.Array, exponent: float) -> jax.Array:
    """`base` (0 to 1) to a positive power; XLA's own takes four times as long on a CPU."""
    return jnp.exp(exponent * jnp.log(jnp.maximum(base, 0)))


def sine(phase: jax.Array) -> jax.Array:
    """Sine of an angle in radians, to 4e-6; XLA's own takes twenty times as long on a CPU."""
    turn = phase / (2 * jnp.pi) - 0.25
    angle = 2 * jnp.pi * (0.25 - jnp.abs(turn - jnp.round(turn)))
    square = angle * angle
    series = 1 - square / 72
    for divisor in (42, 20, 6):
        series = 1 - square / divisor * series
    return angle * series
