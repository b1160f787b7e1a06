import numpy as np
import pytest
from PIL import ImageChops

from echojax.report.panels import GAP, side_by_side


def inked(image):
    """Rows, and columns, of what is not white: their first and last."""
    left, top, right, bottom = ImageChops.invert(image.convert("L")).getbbox()
    return (top, bottom), (left, right)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_every_picture_stands_unchanged_under_its_name(channels):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (90, 300, *channels), np.uint8) for _ in range(2)]
    sheet = side_by_side([("original", arrays[0]), ("bicubic", arrays[1])])
    found = np.array(sheet)
    assert found.shape == (len(found), 2 * 300 + GAP, *channels)
    for left, array in zip((0, 300 + GAP), arrays, strict=True):
        np.testing.assert_array_equal(found[-90:, left : left + 300], array)
        above = sheet.crop((left, 0, left + 300, len(found) - 90))
        (top, bottom), (start, end) = inked(above)
        assert 8 <= bottom - top <= 20  # letters of 14 pixels
        assert abs((start + end) / 2 - 150) < 3  # in the middle
    assert np.all(found[-90:, 300 : 300 + GAP] == 255)


def test_a_small_picture_does_not_cut_off_its_name():
    tiny = np.zeros((4, 4), np.uint8)
    sheet = side_by_side([("original, x4 by nearest neighbour", tiny), ("bicubic", tiny)])
    alone = side_by_side([("original, x4 by nearest neighbour", np.zeros((4, 900), np.uint8))])
    written = inked(alone.crop((0, 0, 900, alone.height - 4)))[1]
    assert sheet.width > written[1] - written[0] + GAP
    assert (np.array(sheet)[-4:] == 0).sum() == 2 * 16


def test_names_grow_with_the_pictures():
    sizes = []
    for rows in (100, 1000, 8000):
        sheet = side_by_side([("bicubic", np.full((rows, 1000), 255, np.uint8))])
        (top, bottom), _ = inked(sheet)
        sizes.append(bottom - top)
    assert sizes[0] < sizes[1] < sizes[2] < 60
