"""Grades of regions from their physics."""

import dataclasses

import numpy as np
import pytest

from echojax.inference.regions import REGIONS
from echojax.simulate.truth import grade, truth
from echojax.simulate.view import draw_frames, draw_view

SIZE = 96
DRAWN = draw_view(5, 1, "4CH", "Good")
CLEAN = {"chest_wall": 0.0, "attenuation": 0.0, "aperture": 1.0, "haze": -70.0, "clutter": -60.0}


def known(**causes):
    appearance = dataclasses.replace(DRAWN.appearance, **(CLEAN | causes))
    view = dataclasses.replace(DRAWN, appearance=appearance)
    return truth(draw_frames(view, SIZE, coherence=True), view.sector, 0)


@pytest.fixture(scope="module")
def clean():
    return known()


def test_a_wall_is_as_good_as_its_worst():
    snr, lost = np.array([-9.0, 0.0, 6.0, 18.0, 40.0, 40.0]), np.array([0, 0, 0, 6.0, 3.0, -1.0])
    found = grade(snr, lost, np.ones(6))
    assert found.tolist() == [1.0, 1.5, 2.5, 3.0, 4.0, 5.0]


def test_what_lies_less_than_half_in_the_sector_has_no_grade():
    found = grade(np.full(3, 20.0), np.zeros(3), np.array([0.49, 0.5, np.nan]))
    assert np.isnan(found).tolist() == [True, False, True]


def test_walls_that_nothing_spoils_are_at_least_good(clean):
    assert clean.grades.shape == (len(REGIONS),)
    assert np.nanmin(clean.grades) > 3.5
    assert np.abs(clean.lost).max() < 4


@pytest.mark.parametrize(
    ("causes", "named"),
    [
        ({"noise": 200.0}, "snr"),
        ({"haze": -20.0}, "snr"),
        ({"chest_wall": 25.0}, "lost"),
        ({"aperture": 0.3, "noise": 20.0}, "lost"),
    ],
)
def test_each_cause_lowers_what_it_should_and_the_grade_with_it(clean, causes, named):
    spoilt = known(**causes)
    worse = getattr(spoilt, named) - getattr(clean, named)
    assert (worse < 0 if named == "snr" else worse > 0).mean() > 0.7
    assert np.nanmean(spoilt.grades) < np.nanmean(clean.grades) - 0.3


@pytest.mark.parametrize("causes", [{"gain": -25.0}, {"dynamic_range": 50.0}])
def test_what_is_set_at_the_screen_changes_no_grade(clean, causes):
    np.testing.assert_array_equal(known(**causes).grades, clean.grades)


def test_frames_without_elements_have_no_truth():
    frames = draw_frames(DRAWN, SIZE)
    with pytest.raises(ValueError, match="without elements"):
        truth(frames, DRAWN.sector, 0)
