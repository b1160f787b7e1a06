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
# The septum shines from this part of the way to the base on, dB. The right wall, along the beams,
# is darkest next to the cavity and as much brighter at the epicardium.
SEPTUM_SHINES = 7.0
SEPTUM_FROM, SEPTUM_SOFTNESS = 0.35, 6.0
ENDOCARDIUM_FADES = 3.5
# Trabeculae, too small to be drawn, fill the apex over this length.
TRABECULAE_SHINE = 9.0
TRABECULATED = 25.0
CONTRACTED = 2.2  # dB; CAMUS shows what is solid above the valve a little brighter at ES
RIGHT_ATRIAL_HAZE = 6.5  # dB over that of the right ventricle
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
        left_corner: how much darker surroundings are in the lower left corner of the sector.
        right_corner: the same of the lower right one.
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
        near_gain: how a sonographer set the gain next to the probe, over the usual.
        far_gain: the same far from it.
    """

    chest: float
    left: float
    right: float
    left_corner: float
    right_corner: float
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
    near_gain: float
    far_gain: float


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
        chest=rng.normal(5 if two else 3.5, 5),
        left=rng.normal(7.5 if two else -0.5, 7),
        right=rng.normal(-4.5 if two else 7.0, 7),
        left_corner=rng.normal(26 if two else 6, 7),
        right_corner=rng.normal(13 if two else 20, 7),
        below=rng.normal(6 if two else 12, 6),
        groove=rng.normal(2, 6),
        septum=rng.normal(-2.3 if two else -4.2, 2),
        lateral=rng.normal(-5.5 if two else -2.2, 2),
        profile=rng.uniform(0, 8) if two else rng.uniform(0, 12),
        right_walls=rng.normal(-3, 8),
        unevenness=rng.uniform(6, 12),
        enhancement=rng.normal(3 if two else 4, 3.5),
        atrium=rng.normal(3.5, 3.5),
        right_haze=rng.uniform(-3, 14),
        ring_spacing=rng.uniform(4, 10),
        valves=rng.normal(-3, 4),
        near_gain=rng.normal(0.3 if two else -1.0, 4.5),
        far_gain=rng.normal(0, 5),
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
    down = jax.nn.sigmoid((along - SEPTUM_FROM * section.base) / SEPTUM_SOFTNESS)
    septum = scene.septum + SEPTUM_SHINES * down
    part = _part_of_wall(section, along, across)
    endocardium = ENDOCARDIUM_FADES * jnp.clip(1 - 2 * part, -1, 1)
    walls = left_wall * septum + (1 - left_wall) * (scene.lateral - endocardium)
    surface = jnp.clip(2 * part - 1, -1, 1) ** 2 * _below_apex(section, along)
    level -= (tissue == Tissue.MYOCARDIUM) * scene.profile * surface
    level += (tissue == Tissue.LV_CAVITY) * _trabeculated(section, along, across)
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
    above = jax.nn.sigmoid(-along / CHEST_SOFTNESS)
    level += above * (scene.chest - level)
    corner = jnp.where(angle < 0, scene.left_corner, scene.right_corner)
    return level - corner * (angle / sector.half_angle) ** 2 * depth / sector.depth


def _part_of_wall(section: Section, along: jax.Array, across: jax.Array) -> jax.Array:
    """0 at the endocardium of the LV's side walls, 1 at the epicardium."""
    beside = across - middle(section, along)
    thickness = jnp.where(beside < 0, section.wall[0], section.wall[1])
    return (jnp.abs(beside) - outline(section, along)) / thickness


def _below_apex(section: Section, along: jax.Array) -> jax.Array:
    """0 at the apex of the LV's cavity, 1 from a little below it on."""
    return jnp.clip((along - section.apical) / APICAL_SOFTNESS, 0, 1)


def _trabeculated(section: Section, along: jax.Array, across: jax.Array) -> jax.Array:
    """How much brighter blood is between the trabeculae of the apex, dB: most beside the wall."""
    beside = jnp.abs(across - middle(section, along))
    near_wall = jnp.clip(beside / jnp.maximum(outline(section, along), 1), 0, 1) ** 2
    near_apex = jnp.exp(-(((along - section.apical) / TRABECULATED) ** 2))
    return TRABECULAE_SHINE * near_wall * near_apex


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
