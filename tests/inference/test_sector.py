import numpy as np
import pytest
from skimage.morphology import convex_hull_image

from echojax.inference.sector import hull, sector


@pytest.fixture
def frame():
    """A sector of a quarter turn: its frame with a black surround, and its mask."""
    rows, columns = np.mgrid[:180, :240]
    radius, angle = np.hypot(rows, columns - 120), np.arctan2(columns - 120, rows)
    mask = (radius < 170) & (np.abs(angle) < np.pi / 4)
    pixels = np.random.default_rng(0).integers(20, 256, mask.shape)
    return np.where(mask, pixels, 0).astype(np.uint8), mask


def wrong(found, mask):
    """Share of pixels; those along the edge lie on either side."""
    return np.mean(found != mask)


def test_it_is_the_sector_of_a_frame(frame):
    assert wrong(sector(frame[0]), frame[1]) < 0.01


def test_dark_cavities_belong_to_it(frame):
    pixels, mask = frame
    pixels[60:110, 100:140] = 0
    pixels[120:150, 130:] = 0  # as far as its edge
    assert wrong(sector(pixels), mask) < 0.01


def test_marks_and_the_noise_of_compressed_black_do_not(frame):
    pixels, mask = frame
    pixels[5:10, 5:11] = pixels[170:174, ::40] = 255
    pixels += np.where(mask, 0, np.random.default_rng(1).integers(0, 8, mask.shape)).astype(
        np.uint8
    )
    assert wrong(sector(pixels), mask) < 0.01


def test_a_frame_without_a_black_surround_is_all_sector(frame):
    assert sector(frame[0][60:120, 90:150]).all()
    assert sector(np.zeros((20, 30), np.uint8)).all()


def test_of_real_frames_all_that_is_not_black_is_in_it_and_little_else(camus_224):
    for image in camus_224.images[::97]:
        mask = sector(image)
        assert image[~mask].max() < 40
        assert 0.5 < mask.mean() < 0.6
        assert np.mean(image[mask] == 0) < 0.02


@pytest.mark.parametrize("share", [0.002, 0.03, 0.3])
def test_the_hull_is_that_of_scikit_image(share):
    rng = np.random.default_rng(7)
    for shape in [(20, 31), (64, 9), (1, 5), (40, 40)]:
        mask = rng.random(shape) < share
        mask[shape[0] // 2, shape[1] // 3] = True  # one pixel has a hull, too
        np.testing.assert_array_equal(hull(mask), convex_hull_image(mask))
