"""From scatterers to gray levels: the point spread function, losses, compression."""

import dataclasses

import numpy as np
import pytest

from echojax.simulate import acoustics
from echojax.simulate.scene import ATTENUATION
from echojax.simulate.sector import BEAMS, SAMPLES
from echojax.simulate.tissue import Tissue
from echojax.simulate.view import draw_view

VIEW = draw_view(0, 0, "4CH", "Good")
SECTOR = dataclasses.replace(VIEW.sector, depth=160.0)
DEPTHS = (np.arange(SAMPLES) + 0.5) * SECTOR.depth / SAMPLES
ACROSS = np.linspace(-1, 1, BEAMS)
# Nothing is lost.
CLEAR = dataclasses.replace(
    VIEW.appearance, chest_wall=0.0, attenuation=0.0, aperture=1.0, edge_loss=0.0, shadow=0.0
)


def point(depth, **causes):
    """The echo (depth, beams) of a single scatterer in the middle of the sector."""
    signal = np.zeros((SAMPLES, BEAMS), np.float32)
    signal[np.argmin(abs(DEPTHS - depth)), BEAMS // 2] = 1
    appearance = dataclasses.replace(CLEAR, **causes)
    return np.asarray(acoustics._lateral(appearance, SECTOR, acoustics._axial(SECTOR, signal)))


def full_width(profile, spacing):
    """Full width at half maximum of a Gaussian profile, from its variance."""
    place = np.arange(len(profile)) * spacing
    mean = np.average(place, weights=profile)
    return 2.355 * np.sqrt(np.average((place - mean) ** 2, weights=profile))


def widths(spread):
    """Axial and lateral width of a point's echo, mm."""
    row, beam = np.unravel_index(spread.argmax(), spread.shape)
    between_beams = DEPTHS[row] * 2 * SECTOR.half_angle / (BEAMS - 1)
    axial = full_width(spread[:, beam], SECTOR.depth / SAMPLES)
    return axial, full_width(spread[row], between_beams)


@pytest.mark.parametrize("depth", [40, 140])
def test_the_echo_of_a_point_has_unit_energy(depth):
    assert (point(depth) ** 2).sum() == pytest.approx(1, rel=1e-3)


def test_a_point_at_the_focus_is_wider_than_long_by_millimetres():
    axial, lateral = widths(point(acoustics.FOCUS))
    assert 1 < axial < 2
    # Of a pulse and its echo, 1 / sqrt(2) of wavelength times depth over aperture.
    once = acoustics.WAVELENGTH * acoustics.FOCUS / acoustics.APERTURE
    assert lateral == pytest.approx(once / np.sqrt(2), rel=0.1)


def test_beams_widen_with_depth_and_with_a_smaller_aperture():
    depths = [widths(point(depth))[1] for depth in (60, 90, 140)]
    assert depths == sorted(depths)
    assert widths(point(90, aperture=0.5))[1] == pytest.approx(2 * depths[1], rel=0.1)


def level(tissue=Tissue.MYOCARDIUM, **causes):
    """What comes back, in dB (depth, beams), from nothing but one tissue that scatters evenly."""
    frame = (1, SAMPLES, BEAMS)
    even = np.ones((1, *acoustics.GRID), np.float32)
    echo = acoustics._echo(
        VIEW.scene,
        dataclasses.replace(CLEAR, **causes),
        SECTOR,
        tissue=np.full(frame, tissue, np.int32),
        strength=np.ones(frame, np.float32),
        uneven=np.zeros((3, SAMPLES, BEAMS), np.float32),
        solid=even,
        blood=even,
        still=np.zeros(acoustics.GRID, np.float32),
    )
    return 20 * np.log10(np.asarray(echo)[0, 0, 0])


def per_cm(decibels):
    return np.polyfit(DEPTHS / 10, decibels[:, BEAMS // 2], 1)[0]


@pytest.mark.parametrize("tissue", [Tissue.LV_CAVITY, Tissue.MYOCARDIUM, list(Tissue)[-1]])
def test_tissue_attenuates_there_and_back(tissue):
    expected = -2 * acoustics.FREQUENCY * ATTENUATION[tissue]
    assert per_cm(level(tissue)) == pytest.approx(expected, rel=1e-3)


def test_attenuation_is_decibels_a_centimetre_and_a_chest_wall_takes_the_same_everywhere():
    assert per_cm(level(attenuation=1.0)) - per_cm(level()) == pytest.approx(-1, rel=1e-3)
    lost = level() - level(chest_wall=10.0)
    assert lost == pytest.approx(10 * acoustics.CHEST_WALL_LOSS, abs=1e-3)


def test_a_shadow_lies_where_it_says_from_top_to_bottom():
    lost = level() - level(shadow=12.0, shadow_at=0.5)
    inside, outside = abs(ACROSS - 0.5) < 0.02, abs(ACROSS - 0.5) > 0.4
    assert lost[:, inside] == pytest.approx(12, abs=0.3)
    assert lost[:, outside] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("loss", [10.0, -10.0])
def test_the_edge_that_is_lost_is_that_of_its_sign(loss):
    lost = level() - level(edge_loss=loss)
    edge, other = (-1, 0) if loss > 0 else (0, -1)
    assert lost[:, edge] == pytest.approx(10, abs=1e-3)
    assert lost[:, other] == pytest.approx(0, abs=1e-3)
    assert lost[:, BEAMS // 2] == pytest.approx(0, abs=0.1)


def test_white_stays_white_whatever_the_dynamic_range():
    def gray(decibels, dynamic_range):
        appearance = dataclasses.replace(CLEAR, dynamic_range=dynamic_range)
        return float(acoustics._compress(np.float32(10 ** (decibels / 20)), appearance))

    white = acoustics.LOWEST_LEVEL + acoustics.DYNAMIC_RANGE
    for dynamic_range in (50.0, 70.0, 90.0):
        assert gray(white, dynamic_range) == pytest.approx(255, abs=0.1)
        assert gray(white - 1, dynamic_range) < 254
        assert gray(white - dynamic_range, dynamic_range) < 1
        assert gray(white - dynamic_range + 5, dynamic_range) > 5
