"""How sure the accuracy of one network is, when frames come several to a patient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Z_95 = 1.959963984540054  # 97.5 % quantile of the standard normal
LEAST_PATIENTS = 5  # fewer give no interval
_UPPER = 0.975

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value with its 95 % interval; the bounds are nan where no interval can be given."""

    value: float
    low: float
    high: float


class Sample(NamedTuple):
    """Whether each prediction is right, and whose it is: two arrays of shape (n,)."""

    correct: NDArray[Any]
    patient: NDArray[Any]


def accuracy(sample: Sample, frames: NDArray[Any]) -> Estimate:
    """Share of right predictions, with an interval that knows frames of a patient are alike.

    The interval is Wilson's score interval with an effective number of observations in place of
    the number of rows (Korn and Graubard, Survey Methodology 24, 1998, for the idea).

    Args:
        sample: n predictions.
        frames: frame of each prediction, shape (n,).

    Returns:
        Value and bounds in [0, 1]; all nan when there are no predictions.
    """
    if len(sample.correct) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    share = float(np.mean(sample.correct))
    return Estimate(share, *wilson(share, effective_size(sample, frames)))


def mean(values: NDArray[Any], patient: NDArray[Any]) -> Estimate:
    """Mean over frames, with Student's interval over patients, whose frames are alike.

    Args:
        values: of each frame, (n,).
        patient: whose each is, (n,).

    Returns:
        Value and bounds; without bounds of fewer than 5 patients, all nan without frames.
    """
    if len(values) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    value = float(np.mean(values))
    patients, place = np.unique(patient, return_inverse=True)
    number = len(patients)
    if number < LEAST_PATIENTS:
        return Estimate(value, np.nan, np.nan)
    residual = np.bincount(place, values - value) / len(values)
    error = np.sqrt(number / (number - 1) * float(residual @ residual))
    half = float(error * stdtrit(number - 1, _UPPER))
    return Estimate(value, value - half, value + half)


def wilson(share: float, n: float, quantile: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a share in [0, 1] seen in n > 0 independent observations.

    Of 95 %, or of another `quantile` of the distribution of the error. Source: Wilson, JASA 22,
    1927.
    """
    shrink = 1 + quantile**2 / n
    centre = (share + quantile**2 / (2 * n)) / shrink
    half = quantile / shrink * np.sqrt(share * (1 - share) / n + quantile**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def effective_size(sample: Sample, frames: NDArray[Any]) -> float:
    """How many independent frames the predictions are worth.

    This is p (1 - p) / variance, where the variance of p is linearised as a ratio of sums over
    patients (Cochran, Sampling Techniques, chapter 6); several seeds or folds of a frame stay in
    their patient's sum. It never exceeds the number of distinct frames, and is the number of
    patients where the variance is zero or, with a single patient, unknown.

    Args:
        sample: n > 0 predictions.
        frames: frame of each prediction, shape (n,).
    """
    share = float(np.mean(sample.correct))
    patients = np.unique(sample.patient)
    hits, counts = _sums(sample, patients)
    if len(patients) == 1:
        return 1.0
    residual = (hits - share * counts) / counts.sum()
    variance = len(patients) / (len(patients) - 1) * float(np.sum(residual**2))
    # Rounding leaves dust where every patient has exactly the same share.
    if share in (0.0, 1.0) or variance < 1e-12:
        return float(len(patients))
    return min(share * (1 - share) / variance, float(len(np.unique(frames))))


def seed_deviation(correct: NDArray[Any], seeds: NDArray[Any]) -> float:
    """Standard deviation (n - 1) of the accuracies of the seeds; nan with fewer than two.

    Args:
        correct: whether each prediction is right, shape (n,).
        seeds: seed of each prediction, shape (n,).
    """
    shares = [float(np.mean(correct[seeds == seed])) for seed in np.unique(seeds)]
    return float(np.std(shares, ddof=1)) if len(shares) > 1 else float("nan")


def _sums(sample: Sample, patients: NDArray[Any]) -> tuple[Floats, Floats]:
    """Right predictions and all predictions of each patient, two arrays of shape (patients,)."""
    place = np.searchsorted(patients, sample.patient)
    hits = np.bincount(place, weights=sample.correct, minlength=len(patients))
    counts = np.bincount(place, minlength=len(patients))
    return hits.astype(np.float64), counts.astype(np.float64)
