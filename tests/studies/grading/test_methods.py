import numpy as np
import pytest

from echojax.inference.contrast import contrast
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import WALLS
from echojax.studies.grading import methods
from echojax.studies.grading.methods import Shown
from tests.inference.test_measures import heart
from tests.studies.grading.conftest import SPACING, picture


@pytest.fixture
def shown():
    mask = heart(spacing=SPACING).mask
    image = picture(mask, 160, 0)
    return Shown(image, SPACING, np.ones(mask.shape, bool)).divided(mask)


def test_the_whole_wall_is_measured_as_contrast_does(shown):
    expected = contrast(shown.image, shown.mask == MYOCARDIUM, shown.mask == LV)
    found = dict(methods.pixels(shown, methods.WITH_MASK))
    for field in methods.PIXEL:
        assert found[field].whole == pytest.approx(getattr(expected, field))
    raw = [shown.image[shown.mask == label].mean() for label in (MYOCARDIUM, LV)]
    assert found["raw-cr"].whole == pytest.approx(raw[0] / raw[1])
    assert found["raw-level"].whole == pytest.approx(raw[0])


def test_a_region_that_is_dark_has_less_contrast_than_the_others(shown):
    dark = shown.regions.masks[1]
    image = np.where(dark, 70, shown.image).astype(np.uint8)
    found = dict(methods.pixels(shown._replace(image=image), ["cr"]))["cr"].regions
    assert found.argmin() == 1
    assert found[1] < 0.7 * np.delete(found[:WALLS], 1).min()


def test_what_is_mostly_outside_of_the_sector_is_not_assessed(shown):
    columns = np.arange(shown.image.shape[1]) > 45  # cuts off most of the left wall
    inside = np.broadcast_to(columns, shown.image.shape).copy()
    cut = shown._replace(inside=inside).divided(shown.mask)
    found = dict(methods.pixels(cut, ["level"]))["level"]
    share = cut.regions.inside
    assert (share < 0.5).any()
    np.testing.assert_array_equal(np.isnan(found.regions), share < 0.5)
    assert not np.isnan(found.whole)


def test_a_mask_that_cannot_be_divided_is_measured_whole_and_says_why(shown):
    surrounded = np.where(shown.mask == 3, 0, shown.mask)
    rows, columns = np.nonzero(surrounded == LV)
    surrounded[rows.max() + 1, columns.min() - 2 : columns.max() + 3] = MYOCARDIUM
    found = shown.divided(surrounded)
    assert found.regions is None
    assert "no valve plane" in found.why
    scores = dict(methods.pixels(found, ["cr"]))["cr"]
    assert scores.whole > 1
    assert np.isnan(scores.regions).all()


def test_without_a_cavity_there_is_no_contrast(shown):
    none = shown.divided(np.where(shown.mask == LV, 0, shown.mask))
    assert np.isnan(dict(methods.pixels(none, ["cr"]))["cr"].whole)
    assert dict(methods.pixels(none, ["sector"]))["sector"].whole == shown.image.mean()
