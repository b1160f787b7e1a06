"""A t test over trainings whose test and training frames are drawn again from the same ones."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from echojax.report.crossed import NOTHING, Estimate, Floats

LEAST_DIFFERENCES = 10  # a variance of fewer says too little
_UPPER = 0.975


def corrected_t(differences: Floats, test_to_train: float) -> Estimate:
    """Mean difference of trainings, with an interval that knows that their frames overlap.

    Trainings of several folds and seeds learn from largely the same frames, so the variance of
    their mean is larger than a plain t test says: variance x (1/J + n_test / n_train).

    Source: Nadeau and Bengio, Machine Learning 52, 2003.

    Args:
        differences: of the trainings, one each, (J,).
        test_to_train: frames that a training is tested on to frames that it learned from.

    Returns:
        The mean with J - 1 degrees of freedom; all nan with fewer than `LEAST_DIFFERENCES`.
    """
    number = len(differences)
    if number < LEAST_DIFFERENCES:
        return NOTHING
    value = float(np.mean(differences))
    error = float(np.sqrt(np.var(differences, ddof=1) * (1 / number + test_to_train)))
    half = error * float(stdtrit(number - 1, _UPPER))
    return Estimate(value, value - half, value + half, error, number - 1.0)
