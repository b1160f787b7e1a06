import numpy as np
import pytest
from skimage.metrics import hausdorff_distance

from echojax.inference.overlap import agreement, dice
from tests.recipes.images import speckle


def square(top, left, label=1, side=10, shape=(40, 40)):
    mask = np.zeros(shape, np.uint8)
    mask[top : top + side, left : left + side] = label
    return mask


def test_equal_masks_agree_wholly():
    mask = square(5, 5) + square(20, 5, 2) + square(20, 20, 3)
    for each in agreement(mask, mask).values():
        assert each == (1, 0, 0)


def test_a_square_beside_itself():
    """Moved by four of its ten columns: six tenths are common, and edges lie four apart."""
    found = agreement(square(5, 5), square(5, 9), spacing=(1.0, 0.5))["lv"]
    assert found.dice == pytest.approx(0.6)
    assert found.hausdorff == pytest.approx(4 * 0.5)
    assert found.hausdorff_95 <= found.hausdorff


def test_distances_are_the_same_either_way_and_those_of_scikit_image():
    one, other = (image > 140 for image in speckle(2, 0, shape=(60, 60), sigma=6))
    found = agreement(one.astype(np.uint8), other.astype(np.uint8))["lv"]
    assert found == agreement(other.astype(np.uint8), one.astype(np.uint8))["lv"]
    outlines = [region & ~_eroded(region) for region in (one, other)]
    assert found.hausdorff == pytest.approx(hausdorff_distance(*outlines))
    assert 0 < found.hausdorff_95 < found.hausdorff


def _eroded(region):
    padded = np.pad(region, 1)
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return region & np.logical_and.reduce(around)


def test_a_few_pixels_far_away_move_the_largest_distance_alone():
    truth, mask = square(5, 5, side=20), square(5, 5, side=20)
    mask[38, 38] = 1
    found = agreement(mask, truth)["lv"]
    assert found.hausdorff > 15
    assert found.hausdorff_95 == 0


def test_a_structure_that_one_lacks_has_no_distance_and_no_overlap():
    empty = np.zeros((40, 40), np.uint8)
    missed = agreement(empty, square(5, 5))["lv"]
    assert missed.dice == 0
    assert np.isnan(missed[1:]).all()
    assert np.isnan(agreement(empty, empty)["la"]).all()
    assert np.isnan(dice(empty > 0, empty > 0))
