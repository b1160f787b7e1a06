import math

import numpy as np
import pytest
from scipy import stats

from echojax.report.corrected import LEAST_DIFFERENCES, corrected_t


def test_ten_differences_by_hand():
    """Reference: 1 ... 10 has mean 5.5 and variance 82.5 / 9; 1/10 + 1/4 = 0.35; t(9) 2.262157."""
    found = corrected_t(np.arange(1.0, 11.0), 1 / 4)
    assert found.value == 5.5
    assert found.error == pytest.approx(math.sqrt(82.5 / 9 * 0.35))  # 1.791182
    assert found.low == pytest.approx(5.5 - 2.262157 * 1.791182, abs=1e-5)
    assert found.high == pytest.approx(5.5 + 2.262157 * 1.791182, abs=1e-5)
    assert found.p == pytest.approx(2 * stats.t.sf(5.5 / 1.791182, 9), rel=1e-5)


def test_without_overlap_it_is_the_plain_t_test():
    differences = np.random.default_rng(0).normal(0.2, 1, 15)
    found, plain = corrected_t(differences, 0.0), stats.ttest_1samp(differences, 0)
    assert (found.low, found.high) == pytest.approx(plain.confidence_interval())
    assert found.p == pytest.approx(plain.pvalue)


def test_fewer_than_ten_differences_give_nothing():
    assert all(map(math.isnan, corrected_t(np.arange(LEAST_DIFFERENCES - 1.0), 0.25)))


def test_differences_that_are_all_zero_are_no_finding():
    found = corrected_t(np.zeros(12), 0.25)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)
