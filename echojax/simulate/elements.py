"""What every element of the probe receives: B-mode and coherence made of the same signals.

In range r and direction s the element at u receives the scatterers convolved with the transmit beam
times exp(2 pi i u s / wavelength); in the lateral spectrum, the scatterers' spectrum times the
transmit pupil shifted by u. Summed over the elements that is the two-way beam; the sum's magnitude
over the sum of magnitudes is the coherence factor (amplitude, after Rigby), whose square root is
shown, as Van De Vyver et al. do (Ultrasound in Medicine & Biology 51, 2025).

Causes keep their meaning: what is not in contact neither sends nor receives, the chest wall delays
each place of the aperture at random (a phase screen), noise is each element's own. So is stray
echo, which is as strong in the sum as `acoustics` has it: reverberation comes from anywhere. One
frequency, one screen for the whole sector, no elevation, angle for its sine. Lengths are
millimetres, beam-space arrays (depth, beams).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from echojax.simulate import acoustics
from echojax.simulate.acoustics import FOCUS, FREQUENCY, LOOKS, NOISE_FLOOR, WAVELENGTH
from echojax.simulate.anatomy import Section
from echojax.simulate.programs import compiled
from echojax.simulate.quality import Appearance
from echojax.simulate.scene import Scene
from echojax.simulate.sector import BEAMS, SAMPLES, Sector, grid

ELEMENTS = 32  # sub-apertures, beamformed each by itself
# Speckle cells are as wide as those of `acoustics`, whose beams are Gaussian.
APERTURE = 18.0
EDGE = 16  # beams that the sector is continued by to either side, mirrored
COLUMNS = BEAMS + 2 * EDGE
# Delays of the phase screen: standard deviation, ns for every mm of chest wall, and over how many
# mm they are alike. So 3 to 18 ns in good frames and 24 to 51 in poor ones.
DELAY, ALIKE = 3.0, 4.0
SCREEN_STEP = 0.25
FULL = np.sqrt(2 / 3)  # amplitude of speckle at the focus, over that of a coherent echo
# Uses of a view's seed, beside those of `acoustics`.
SCREEN, RECEIVER, STRAY = 3, 4, 5


class Aperture(NamedTuple):
    """The probe as one view has it.

    Attributes:
        place: where on the aperture each element's lateral frequencies were sent, (elements,
            columns).
        transmit: the pupil there, of unit mean power over the frequencies, complex.
        sent: the same without delays, as an element in the middle has it, (columns,).
        receive: what each element makes of an echo, complex (elements,).
        bend: phase of the transmit pupil at each depth, radians per mm2, (depths, 1).
    """

    place: NDArray[np.float32]
    transmit: NDArray[np.complex64]
    sent: NDArray[np.float32]
    receive: NDArray[np.complex64]
    bend: NDArray[np.float32]


class Received(NamedTuple):
    """Frames in beam space, each (n, depth, beams).

    Attributes:
        gray: levels 0-255.
        coherence: square root of the coherence factor, in [0, 1].
        echo: power of tissue's and blood's echo, as it is shown.
        stray: power of haze, clutter and noise beside it.
        start: where what is seen there was at ED, x and z in mm, (n, 2, depth, beams).
    """

    gray: jax.Array
    coherence: jax.Array
    echo: jax.Array
    stray: jax.Array
    start: jax.Array


class Sums(NamedTuple):
    """Sums over elements, (n, looks, depth, beams): of echo, of all else, and of magnitudes."""

    echo: jax.Array
    stray: jax.Array
    magnitude: jax.Array


def aperture(
    half_angle: float, depths: NDArray[np.float32], contact: float, delays: NDArray[np.float32]
) -> Aperture:
    """The probe with part of it in contact, behind a screen.

    Args:
        half_angle: of the sector, radians.
        depths: mm, (n,).
        contact: part of the probe, in the middle of it.
        delays: of sound under places `SCREEN_STEP` apart on an aperture of twice the size, ns.
    """
    spacing = 2 * half_angle / (BEAMS - 1)
    middle = np.fft.fftfreq(COLUMNS, spacing) * WAVELENGTH
    pitch = APERTURE / ELEMENTS
    own = (np.arange(ELEMENTS) - (ELEMENTS - 1) / 2) * pitch
    place = middle - own[:, None]

    def live(at: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.clip((contact * APERTURE / 2 - np.abs(at)) / pitch + 0.5, 0, 1)

    def late(at: NDArray[np.floating]) -> NDArray[np.complexfloating]:
        under = (np.arange(len(delays)) - (len(delays) - 1) / 2) * SCREEN_STEP
        return np.exp(2j * np.pi * FREQUENCY * 1e-3 * np.interp(at, under, delays))

    strong = np.sqrt(np.mean(live(middle) ** 2))
    # Next to the probe a beam is as wide as the spectrum can tell.
    nearest = COLUMNS * spacing / APERTURE
    bend = np.pi / WAVELENGTH * np.minimum(1 / depths - 1 / FOCUS, nearest)
    return Aperture(
        place.astype(np.float32),
        (live(place) * late(place) / strong).astype(np.complex64),
        (live(middle) / strong).astype(np.float32),
        (live(own) * late(own)).astype(np.complex64),
        bend[:, None].astype(np.float32),
    )


def draw_delays(rng: np.random.Generator, deviation: float) -> NDArray[np.float32]:
    """A phase screen: Gaussian delays in ns of a standard deviation, alike over `ALIKE` mm."""
    places = 2 * round(2 * APERTURE / SCREEN_STEP / 2) + 1
    reach = round(3 * ALIKE / SCREEN_STEP)
    # Its autocorrelation falls to 1/e at that distance.
    weights = np.exp(-2 * (np.arange(-reach, reach + 1) * SCREEN_STEP / ALIKE) ** 2)
    drawn = rng.standard_normal(places + 2 * reach)
    smooth = np.convolve(drawn, weights / np.sqrt((weights**2).sum()), mode="valid")
    return (deviation * smooth).astype(np.float32)


def spectrum(signal: jax.Array) -> jax.Array:
    """Lateral spectrum (..., depths, COLUMNS) of a complex signal (..., depths, BEAMS)."""
    padded = jnp.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(EDGE, EDGE)], mode="reflect")
    return jnp.fft.fft(padded)


def heard(probe: Aperture, element: jax.Array | int, lateral: jax.Array) -> jax.Array:
    """What an element receives of scatterers, (..., depths, BEAMS), by their `spectrum`."""
    pupil = _pupil(probe, element)
    pupil = pupil.reshape(*(1,) * (lateral.ndim - pupil.ndim), *pupil.shape)
    return _beams(jnp.fft.ifft(lateral * pupil))


def _pupil(probe: Aperture, element: jax.Array | int) -> jax.Array:
    """What is made of each lateral frequency at each depth: (depths, columns)."""
    place, transmit, receive = (
        jnp.asarray(each)[element] for each in (probe.place, probe.transmit, probe.receive)
    )
    return (transmit * receive)[None] * jnp.exp(1j * probe.bend * place[None] ** 2)


def _beams(columns: jax.Array) -> jax.Array:
    return columns[..., EDGE : EDGE + BEAMS]


def focusing(probe: Aperture) -> jax.Array:
    """Amplitude of speckle in the mean over elements, over that of one element's: (depths, 1)."""

    def add(total: jax.Array, element: jax.Array) -> tuple[jax.Array, None]:
        return total + _pupil(probe, element), None

    none = jnp.zeros((len(probe.bend), COLUMNS), jnp.complex64)
    total, _ = jax.lax.scan(add, none, jnp.arange(ELEMENTS))
    return jnp.sqrt((jnp.abs(total / ELEMENTS) ** 2).mean(axis=1, keepdims=True))


def undisturbed(sector: Sector, depths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coherence factor of speckle at depths in mm before a whole probe, without screen or noise."""
    at = np.asarray(grid(sector)[0])[:, 0]
    whole = aperture(float(sector.half_angle), at, 1.0, np.zeros(1, np.float32))
    return np.interp(depths, at, np.asarray(_focusing(whole))[:, 0])


def render(
    section: Section,
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    seed: int,
    activities: NDArray[np.float32],
) -> Received:
    """Frames of one view, as `acoustics.render` has them but for beams and noise.

    The sums are divided by what focus and contact make of speckle, as a machine's gain does, so
    that noise and not speckle gets stronger where fewer elements hear it.
    """
    rng = np.random.default_rng([seed, SCREEN])
    deviation = DELAY * float(appearance.chest_wall)
    depths = np.asarray(grid(sector)[0])[:, 0]
    angle, contact = float(sector.half_angle), float(appearance.aperture)
    still = np.zeros(1, np.float32)
    ideal = aperture(angle, depths, contact, still)
    probe = aperture(angle, depths, contact, draw_delays(rng, deviation))
    blood, _ = acoustics.fresh_noise(seed, activities)
    returned = acoustics.returning(
        section, scene, appearance, sector, seed, activities, blood, stray=False
    )
    around = np.random.default_rng([seed, STRAY])
    haze = acoustics.noise(around, (ELEMENTS, len(LOOKS), 2, SAMPLES, COLUMNS))
    moments = np.asarray(activities, np.float32).view(np.uint32)
    receivers = [np.random.default_rng([seed, RECEIVER, moment]) for moment in moments]
    shape = (ELEMENTS, len(LOOKS), 2, SAMPLES, BEAMS)
    noise = np.stack([acoustics.noise(each, shape) for each in receivers], axis=1)
    gain = _focusing(ideal)
    sums = _sums(
        scene, appearance, sector, ideal, probe, gain, returned.echo, returned.uneven, haze, noise
    )
    gray, coherence, echo, stray = _shown(scene, appearance, sector, sums)
    return Received(gray, coherence, echo, stray, returned.start)


_focusing = compiled(focusing)


@compiled
def _sums(
    scene: Scene,
    appearance: Appearance,
    sector: Sector,
    ideal: Aperture,
    probe: Aperture,
    gain: jax.Array,
    echo: jax.Array,
    uneven: jax.Array,
    haze: jax.Array,
    noise: jax.Array,
) -> Sums:
    """Sums over elements, one after the other, so that none is kept."""
    lateral = spectrum(jax.lax.complex(echo[:, :, 0], echo[:, :, 1]))
    received = jnp.abs(ideal.receive)
    strong = acoustics.stray_level(scene, appearance, sector, uneven)
    # The inverse transform divides by the number of columns, powers of noise by its root.
    strong *= gain * ELEMENTS / jnp.sqrt((received**2).sum()) * np.float32(np.sqrt(COLUMNS))
    floor = NOISE_FLOOR * appearance.noise * np.sqrt(ELEMENTS) * FULL

    def add(sums: Sums, each: tuple[jax.Array, ...]) -> tuple[Sums, None]:
        element, of_haze, of_noise = each
        own = heard(probe, element, lateral)
        # Drawn in the spectrum; as wide as what was sent.
        grain = jax.lax.complex(of_haze[:, 0], of_haze[:, 1]) * ideal.sent[None, None]
        reverberation = acoustics.pulse(sector, _beams(jnp.fft.ifft(grain)))
        of_noise = jax.lax.complex(of_noise[:, :, 0], of_noise[:, :, 1])
        around = floor * acoustics.pulse(sector, of_noise)
        around += (reverberation * (strong * received[element])[None])[None]
        magnitude = jnp.abs(own + around)
        return Sums(sums.echo + own, sums.stray + around, sums.magnitude + magnitude), None

    none = jnp.zeros((*lateral.shape[:-1], BEAMS), jnp.complex64)
    start = Sums(none, none, jnp.zeros(none.shape, jnp.float32))
    sums, _ = jax.lax.scan(add, start, (jnp.arange(ELEMENTS), haze, noise))
    return jax.tree.map(lambda each: each / (ELEMENTS * gain)[None, None], sums)


@compiled
def _shown(
    scene: Scene, appearance: Appearance, sector: Sector, sums: Sums
) -> tuple[jax.Array, ...]:
    """Gray levels, coherence, and powers of echo and of what is stray, each (n, depth, beams)."""
    envelope = _of_looks(jnp.abs(sums.echo + sums.stray))
    coherence = jnp.sqrt(envelope / _of_looks(sums.magnitude))
    gain = acoustics.time_gain(grid(sector)[0]) ** 2
    powers = (_of_looks(jnp.abs(each) ** 2) * gain[None] for each in (sums.echo, sums.stray))
    return acoustics.shown(scene, appearance, sector, envelope), coherence, *powers


def _of_looks(values: jax.Array) -> jax.Array:
    """The mean of two looks, weighted as everywhere."""
    return values[:, 0] * LOOKS[0] + values[:, 1] * LOOKS[1]
