"""How sure an accuracy is, and a change of it, when frames come several to a patient."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054  # 97.5 % quantile of the standard normal
RESAMPLES = 2000

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


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share in [0, 1] seen in n > 0 independent observations.

    Source: Wilson, JASA 22, 1927.
    """
    shrink = 1 + Z_95**2 / n
    centre = (share + Z_95**2 / (2 * n)) / shrink
    half = Z_95 / shrink * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
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


def relative_change(pairs: Sequence[tuple[Sample, Sample]]) -> Estimate:
    """Mean relative change of accuracy, in percent of the accuracy before.

    The interval is the 2.5 and 97.5 percentile over 2000 resamples (fixed seed) of the patients,
    the same patients before and after and in every pair, so that a comparison on the same
    patients is a paired one.

    Args:
        pairs: predictions before and after, for each of the cells to average over.

    Returns:
        Percent; nan where the accuracy before is zero or there are no predictions, and bounds nan
        with fewer than two patients.
    """
    everyone = [sample.patient for pair in pairs for sample in pair]
    patients = np.unique(np.concatenate(everyone)) if everyone else np.array([])
    if len(patients) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    sums = [(_sums(before, patients), _sums(after, patients)) for before, after in pairs]
    once = np.ones((1, len(patients)))
    value = float(_mean_change(sums, once)[0])
    if len(patients) == 1:
        return Estimate(value, np.nan, np.nan)
    changes = _mean_change(sums, _weights(len(patients)))
    changes = changes[np.isfinite(changes)]
    if len(changes) == 0:
        return Estimate(value, np.nan, np.nan)
    low, high = np.percentile(changes, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _sums(sample: Sample, patients: NDArray[Any]) -> tuple[Floats, Floats]:
    """Right predictions and all predictions of each patient, two arrays of shape (patients,)."""
    place = np.searchsorted(patients, sample.patient)
    hits = np.bincount(place, weights=sample.correct, minlength=len(patients))
    counts = np.bincount(place, minlength=len(patients))
    return hits.astype(np.float64), counts.astype(np.float64)


@lru_cache(maxsize=8)
def _weights(patients: int) -> Floats:
    """How often each patient is drawn in each resample, shape (resamples, patients)."""
    generator = np.random.default_rng(0)
    draws = generator.multinomial(patients, np.full(patients, 1 / patients), size=RESAMPLES)
    return draws.astype(np.float64)


def _mean_change(
    sums: Sequence[tuple[tuple[Floats, Floats], tuple[Floats, Floats]]], weights: Floats
) -> Floats:
    """Relative change in percent, mean over the pairs that have one, for each row of weights."""
    changes = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for (hits_before, n_before), (hits_after, n_after) in sums:
            before = (weights @ hits_before) / (weights @ n_before)
            after = (weights @ hits_after) / (weights @ n_after)
            changes.append(100 * (after / before - 1))
        table = np.stack(changes)
        finite = np.isfinite(table)
        total: Floats = np.where(finite, table, 0.0).sum(axis=0) / finite.sum(axis=0)
    return total
