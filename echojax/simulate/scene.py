"""How strongly each place of a view scatters sound.

Levels are decibels, lengths millimetres; beam-space arrays are (depth, beams).
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from echojax.simulate.anatomy import TRICUSPID_OFFSET, Section, heart_axes, middle, outline
from echojax.simulate.quality import Appearance
from echojax.simulate.sector import BEAMS, SAMPLES, Sector, box_mean, grid, points, resized
from echojax.simulate.tissue import Tissue, leaflets

# Relative scattering strength and attenuation (dB / cm / MHz) of each `Tissue`.
SCATTERING = np.array([0.13, 0.018, 0.21, 0.018, 0.018, 0.14, 0.13, 0.45, 0.6], np.float32)
ATTENUATION = np.array([0.35, 0.18, 0.45, 0.18, 0.18, 0.45, 0.45, 0.6, 0.5], np.float32)
# Blood is well stirred: its speckle is new in every frame, and no patches are brighter.
SOLID = np.array([1, 0, 1, 0, 0, 1, 1, 1, 1], np.float32)
BLOOD_BELOW = 20 * np.log10(SCATTERING[Tissue.RIGHT_CAVITY] / SCATTERING)  # dB
VALVE_SCATTERING = 0.3

# Over how many mm, softly, levels change from left to right of the heart, past the atrial roof,
# at the valve plane, from the LV's left wall to its right, above the heart, and beyond the septum.
SIDES_SOFTNESS = 8.0
ROOF_SOFTNESS = 10.0
VALVE_SOFTNESS = 6.0
WALLS_SOFTNESS = 4.0
CHEST_SOFTNESS = 4.0
RIGHT_SOFTNESS = 1.5
SEPTUM_MARGIN = 5.0  # mm beyond the septum's surface
APICAL_SOFTNESS = 15.0
CONTRACTED = 1.8  # dB; CAMUS shows what is solid above the valve a little brighter at ES
RIGHT_ATRIAL_HAZE = 5.0  # dB over that of the right ventricle
SOLID_UNEVENNESS = 0.5  # part of that of the surroundings
# Texture of muscle, dB: a table (along, across) that repeats itself, its cells so many mm large.
FIBRES = 7.0
FIBRE_TABLE = (16, 48)
FIBRE_LENGTH, FIBRE_WIDTH = 8.0, 3.0
# Patches: cells (depth, beams) of slow changes and of finer ones, and how large the latter are.
PATCHES = 3
SLOW_CELLS, FINE_CELLS = (10, 6), (44, 14)
FINE_SHARE = 0.35
# The slice is several millimetres thick: edges are soft by so many samples and beams, and a cavity
# also shows some of what lies beside it, from cells so large.
SOFT_SAMPLES, SOFT_BEAMS = 2, 1
SLICE_LEAK = 0.05
LEAK_SAMPLES, LEAK_BEAMS = 16, 8


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Scene:
    """How bright one view shows what it shows, in dB.

    Attributes:
        chest: what lies between probe and heart.
        left: what lies left of the heart: liver and diaphragm in 2CH.
        right: what lies right of it: lung.
        corners: how much darker surroundings are in the lower corners of the sector.
        below: what lies behind the heart.
        groove: fat between atria and ventricles.
        septum: the left wall of the LV.
        lateral: the right wall, which runs along the beams.
        profile: how much darker walls are at their surfaces than in the middle.
        right_walls: walls, pericardium and valve of the right heart, often hardly seen.
        unevenness: standard deviation of slow changes across surroundings; solid tissue has half.
        enhancement: how much brighter all below the valve plane is at ED, when more blood, which
            attenuates little, and less muscle lies in the way.
        atrium: how much brighter yet the contracted left atrium (ED) is, whose walls and appendage
            the slice catches.
        right_haze: in the right ventricle, over blood; the right atrium has more.
        ring_spacing: of reverberations between probe and chest wall, mm.
        valves: leaflets, over their usual strength.
    """

    chest: float
    left: float
    right: float
    corners: float
    below: float
    groove: float
    septum: float
    lateral: float
    profile: float
    right_walls: float
    unevenness: float
    enhancement: float
    atrium: float
    right_haze: float
    ring_spacing: float
    valves: float


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Mottle:
    """Random numbers behind what is uneven in a view, standard normal.

    Attributes:
        slow: of patches, (PATCHES, *SLOW_CELLS).
        fine: of patches, (PATCHES, *FINE_CELLS).
        fibres: texture of muscle, FIBRE_TABLE.
    """

    slow: NDArray[np.float32]
    fine: NDArray[np.float32]
    fibres: NDArray[np.float32]


def draw_scene(rng: np.random.Generator, view: str) -> Scene:
    """Draw how bright `view` shows what surrounds the heart."""
    two = view == "2CH"
    return Scene(
        chest=rng.normal(3 if two else 1, 4),
        left=rng.normal(8.0 if two else -1.5, 6),
        right=rng.normal(-4.0 if two else 2.5, 6),
        corners=max(0.0, rng.normal(15 if two else 5, 6)),
        below=rng.normal(8 if two else 11, 6),
        groove=rng.normal(2, 5),
        septum=rng.normal(0.3 if two else -0.1, 1.5),
        lateral=rng.normal(-5.5 if two else -4.8, 2),
        profile=rng.uniform(0, 8) if two else rng.uniform(0, 12),
        right_walls=rng.normal(-3, 8),
        unevenness=rng.uniform(6, 11),
        enhancement=rng.uniform(0, 6),
        atrium=rng.uniform(0, 7),
        right_haze=rng.uniform(0, 15),
        ring_spacing=rng.uniform(4, 10),
        valves=rng.normal(-3, 4),
    )


def draw_mottle(rng: np.random.Generator) -> Mottle:
    """Draw what is uneven in a view."""
    return Mottle(
        slow=rng.standard_normal((PATCHES, *SLOW_CELLS), np.float32),
        fine=rng.standard_normal((PATCHES, *FINE_CELLS), np.float32),
        fibres=rng.standard_normal(FIBRE_TABLE, np.float32),
    )


def patches(mottle: Mottle) -> NDArray[np.float32]:
    """Slow random changes across the sector, (PATCHES, depth, beams), of unit variance each.

    The first is of solid tissue and reverberations, the second of surroundings, the third of loss.
    """
    # With NumPy: XLA rounds means of whole frames as the number of threads will have it.
    field = resized(mottle.slow, (SAMPLES, BEAMS), cubic=True)
    field += np.float32(FINE_SHARE) * resized(mottle.fine, (SAMPLES, BEAMS), cubic=True)
    return (field - field.mean((1, 2), keepdims=True)) / field.std((1, 2), keepdims=True)


def strength(
    section: Section,
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    mottle: Mottle,
    uneven: jax.Array,
    activity: jax.Array,
    start: jax.Array,
    tissue: jax.Array,
) -> jax.Array:
    """Scattering strength at `activity`, relative, (depth, beams).

    Args:
        section: the anatomy.
        scene: how bright it is.
        appearance: causes of the quality.
        sector: what the probe sees.
        mottle: texture of muscle.
        uneven: the view's `patches`.
        activity: 0 at ED to 1 at ES.
        start: where what is on the grid was at ED, x and z in mm, (2, depth, beams).
        tissue: what it is, (depth, beams).
    """
    along, across = heart_axes(section, start[0], start[1])
    solid = jnp.asarray(SOLID)[tissue]
    level = (tissue == Tissue.SURROUNDINGS) * (
        _surroundings(section, scene, sector, along, across) + scene.unevenness * uneven[1]
    )
    above = jax.nn.sigmoid((section.base - along) / VALVE_SOFTNESS)
    level += (1 - activity) * (1 - above) * scene.enhancement
    level += activity * above * solid * CONTRACTED
    left_wall = jax.nn.sigmoid(-across / WALLS_SOFTNESS)
    walls = left_wall * scene.septum + (1 - left_wall) * scene.lateral
    level -= (tissue == Tissue.MYOCARDIUM) * scene.profile * _depth_in_wall(section, along, across)
    muscle = (tissue == Tissue.MYOCARDIUM) | (tissue == Tissue.PAPILLARY)
    level += muscle * (walls + FIBRES * _fibres(jnp.asarray(mottle.fibres), along, across))
    patchy = SOLID_UNEVENNESS * scene.unevenness * uneven[0]
    patchy -= appearance.dropout * jax.nn.relu(uneven[2])
    level += solid * patchy
    level += (tissue == Tissue.LEFT_ATRIUM) * scene.atrium * (1 - activity)
    tricuspid = section.base - TRICUSPID_OFFSET
    right_haze = scene.right_haze + RIGHT_ATRIAL_HAZE * jax.nn.sigmoid(
        (along - tricuspid) / VALVE_SOFTNESS
    )
    level += (tissue == Tissue.RIGHT_CAVITY) * right_haze
    right = section.four_chamber * _beyond_septum(section, along, across)
    thin = (tissue == Tissue.THIN_WALL) | (tissue == Tissue.PERICARDIUM)
    # They fade into the haze of the right heart, not into darkness.
    least = right_haze + jnp.asarray(BLOOD_BELOW)[tissue]
    level += thin * right * jnp.maximum(scene.right_walls, least)
    level += (tissue == Tissue.FAT) * scene.groove
    power = (jnp.asarray(SCATTERING)[tissue] * amplitude(level)) ** 2
    power = box_mean(power, SOFT_SAMPLES, SOFT_BEAMS)
    around = resized(power, (SAMPLES // LEAK_SAMPLES, BEAMS // LEAK_BEAMS))
    power += SLICE_LEAK * resized(around, (SAMPLES, BEAMS))
    valves = VALVE_SCATTERING * leaflets(section, activity, *points(sector))
    valves *= amplitude(scene.valves + patchy + right * scene.right_walls)
    return jnp.sqrt(jnp.maximum(power, valves**2))


def amplitude(decibels: jax.Array | float) -> jax.Array:
    """Amplitude, relative, of a level in decibels."""
    return jnp.exp(jnp.float32(np.log(10) / 20) * decibels)


def _surroundings(
    section: Section, scene: Scene, sector: Sector, along: jax.Array, across: jax.Array
) -> jax.Array:
    """Level of what surrounds the heart: it changes slowly from side to side and to the back."""
    depth, angle = grid(sector)
    left = jax.nn.sigmoid(-across / SIDES_SOFTNESS)
    below = jax.nn.sigmoid((along - section.roof) / ROOF_SOFTNESS)
    beside = left * scene.left + (1 - left) * scene.right
    level = (1 - below) * beside + below * scene.below
    level += scene.chest * jax.nn.sigmoid(-along / CHEST_SOFTNESS)
    return level - scene.corners * (angle / sector.half_angle) ** 2 * depth / sector.depth


def _depth_in_wall(section: Section, along: jax.Array, across: jax.Array) -> jax.Array:
    """0 in the middle of the LV's side walls and at its apex, 1 at their surfaces."""
    beside = across - middle(section, along)
    thickness = jnp.where(beside < 0, section.wall[0], section.wall[1])
    part = (jnp.abs(beside) - outline(section, along)) / thickness
    below_apex = jnp.clip((along - section.apical) / APICAL_SOFTNESS, 0, 1)
    return below_apex * jnp.clip(2 * part - 1, -1, 1) ** 2


def _beyond_septum(section: Section, along: jax.Array, across: jax.Array) -> jax.Array:
    """1 left of the septum between the ventricles and of that between the atria, else 0; softly."""
    ventricular = middle(section, along) - outline(section, along) - section.wall[0]
    atrial = section.la_shift - section.la_radius
    surface = jnp.where(along < section.base, ventricular, atrial)
    return jax.nn.sigmoid((surface - SEPTUM_MARGIN - across) / RIGHT_SOFTNESS)


def _fibres(texture: jax.Array, along: jax.Array, across: jax.Array) -> jax.Array:
    """Texture that runs along the walls, by bilinear interpolation in its table."""
    rows, columns = texture.shape
    at = (along / FIBRE_LENGTH) % rows, (across / FIBRE_WIDTH) % columns
    low = [jnp.floor(a).astype(jnp.int32) for a in at]
    rest = [a - first for a, first in zip(at, low, strict=True)]
    high = [(low[0] + 1) % rows, (low[1] + 1) % columns]
    low = [low[0] % rows, low[1] % columns]
    top = texture[low[0], low[1]] * (1 - rest[1]) + texture[low[0], high[1]] * rest[1]
    bottom = texture[high[0], low[1]] * (1 - rest[1]) + texture[high[0], high[1]] * rest[1]
    return top * (1 - rest[0]) + bottom * rest[0]
