"""Arithmetic on the grid of beams and samples."""

import numpy as np
from scipy import ndimage

from echojax.simulate.anatomy import sine
from echojax.simulate.sector import box_mean


def test_a_box_mean_does_not_leak_from_one_edge_into_the_opposite_one():
    values = np.zeros((12, 9), np.float32)
    values[-1], values[:, -1] = 1, 1
    smooth = np.asarray(box_mean(values, 2, 1))
    assert not smooth[:-3, :-2].any()
    assert np.allclose(smooth, ndimage.uniform_filter(values, (5, 3), mode="nearest"), atol=1e-6)


def test_sine_is_exact_to_parts_of_a_micrometre():
    angles = np.linspace(-150, 150, 100_001, dtype=np.float32)
    assert np.abs(np.asarray(sine(angles)) - np.sin(angles.astype(float))).max() < 2e-5
