import numpy as np
import pytest

from echojax.errors import InputError
from echojax.inference.contrast import MEAN, SPREAD, contrast, matched

# Printed in the tutorial of arqee (GillesVanDeVyver/arqee, tutorial_gcnr), region by region.
ARQEE = (0.9330, 0.9194, 0.7653, 0.7506, 0.6749, 0.8285, 0.9146, 0.8736)


@pytest.fixture
def frame():
    """Noise in a half disc, brighter in a region than in a cavity, and their masks."""
    rows, columns = np.mgrid[:160, :200]
    inside = np.hypot(rows, columns - 100) < 150
    region, cavity = np.zeros((2, *rows.shape), bool)
    region[60:90, 60:90], cavity[60:90, 110:140] = True, True
    noise = np.random.default_rng(0).normal(0, 12, rows.shape)
    levels = 90 + 30.0 * region - 30.0 * cavity + noise
    return np.where(inside, levels.clip(10, 255), 0).astype(np.uint8), region, cavity


def test_a_matched_frame_is_normal_inside_the_sector_and_black_around_it(frame):
    pixels = frame[0]
    inside = pixels > 0
    levels = matched(pixels, inside)
    assert levels[inside].mean() == pytest.approx(MEAN, abs=2)
    assert levels[inside].std() == pytest.approx(SPREAD, abs=2)
    assert not levels[~inside].any()


def test_gain_and_compression_change_nothing(frame):
    pixels, region, cavity = frame
    brighter = np.where(pixels > 0, pixels**0.8 * 2 + 20, 0).astype(np.uint8)
    before, after = (contrast(each, region, cavity) for each in (pixels, brighter))
    assert after == pytest.approx(before, abs=0.02, rel=0.02)


def test_regions_apart_share_nothing_and_a_region_shares_everything_with_itself(frame):
    pixels, region, cavity = frame
    assert contrast(pixels, region, cavity).gcnr > 0.95
    assert contrast(pixels, region, cavity).cr > 1
    same = contrast(pixels, region, region)
    assert same.gcnr == pytest.approx(0)
    assert same.cr == 1
    assert same.cnr == 0


def test_arqee_takes_off_half_the_overlap(frame):
    pixels, region, _ = frame
    assert contrast(pixels, region, region, "arqee").gcnr == pytest.approx(0.5)


def test_black_around_the_sector_counts_for_nothing(frame):
    pixels, region, cavity = frame
    wider = region.copy()
    wider[-20:, :20] = True  # outside the sector
    assert contrast(pixels, wider, cavity) == contrast(pixels, region, cavity)


def test_a_region_outside_the_sector_is_told(frame):
    pixels, region, cavity = frame
    outside = np.zeros_like(region)
    outside[-5:, :5] = True
    with pytest.raises(InputError, match="region has no pixel inside the sector"):
        contrast(pixels, outside, cavity)


def test_values_of_a_real_frame_are_those_that_arqee_published(shared_data):
    """Within .03: the masks were recovered from the picture in its tutorial."""
    with np.load(shared_data / "grading" / "arqee_tutorial_frame.npz") as data:
        pixels = data["image"].round().clip(0, 255).astype(np.uint8)
        found = [contrast(pixels, mask, data["lv"], "arqee").gcnr for mask in data["masks"]]
        true = [contrast(pixels, mask, data["lv"]).gcnr for mask in data["masks"]]
    assert found == pytest.approx(ARQEE, abs=0.03)
    assert max(true) < 0.9
    assert min(true) < 0.4
