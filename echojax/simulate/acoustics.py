"""From a heart to gray levels: speckle by the convolution model, in beam space.

An image is scatterers convolved with a separable point spread function (Gao et al., COLE, 2009),
attenuated, received with noise, log-compressed and scan-converted. Scatterers lie in tissue and
move with it. Lengths are millimetres, levels decibels; beam-space arrays are (depth, beams).
Physical constants are those that public work calibrated on CAMUS, unless said otherwise.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from echojax.simulate import scene as scenes
from echojax.simulate.anatomy import Section
from echojax.simulate.motion import displacement
from echojax.simulate.programs import compiled
from echojax.simulate.quality import Appearance
from echojax.simulate.scene import ATTENUATION, SOLID, Mottle, Scene, amplitude, draw_mottle
from echojax.simulate.sector import (
    BEAMS,
    SAMPLES,
    Sector,
    box_mean,
    cartesian,
    grid,
    start_points,
)
from echojax.simulate.tissue import tissues

SCATTERERS = SAMPLES * BEAMS
# Scatterers are also drawn a little beyond the sector, so that its edge does not run dry.
MARGIN = 1.06
SPIKY = 1.1  # log-normal spread of scatterers' amplitudes
# Their power is taken over so many samples and beams to either side.
POWER_SAMPLES, POWER_BEAMS = 5, 3
LOWEST_POWER = 0.05  # keeps quotients finite

FREQUENCY = 2.5  # MHz
WAVELENGTH = 1.54 / FREQUENCY  # sound travels 1.54 mm per microsecond
APERTURE = 14.0
FOCUS = 90.0
# A pulse of 0.77 mm at 2.5 MHz, lengthened by two factors that public work fitted to CAMUS, and by
# one more until speckle cells are as large as those of real frames.
AXIAL_FWHM = 0.77 * (2.5 / FREQUENCY) * 1.15 * 1.35 * 1.2
DIFFRACTION = 1.02  # beam width over wavelength times depth over aperture
TWO_WAY = 0.95  # fitted factor on the width of transmit times receive; 0.8 elsewhere
FWHM_PER_SIGMA = 2.355
FWHM_PER_WAIST = 1.177  # full width at half maximum over the 1/e^2 radius of a Gaussian beam
# Two looks are averaged, unequally: speckle is as grainy as in real frames.
LOOKS = np.array([0.68, 0.32], np.float32)
GRID = (len(LOOKS), 2, SAMPLES, BEAMS)  # both quadratures of every look
NOISE_FLOOR = 4.5e-4
TIME_GAIN = 0.7  # dB / cm / MHz
NEAR = 45.0  # as far, softly, reaches the gain next to the probe
CLUTTER_DECAY = 18.0
CHEST_WALL_LOSS = 0.45  # dB / mm, there and back
LOWEST_LEVEL = -74.0  # dB; shown as black at a dynamic range of 70 dB
DYNAMIC_RANGE = 70.0  # dB
CURVE = 4.5
SMALLEST_AMPLITUDE = 1e-6  # keeps the logarithm finite
# How strongly a change of tissue along the beam reflects, relative to the change of scattering.
INTERFACE = 0.7
SHADOW_WIDTH = 0.12  # part of the half angle
AXIAL_TAPS = 17
LATERAL_TAPS = 25
WIDEST_BEAM = (LATERAL_TAPS - 1) / 4  # samples; bounds the kernel where beams meet at the probe
# Reverberations: how strongly they come and go with depth, and how unevenly (radians).
RING_DEPTH = 0.4
RING_UNEVENNESS = 1.5

# Uses of a view's seed: what all its frames share, and what is new in each.
SHARED, FRESH = 1, 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Scatterers:
    """Where scatterers lie at ED, evenly in beam space, and how they scatter.

    Attributes:
        depth: mm, (n,).
        angle: radians, (n,).
        values: amplitudes of both quadratures of every look, (n, 2 * looks).
    """

    depth: NDArray[np.float32]
    angle: NDArray[np.float32]
    values: NDArray[np.float32]


def render(
    section: Section,
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    seed: int,
    activities: NDArray[np.float32],
) -> tuple[jax.Array, jax.Array]:
    """Frames of one view, whose speckle moves with the tissue.

    Compiled as one program its parts take nearly three times as long, because XLA
    computes much of it again wherever it is used.

    Args:
        section: the anatomy.
        scene: how bright it is.
        appearance: causes of the quality.
        sector: what the probe sees.
        seed: of the random numbers; the same for all frames of the view.
        activities: (n,) 0 at ED to 1 at ES; frames of one activity are the same.

    Returns:
        Gray levels 0-255, float32 (n, SAMPLES, BEAMS), and where what is seen there was at ED,
        x and z in mm, float32 (n, 2, SAMPLES, BEAMS).
    """
    blood, receiver = fresh_noise(seed, activities)
    returned = returning(section, scene, appearance, sector, seed, activities, blood)
    echo = _lateral(appearance, sector, returned.echo)
    gray = _receive(scene, appearance, sector, echo, _axial(sector, receiver))
    return gray, returned.start


class Returned(NamedTuple):
    """What comes back from each place, as the pulse has it, before beams are formed.

    Attributes:
        echo: (n, *GRID).
        start: where what is seen there was at ED, x and z in mm, (n, 2, depth, beams).
        uneven: the view's `patches`.
    """

    echo: jax.Array
    start: jax.Array
    uneven: NDArray[np.float32]


def returning(
    section: Section,
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    seed: int,
    activities: NDArray[np.float32],
    blood: NDArray[np.float32],
    *,
    stray: bool = True,
) -> Returned:
    """What comes back of each frame.

    Args:
        section: the anatomy.
        scene: how bright it is.
        appearance: causes of the quality.
        sector: what the probe sees.
        seed: of the view.
        activities: (n,) 0 at ED to 1 at ES.
        blood: its speckle, (n, *GRID).
        stray: whether haze and clutter are part of it.
    """
    rng = np.random.default_rng([seed, SHARED])
    scatterers, mottle, still = draw_scatterers(rng, sector), draw_mottle(rng), noise(rng, GRID)
    start, tissue = _lie(section, sector, activities)
    uneven = scenes.patches(mottle)
    strength = _scatter(
        section, scene, appearance, sector, mottle, uneven, activities, start, tissue
    )
    solid = _speckle(section, sector, scatterers, activities)
    still = still if stray else np.zeros_like(still)
    echo = _echo(scene, appearance, sector, tissue, strength, uneven, solid, blood, still)
    return Returned(_axial(sector, echo), start, uneven)


def draw_scatterers(rng: np.random.Generator, sector: Sector) -> Scatterers:
    """Draw a view's scatterers; a few are much stronger than others, as in tissue."""
    place = rng.random((2, SCATTERERS), np.float32)
    spikes = np.exp(SPIKY * rng.standard_normal((SCATTERERS, 1), np.float32) - SPIKY**2)
    return Scatterers(
        depth=place[0] * np.float32(sector.depth * MARGIN),
        angle=(2 * place[1] - 1) * np.float32(sector.half_angle * MARGIN),
        values=spikes * noise(rng, (SCATTERERS, 2 * len(LOOKS))),
    )


def fresh_noise(
    seed: int, activities: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Speckle of blood and noise of the receiver, new in each frame, (n, *GRID) each."""
    moments = np.asarray(activities, np.float32).view(np.uint32)
    streams = [np.random.default_rng([seed, FRESH, moment]) for moment in moments]
    blood, receiver = np.stack([noise(rng, (2, *GRID)) for rng in streams], axis=1)
    return blood, receiver


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers whose pairs have unit power; the point spread function makes them Gaussian."""
    reach = np.float32(np.sqrt(1.5))
    values = rng.random(shape, np.float32)
    values *= 2 * reach
    values -= reach
    return values


@compiled
def _lie(section: Section, sector: Sector, activities: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Where what is on the grid was at ED (n, 2, depth, beams), and what it is."""

    def frame(activity: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, z = start_points(section, sector, activity)
        return jnp.stack([x, z]), tissues(section, x, z)

    return jax.vmap(frame)(activities)


@compiled
def _scatter(
    section: Section,
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    mottle: Mottle,
    uneven: jax.Array,
    activities: jax.Array,
    start: jax.Array,
    tissue: jax.Array,
) -> jax.Array:
    """Strength of each frame, (n, depth, beams)."""
    of_view = partial(scenes.strength, section, scene, appearance, sector, mottle, uneven)
    return jax.vmap(of_view)(activities, start, tissue)


@compiled
def _speckle(
    section: Section, sector: Sector, scatterers: Scatterers, activities: jax.Array
) -> jax.Array:
    """Speckle of scatterers where they are in each frame: (n, *GRID), of unit power."""
    x, z = cartesian(jnp.asarray(scatterers.depth), jnp.asarray(scatterers.angle))
    values = jnp.asarray(scatterers.values)

    def frame(activity: jax.Array) -> jax.Array:
        shift_x, shift_z = displacement(section, activity, x, z)
        return _spread(sector, x + shift_x, z + shift_z, values)

    return jax.vmap(frame)(activities)


def _spread(sector: Sector, x: jax.Array, z: jax.Array, values: jax.Array) -> jax.Array:
    """Share scatterers at (x, z) out to the samples and beams around them."""
    sample = jnp.round(jnp.hypot(x, z) * (SAMPLES / sector.depth) - 0.5)
    beam = (jnp.arctan2(x, z) / sector.half_angle + 1) * ((BEAMS - 1) / 2)
    first = jnp.floor(beam)
    right = (beam - first)[:, None]
    # A beam more on the left and on the right, of which half goes to the outermost ones.
    columns = BEAMS + 2
    seen = (sample >= 0) & (sample < SAMPLES) & (first >= -1) & (first < BEAMS)
    # Those that are not seen are dropped, by an index beyond the end.
    index = jnp.where(seen, sample * columns + first + 1, SAMPLES * columns).astype(jnp.int32)
    # Amplitudes add up by their shares, and powers by the squares of these.
    left = 1 - right
    shares = jnp.concatenate([left * values, left**2, right * values, right**2], axis=1)
    total = jnp.zeros((SAMPLES * columns, shares.shape[1])).at[index].add(shares, mode="drop")
    total = total.reshape(SAMPLES, columns, 2, -1)
    total = total[:, 1:-1, 0] + total[:, :-2, 1]
    # Where tissue is squeezed there is more of it; the speckle must not brighten.
    power = box_mean(total[..., -1], POWER_SAMPLES, POWER_BEAMS)
    speckle = total[..., :-1] / jnp.sqrt(jnp.maximum(power, LOWEST_POWER))[..., None]
    return speckle.transpose(2, 0, 1).reshape(GRID)


@compiled
def _echo(
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    tissue: jax.Array,
    strength: jax.Array,
    uneven: jax.Array,
    solid: jax.Array,
    blood: jax.Array,
    still: jax.Array,
) -> jax.Array:
    """What comes back to the probe, before the point spread function: (n, *GRID)."""
    depth, angle = (axis[None] for axis in grid(sector))
    # Two-way loss is 2 alpha f per cm, accumulated along the beam.
    path = sector.depth / SAMPLES / 10
    loss = 2 * FREQUENCY * jnp.cumsum(jnp.asarray(ATTENUATION)[tissue], axis=1) * path
    loss += CHEST_WALL_LOSS * appearance.chest_wall + appearance.attenuation * depth / 10
    reach = amplitude(-loss)
    stray = still[None] * _stray(scene, appearance, depth, uneven[:1])[:, None, None]
    is_solid = jnp.asarray(SOLID)[tissue] > 0
    speckle = jnp.where(is_solid[:, None, None], solid, blood)
    echo = speckle * (strength * reach)[:, None, None] + stray
    interface = jnp.abs(jnp.diff(strength, axis=1, prepend=strength[:, :1]))
    echo = echo.at[:, :, 0].add((INTERFACE * interface * reach)[:, None])
    return echo * _kept(appearance, sector, angle)[:, None, None]


def stray_level(
    scene: Scene, appearance: Appearance, sector: Sector, uneven: jax.Array
) -> jax.Array:
    """Amplitude of haze and clutter, (depth, beams)."""
    depth, angle = grid(sector)
    return _stray(scene, appearance, depth, uneven[0]) * _kept(appearance, sector, angle)


def _stray(scene: Scene, appearance: Appearance, depth: jax.Array, uneven: jax.Array) -> jax.Array:
    # Stray echo has its own speckle: independent Gaussian amplitudes add as powers. Haze fills the
    # displayed image evenly, so the time gain is taken out of it.
    phase = 2 * jnp.pi * depth / scene.ring_spacing + RING_UNEVENNESS * uneven
    rings = 1 + RING_DEPTH * jnp.cos(phase)
    clutter = amplitude(appearance.clutter) * jnp.exp(-depth / CLUTTER_DECAY) * rings
    haze = amplitude(appearance.haze) / time_gain(depth)
    return jnp.sqrt(clutter**2 + haze**2)


def _kept(appearance: Appearance, sector: Sector, angle: jax.Array) -> jax.Array:
    return amplitude(-_beam_loss(appearance, angle / sector.half_angle))


@compiled
def _receive(
    scene: Scene, appearance: Appearance, sector: Sector, echo: jax.Array, noise: jax.Array
) -> jax.Array:
    """Gray levels (n, depth, beams) of an echo and the receiver's noise, both (n, *GRID)."""
    signal = echo + noise * (NOISE_FLOOR * appearance.noise)
    looks = jnp.sqrt(signal[:, :, 0] ** 2 + signal[:, :, 1] ** 2)
    envelope = looks[:, 0] * LOOKS[0] + looks[:, 1] * LOOKS[1]
    return shown(scene, appearance, sector, envelope)


def shown(scene: Scene, appearance: Appearance, sector: Sector, envelope: jax.Array) -> jax.Array:
    """Gray levels 0-255 of an envelope, (n, depth, beams)."""
    depth, _ = grid(sector)
    near = jnp.exp(-((depth / NEAR) ** 2))
    set_by_hand = appearance.gain + near * scene.near_gain + (1 - near) * scene.far_gain
    bright = envelope * (time_gain(depth) * amplitude(set_by_hand))[None]
    return _compress(bright, appearance)


def time_gain(depth: jax.Array) -> jax.Array:
    """Amplitude by which echo from a depth is amplified, to make up for its attenuation."""
    return amplitude(TIME_GAIN * FREQUENCY * depth / 10)


def pulse(sector: Sector, signal: jax.Array) -> jax.Array:
    """Convolve (..., depth, beams) along depth with the pulse, of unit energy."""
    sigma = AXIAL_FWHM / FWHM_PER_SIGMA / (sector.depth / SAMPLES)
    reach = AXIAL_TAPS // 2
    shape = jnp.exp(-0.5 * (jnp.arange(-reach, reach + 1) / sigma) ** 2)
    shape = shape / jnp.sqrt((shape**2).sum())
    padded = jnp.pad(signal, [(0, 0)] * (signal.ndim - 2) + [(reach, reach), (0, 0)], mode="edge")
    shifted = (padded[..., k : k + SAMPLES, :] for k in range(AXIAL_TAPS))
    return jnp.asarray(sum(shape[k] * part for k, part in enumerate(shifted)))


_axial = compiled(pulse)


@compiled
def _lateral(appearance: Appearance, sector: Sector, signal: jax.Array) -> jax.Array:
    """Convolve (..., depth, beams) across beams with the beam's profile, of unit energy.

    Transmit is a Gaussian beam focused at FOCUS, receive is focused dynamically; both widen as the
    part of the probe in contact gets smaller.
    """
    depth, _ = grid(sector)
    wide = APERTURE * appearance.aperture
    receive = DIFFRACTION * WAVELENGTH * jnp.maximum(depth / wide, 1)
    waist = DIFFRACTION * WAVELENGTH * FOCUS / wide
    rayleigh = jnp.pi * (waist / FWHM_PER_WAIST) ** 2 / WAVELENGTH
    transmit = waist * jnp.sqrt(1 + ((depth - FOCUS) / rayleigh) ** 2)
    fwhm = TWO_WAY / jnp.sqrt(transmit**-2 + receive**-2)
    spacing = depth * (2 * sector.half_angle / (BEAMS - 1))
    sigma = jnp.minimum(fwhm / FWHM_PER_SIGMA / spacing, WIDEST_BEAM)
    reach = LATERAL_TAPS // 2
    kernel = jnp.exp(-0.5 * (jnp.arange(-reach, reach + 1)[None] / sigma) ** 2)
    kernel = kernel / jnp.sqrt(sum(tap**2 for tap in kernel.T))[:, None]
    padded = jnp.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(reach, reach)], mode="reflect")
    shifted = (padded[..., k : k + BEAMS] for k in range(LATERAL_TAPS))
    taps = kernel.reshape(*(1,) * (signal.ndim - 2), SAMPLES, 1, LATERAL_TAPS)
    return jnp.asarray(sum(taps[..., k] * part for k, part in enumerate(shifted)))


def _beam_loss(appearance: Appearance, across: jax.Array) -> jax.Array:
    """What each beam loses to a rib's shadow and at a badly coupled edge, in dB."""
    shadow = jnp.exp(-0.5 * ((across - appearance.shadow_at) / SHADOW_WIDTH) ** 2)
    edge = jnp.clip(across * jnp.sign(appearance.edge_loss), 0, 1) ** 2
    return appearance.shadow * shadow + jnp.abs(appearance.edge_loss) * edge


def _compress(bright: jax.Array, appearance: Appearance) -> jax.Array:
    """Gray levels 0-255 of amplitudes: decibels, then a curve that darkens the middle."""
    decibels = 20 * jnp.log10(bright + SMALLEST_AMPLITUDE)
    # The brightest level stays where it is whatever the range below it.
    below = decibels - LOWEST_LEVEL - DYNAMIC_RANGE
    level = jnp.clip(below / appearance.dynamic_range + 1, 0, 1)
    return 255 * (jnp.exp(np.log(CURVE) * level) - 1) / (CURVE - 1)
