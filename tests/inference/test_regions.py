import numpy as np
import pytest

from echojax.errors import InputError
from echojax.inference import arqee_regions, regions
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import MIRRORED, REGIONS, WALLS
from tests.inference.test_measures import SPACING, heart


def everywhere(mask):
    return np.ones(mask.shape, bool)


def test_regions_share_out_the_wall():
    mask, spacing = heart()
    found = regions.divide(mask, spacing, everywhere(mask)).masks
    assert found.shape == (len(REGIONS), *mask.shape)
    assert found.sum(axis=0).max() == 1
    discs = found[WALLS:].any(axis=0)
    assert (found[:WALLS].any(axis=0) == ((mask == MYOCARDIUM) & ~discs)).all()


def test_pieces_of_endocardium_are_equally_long_in_mm():
    points = regions.key_points(*heart())
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    # Half an ellipse of semi-axes 80 and 20 is 166 mm long; chords are a little shorter than arcs.
    assert lengths == pytest.approx(np.full(6, 166 / 6), rel=0.08)
    assert points[3] == pytest.approx((20, 50), abs=1)


def test_the_grid_of_pixels_changes_nothing():
    areas = []
    for spacing in (SPACING, (0.3, 0.3), (0.25, 0.5)):
        mask = heart(spacing=spacing).mask
        found = regions.divide(mask, spacing, everywhere(mask)).masks
        areas.append(found.sum(axis=(1, 2)) * spacing[0] * spacing[1])
    assert areas[1] == pytest.approx(areas[0], rel=0.05)
    assert areas[2] == pytest.approx(areas[0], rel=0.05)
    assert areas[0][WALLS:] == pytest.approx(np.full(2, 4 * np.pi), rel=0.05)  # 2 mm


def test_regions_of_a_mirrored_frame_are_the_mirrored_regions():
    mask, spacing = heart()
    mask[:, :100] = 0  # a thinner left wall
    found = regions.divide(mask, spacing, everywhere(mask)).masks
    turned = regions.divide(mask[:, ::-1], spacing, everywhere(mask)).masks[list(MIRRORED)]
    for one, other in zip(found, turned[..., ::-1], strict=True):
        assert (one & other).sum() > 0.95 * (one | other).sum()


def test_it_is_told_how_much_of_a_region_the_sector_has():
    mask, spacing = heart()
    sector = everywhere(mask)
    sector[:, :200] = False  # without the left half
    inside = regions.divide(mask, spacing, sector).inside
    assert inside[[0, 1, 6]] == pytest.approx(0)
    assert inside[[4, 5, 7]] == pytest.approx(1)


def test_names_are_those_of_the_view():
    assert regions.names("2CH")[:1] + regions.names("2CH")[5:6] == (
        "basal inferior",
        "basal anterior",
    )
    assert regions.names("4CH")[2] == "apical septal"
    assert regions.names("4CH")[7] == "annulus lateral"


def test_key_points_of_a_clip_are_averaged_over_frames_near():
    jumping = [np.full((7, 2), value) for value in (0.0, 0.0, 9.0, 0.0, 0.0)]
    found = regions.smoothed([*jumping, None], reach=1)
    assert found[2][0, 0] == pytest.approx(4.5)
    assert found[1][0, 0] == pytest.approx(9 * 0.5 / 2)
    assert found[0][0, 0] == 0
    assert found[5] is None
    mask, spacing = heart()
    own = regions.key_points(mask, spacing)
    moved = regions.divide(mask, spacing, everywhere(mask), own + 0.5)
    still = regions.divide(mask, spacing, everywhere(mask))
    assert (moved.masks != still.masks).mean() < 0.01


def test_what_cannot_be_divided_says_why():
    mask, spacing = heart()
    for bad, why in (
        (np.zeros_like(mask), "no left ventricle"),
        (np.where(mask == MYOCARDIUM, 0, mask), "no myocardium"),
        (np.where(mask == LV, LV, MYOCARDIUM), "no valve plane"),
    ):
        with pytest.raises(InputError, match=why):
            regions.divide(bad, spacing, everywhere(mask))


def test_regions_by_the_rule_of_arqee_are_those_that_it_drew(shared_data):
    """Their masks were recovered from a picture, the label map from them: IoU of .85 and more."""
    from scipy.ndimage import binary_closing

    with np.load(shared_data / "grading" / "arqee_tutorial_frame.npz") as data:
        drawn, cavity = data["masks"], data["lv"]
    wall = binary_closing(drawn[:WALLS].any(axis=0) | cavity, iterations=3)
    mask = np.where(cavity, LV, wall * MYOCARDIUM).astype(np.uint8)
    found = arqee_regions.divide(mask, everywhere(mask)).masks
    for one, other in zip(found[:WALLS], drawn[:WALLS], strict=True):
        assert (one & other).sum() > 0.85 * (one | other).sum()


def test_the_rule_of_arqee_says_why_it_cannot_divide():
    with pytest.raises(InputError, match="no left ventricle"):
        arqee_regions.divide(np.zeros((256, 256), np.uint8), np.ones((256, 256), bool))
