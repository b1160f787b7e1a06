import math

import numpy as np
import pytest

from echojax.report import calibration

PROBABILITY = np.array([0.92, 0.91, 0.08, 0.62, 0.42])
LABEL = np.array([1, 0, 0, 1, 1])


def test_answers_are_gathered_by_their_confidence():
    less, more, most = calibration.reliability(PROBABILITY, LABEL)
    assert (less.confidence, less.right, less.answers) == pytest.approx((0.58, 0.0, 1))
    assert (more.confidence, more.right, more.answers) == pytest.approx((0.62, 1.0, 1))
    assert (most.confidence, most.right, most.answers) == pytest.approx((2.75 / 3, 2 / 3, 3))


def test_the_error_is_the_mean_distance_of_confidence_and_truth_by_hand():
    expected = (1 * 0.58 + 1 * 0.38 + 3 * (2.75 / 3 - 2 / 3)) / 5
    assert calibration.expected_error(PROBABILITY, LABEL) == pytest.approx(expected)


def test_certain_and_right_is_calibrated():
    assert calibration.expected_error(np.array([1.0, 0.0]), np.array([1, 0])) == 0


def test_without_answers_there_is_no_error():
    assert math.isnan(calibration.expected_error(np.array([]), np.array([])))
