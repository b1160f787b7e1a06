import numpy as np
import pytest
from scipy import ndimage

from echojax.metrics import psnr, ssim, y_channel


def noise(seed, shape=(24, 31)):
    return np.random.default_rng(seed).uniform(0, 1, shape)


def wang(x, y):
    """Formula 13 of Wang et al., 2004, at every place the 11x11 window fits into; their mean."""
    offset = np.arange(-5, 6)
    window = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def local(image):
        return ndimage.correlate(image, window, mode="constant")[5:-5, 5:-5]

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


def test_psnr_by_hand():
    """Off by 0.1 everywhere: 10 log10(1 / 0.01) = 20 dB; one pixel of 100 off by 1: also 20 dB."""
    reference = np.full((10, 10), 0.5)
    assert psnr(reference, reference + 0.1) == pytest.approx(20)
    spike = np.zeros((10, 10))
    spike[2, 3] = 1
    assert psnr(np.zeros((10, 10)), spike) == pytest.approx(20)
    assert psnr(reference, reference - 0.05) == pytest.approx(26.0206, abs=1e-4)
    assert psnr(reference, reference) == float("inf")


def test_metrics_are_computed_in_double_precision():
    reference = np.full((12, 12), 0.5, np.float32)
    image = reference + np.float32(1e-4)
    error = float(image[0, 0]) - 0.5
    assert psnr(reference, image) == pytest.approx(-20 * np.log10(error), rel=1e-9)


def test_ssim_is_wangs():
    """Reference: the formula evaluated directly, Gaussian window 11x11; tolerance 1e-9."""
    x = ndimage.gaussian_filter(noise(1), 2)
    y = np.clip(x + 0.2 * (noise(2) - 0.5), 0, 1)
    assert ssim(x, y) == pytest.approx(wang(x, y), abs=1e-9)
    assert ssim(x, x) == pytest.approx(1, abs=1e-12)
    opposite = 1 - noise(3)
    assert ssim(noise(3), opposite) == pytest.approx(wang(noise(3), opposite), abs=1e-9)
    assert ssim(noise(3), opposite) < 0


def test_ssim_needs_eleven_pixels():
    assert ssim(noise(0, (11, 11)), noise(1, (11, 11))) == pytest.approx(
        wang(noise(0, (11, 11)), noise(1, (11, 11))), abs=1e-9
    )
    with pytest.raises(ValueError, match="win_size"):
        ssim(noise(0, (10, 11)), noise(1, (10, 11)))


def test_a_mask_tells_which_pixels_count():
    """Off by 0.1 in one half and right in the other; SSIM's windows that reach over count too."""
    x = ndimage.gaussian_filter(noise(1, (40, 60)), 2)
    y = x.copy()
    y[:, :30] += 0.1
    left = np.broadcast_to(np.arange(60) < 30, x.shape)
    right = ~left
    assert psnr(x, y, left) == pytest.approx(20)
    assert psnr(x, y, right) == float("inf")
    assert psnr(x, y, left | right) == psnr(x, y)
    assert ssim(x, y, left) < ssim(x, y) < ssim(x, y, right) < 1
    assert ssim(x, y, left | right) == ssim(x, y)
    inside = slice(5, -5)
    shares = left[inside, inside].mean(), right[inside, inside].mean()
    assert ssim(x, y) == pytest.approx(
        shares[0] * ssim(x, y, left) + shares[1] * ssim(x, y, right), abs=1e-12
    )


def test_y_of_pure_colours_is_that_of_the_standard():
    """ITU-R BT.601: black 16, white 235; MATLAB's rgb2ycbcr gives 81, 145, 41 for R, G and B."""
    colours = np.array([[[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32)
    np.testing.assert_allclose(
        255 * y_channel(colours), [[16, 235, 81.481, 144.553, 40.966]], atol=1e-4
    )


def test_an_error_on_y_counts_less_by_the_smaller_range():
    """Gray 0.1 off is 20 dB on [0, 1] and 20 log10(255/219) = 1.322 dB more on 16 to 235."""
    reference = np.full((10, 10, 3), 0.5)
    assert psnr(y_channel(reference), y_channel(reference + 0.1)) == pytest.approx(21.322, abs=1e-3)
