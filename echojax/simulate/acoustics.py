"""From tissue to gray levels: speckle by the convolution model, in beam space.

An image is scatterers convolved with a separable point spread function (Gao et al., COLE, 2009),
then attenuated, received with noise, log-compressed and scan-converted. Lengths are millimetres,
levels decibels; beam-space arrays are (depth, beams). Physical constants are those that public
work calibrated on CAMUS.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echojax.simulate.anatomy import Tissue
from echojax.simulate.quality import Appearance

DEPTH = 160.0
HALF_ANGLE = np.radians(38.0)
SAMPLES = 384
BEAMS = 192

FREQUENCY = 2.5  # MHz
WAVELENGTH = 1.54 / FREQUENCY  # sound travels 1.54 mm per microsecond
APERTURE = 14.0
FOCUS = 90.0
# A pulse of 0.77 mm at 2.5 MHz, lengthened by two factors that public work fitted to CAMUS.
AXIAL_FWHM = 0.77 * (2.5 / FREQUENCY) * 1.15 * 1.35
DIFFRACTION = 1.02  # beam width over wavelength times depth over aperture
TWO_WAY = 0.8  # fitted factor on the width of transmit times receive
FWHM_PER_SIGMA = 2.355
FWHM_PER_WAIST = 1.177  # full width at half maximum over the 1/e^2 radius of a Gaussian beam
LOOKS = 2
NOISE_FLOOR = 4.5e-4
TIME_GAIN = 0.7  # dB / cm / MHz
CLUTTER_DECAY = 18.0
LOWEST_LEVEL = -74.0  # dB; shown as black
DYNAMIC_RANGE = 70.0  # dB
CURVE = 4.5
SMALLEST_AMPLITUDE = 1e-6  # keeps the logarithm finite
# How strongly a change of tissue along the beam reflects, relative to the change of scattering.
INTERFACE = 0.7
# Slow change of brightness across tissue (dB) and its extent (part of the sector).
UNEVENNESS = 4.5
UNEVENNESS_EXTENT = 0.08
SHADOW_WIDTH = 0.12  # part of the half angle
WIDEST_BEAM = 4.0  # samples; bounds the kernel where beams converge at the probe

# Relative scattering strength and attenuation (dB / cm / MHz) of each `Tissue`.
SCATTERING = np.array([0.12, 0.018, 0.21, 0.018, 0.018, 0.12, 0.5, 0.6], np.float32)
ATTENUATION = np.array([0.35, 0.18, 0.9, 0.18, 0.18, 0.9, 0.9, 0.9], np.float32)
# Unevenness belongs to solid tissue; blood is well stirred.
SOLID = np.array([1, 0, 1, 0, 0, 1, 1, 1], np.float32)


@dataclass(frozen=True)
class BeamGrid:
    """The sector in beam space: `depth` (samples, 1) and `angle` (1, beams), and points x, z."""

    depth: NDArray[np.float32]
    angle: NDArray[np.float32]
    x: NDArray[np.float32]
    z: NDArray[np.float32]


@dataclass(frozen=True)
class Raster:
    """The image: points x, z of its pixels, their beam-space coordinates, and the sector.

    `spacing` is the side of a square pixel in mm; arrays are (rows, columns), upright.
    """

    spacing: float
    x: NDArray[np.float32]
    z: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    sector: NDArray[np.bool_]


@lru_cache(maxsize=1)
def beam_grid() -> BeamGrid:
    """The grid on which echoes are computed, whatever the size of the image."""
    depth = ((np.arange(SAMPLES, dtype=np.float32) + 0.5) * (DEPTH / SAMPLES))[:, None]
    angle = np.linspace(-HALF_ANGLE, HALF_ANGLE, BEAMS, dtype=np.float32)[None, :]
    return BeamGrid(depth, angle, depth * np.sin(angle), depth * np.cos(angle))


@lru_cache(maxsize=2)
def raster(size: int) -> Raster:
    """An image of `size` rows that cover the whole depth, as wide as the sector."""
    spacing = DEPTH / size
    columns = 2 * round(DEPTH * np.sin(HALF_ANGLE) / spacing)
    z, x = np.meshgrid(
        (np.arange(size, dtype=np.float32) + 0.5) * spacing,
        (np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) * spacing,
        indexing="ij",
    )
    depth, angle = np.hypot(x, z), np.arctan2(x, z)
    sample = depth * (SAMPLES / DEPTH) - 0.5
    beam = (angle + HALF_ANGLE) * ((BEAMS - 1) / (2 * HALF_ANGLE))
    sector = (depth <= DEPTH) & (np.abs(angle) <= HALF_ANGLE)
    return Raster(spacing, x, z, np.stack([sample, beam]).astype(np.float32), sector)


def draw_unevenness(rng: np.random.Generator) -> NDArray[np.float32]:
    """Slowly varying brightness of solid tissue in dB, (depth, beams); shared by both phases."""
    field = rng.standard_normal((SAMPLES, BEAMS), dtype=np.float32)
    extent = (UNEVENNESS_EXTENT * SAMPLES / 2, UNEVENNESS_EXTENT * BEAMS / 2)
    smooth = ndimage.gaussian_filter(field, extent)
    return np.asarray(UNEVENNESS / smooth.std() * smooth, np.float32)


def echo(
    rng: np.random.Generator,
    tissue: NDArray[np.uint8],
    appearance: Appearance,
    unevenness: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Amplitude received from `tissue`, all (depth, beams); `rng` draws the speckle."""
    grid = beam_grid()
    scattering = SCATTERING[tissue] * _amplitude(unevenness * SOLID[tissue])
    interface = np.abs(np.diff(SCATTERING[tissue], axis=0, prepend=SCATTERING[Tissue.OUTSIDE]))
    # Two-way loss is 2 alpha f per cm, accumulated along the beam.
    loss = 2 * FREQUENCY * np.cumsum(ATTENUATION[tissue], axis=0) * (DEPTH / SAMPLES / 10)
    reach = _amplitude(-loss - appearance.chest_wall)
    time_gain = _amplitude(TIME_GAIN * FREQUENCY * grid.depth / 10)
    # Stray echo has its own speckle: independent Gaussian amplitudes add as powers. Haze fills the
    # displayed image evenly, so the time gain is taken out of it.
    clutter = _amplitude(appearance.clutter) * np.exp(-grid.depth / CLUTTER_DECAY)
    haze = _amplitude(appearance.haze) / time_gain
    strength = np.sqrt((scattering * reach) ** 2 + clutter**2 + haze**2)
    coherent = INTERFACE * interface * reach
    coupling = _amplitude(-_beam_loss(appearance))
    kernel = _lateral_kernel(appearance.beam)
    noise_level = NOISE_FLOOR * appearance.noise
    total = np.zeros(tissue.shape, np.float32)
    for _ in range(LOOKS):
        scatterers = (strength * _complex_normal(rng, tissue.shape) + coherent) * coupling
        noise = _axial(_complex_normal(rng, tissue.shape)) * noise_level
        total += np.abs(_lateral(_axial(scatterers), kernel) + noise)
    mean: NDArray[np.float32] = total * time_gain * _amplitude(appearance.gain) / np.float32(LOOKS)
    return mean


def compress(amplitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gray levels 0-255 of amplitudes: decibels, then a curve that darkens the middle."""
    decibels = 20 * np.log10(amplitude + SMALLEST_AMPLITUDE)
    level = np.clip((decibels - LOWEST_LEVEL) / DYNAMIC_RANGE, 0, 1)
    return (255 * (CURVE**level - 1) / (CURVE - 1)).astype(np.float32)


def scan_convert(gray: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Beam-space gray levels as an upright image of `size` rows, black outside the sector."""
    target = raster(size)
    image = ndimage.map_coordinates(gray, target.coordinates, order=1, mode="nearest")
    return np.where(target.sector, np.round(image), 0).astype(np.uint8)


def _amplitude(decibels: NDArray[np.floating] | float) -> NDArray[np.float32]:
    return np.power(10, np.asarray(decibels, np.float32) / 20, dtype=np.float32)


def _complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Circular complex Gaussian numbers of unit power."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32) * np.float32(np.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


def _axial(signal: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Convolve along depth with the pulse, of unit energy."""
    sigma = AXIAL_FWHM / FWHM_PER_SIGMA / (DEPTH / SAMPLES)
    reach = int(np.ceil(3 * sigma))
    pulse = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    pulse = (pulse / np.sqrt((pulse**2).sum())).astype(np.float32)
    real = ndimage.convolve1d(signal.real, pulse, axis=0, mode="nearest")
    imaginary = ndimage.convolve1d(signal.imag, pulse, axis=0, mode="nearest")
    return real + np.complex64(1j) * imaginary


def _lateral_kernel(widening: float) -> NDArray[np.float32]:
    """Beam profile at each depth, (depth, taps), of unit energy.

    Transmit is a Gaussian beam focused at FOCUS, receive is focused dynamically.
    """
    depth = beam_grid().depth
    receive = DIFFRACTION * WAVELENGTH * np.maximum(depth / APERTURE, 1)
    waist = DIFFRACTION * WAVELENGTH * FOCUS / APERTURE
    rayleigh = np.pi * (waist / FWHM_PER_WAIST) ** 2 / WAVELENGTH
    transmit = waist * np.sqrt(1 + ((depth - FOCUS) / rayleigh) ** 2)
    fwhm = widening * TWO_WAY / np.sqrt(transmit**-2 + receive**-2)
    spacing = depth * (2 * HALF_ANGLE / (BEAMS - 1))
    sigma = np.minimum(fwhm / FWHM_PER_SIGMA / spacing, WIDEST_BEAM * widening)
    reach = int(np.ceil(2.5 * sigma.max()))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (kernel / np.sqrt((kernel**2).sum(axis=1, keepdims=True))).astype(np.float32)


def _lateral(signal: NDArray[np.complex64], kernel: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Convolve across beams with a kernel that changes with depth."""
    reach = kernel.shape[1] // 2
    padded = np.pad(signal, ((0, 0), (reach, reach)), mode="reflect")
    result = np.zeros_like(signal)
    for tap in range(kernel.shape[1]):
        result += kernel[:, tap, None] * padded[:, tap : tap + signal.shape[1]]
    return result


def _beam_loss(appearance: Appearance) -> NDArray[np.float32]:
    """What each beam (1, beams) loses to a rib's shadow and at a badly coupled edge, in dB."""
    across = beam_grid().angle / HALF_ANGLE
    shadow = np.exp(-0.5 * ((across - appearance.shadow_at) / SHADOW_WIDTH) ** 2)
    edge = np.clip(across * np.sign(appearance.edge_loss), 0, 1) ** 2
    return appearance.shadow * shadow + abs(appearance.edge_loss) * edge
