"""How far numbers agree with grades, with intervals that know that frames of a patient are alike.

Patients, not frames, are drawn again for every interval; lines that turn a measure into a grade
learn from other patients than those they are applied to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echojax.report.statistics import LEAST_PATIENTS, Estimate

LOWEST, HIGHEST = 1, 5  # grades
DRAWS = 1000
_BOUNDS = (2.5, 97.5)  # percentiles

Array = NDArray[Any]
Measure = Callable[..., float]


def cut(grades: Array) -> NDArray[np.int64]:
    """Whole grades, 1 to 5, of continuous ones: cut at 1.5, 2.5, 3.5 and 4.5."""
    return np.clip(np.floor(np.asarray(grades, np.float64) + 0.5), LOWEST, HIGHEST).astype(np.int64)


def spearman(one: Array, other: Array) -> float:
    """Rank correlation of two columns (n,), ties at their mean rank; nan where one is constant."""
    if len(one) < 2:
        return float("nan")
    x, y = (_ranks(column) - (len(column) + 1) / 2 for column in (one, other))
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size else float("nan")


def absolute_error(one: Array, other: Array) -> float:
    """Mean absolute difference of two columns (n,); nan of nothing."""
    return float(np.mean(np.abs(np.subtract(one, other)))) if len(one) else float("nan")


def kappa(one: Array, other: Array) -> float:
    """Quadratic weighted kappa of two columns of grades (n,), which are cut to whole ones.

    Source: Cohen, Psychological Bulletin 70, 1968. nan where both are constant.
    """
    first, second = cut(one).astype(np.float64), cut(other).astype(np.float64)
    if not len(first):
        return float("nan")
    observed = np.mean((first - second) ** 2)
    # Of grades drawn apart: the variances and the squared difference of means.
    expected = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    return float(1 - observed / expected) if expected else float("nan")


def area(value: Array, positive: Array) -> float:
    """Area under the ROC curve of a value as a sign of the positive ones; ties count half.

    Args:
        value: (n,).
        positive: whether each is, bool (n,).

    Returns:
        In [0, 1]; nan without both kinds.
    """
    positive = np.asarray(positive, bool)
    ones = int(positive.sum())
    others = len(positive) - ones
    if not ones or not others:
        return float("nan")
    ranks = _ranks(value)[positive].sum()
    return float((ranks - ones * (ones + 1) / 2) / (ones * others))


def _ranks(values: Array) -> NDArray[np.float64]:
    """Ranks from 1, ties at their mean; a bootstrap asks thousands of times."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def by_patient(
    measure: Measure, patient: Array, *columns: Array, draws: int | None = None, seed: int = 0
) -> Estimate:
    """A measure of columns, with the percentile interval of a bootstrap over patients.

    Args:
        measure: of the columns, in their order.
        patient: whose each row is, (n,).
        columns: (n,) or (n, ...) each.
        draws: of as many patients as there are, with replacement, `DRAWS` by default; those of
            which the measure is nan do not count.
        seed: of the draws.

    Returns:
        The measure with its 95 % interval; without bounds of fewer than 5 patients.
    """
    value = measure(*columns)
    patients, place = np.unique(patient, return_inverse=True)
    if len(patients) < LEAST_PATIENTS or np.isnan(value):
        return Estimate(value, np.nan, np.nan)
    order = np.argsort(place, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(place))[:-1])
    rng = np.random.default_rng(seed)
    drawn = np.empty(DRAWS if draws is None else draws)
    for number in range(len(drawn)):
        chosen = np.concatenate([rows[p] for p in rng.integers(len(rows), size=len(rows))])
        drawn[number] = measure(*(column[chosen] for column in columns))
    known = drawn[~np.isnan(drawn)]
    low, high = np.percentile(known, _BOUNDS) if len(known) else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))


def wilcoxon(one: Array, other: Array, patient: Array) -> float:
    """Two-sided p of Wilcoxon's signed-rank test of paired errors, a mean difference a patient.

    Regions and frames of a patient are alike, so that patients are what is ranked.

    Args:
        one: absolute errors, (n,).
        other: of the same, (n,).
        patient: whose each is, (n,).

    Returns:
        p; nan with fewer than 5 patients, 1 where nothing differs.
    """
    from scipy import stats

    patients, place = np.unique(patient, return_inverse=True)
    if len(patients) < LEAST_PATIENTS:
        return float("nan")
    difference = np.bincount(place, np.subtract(one, other)) / np.bincount(place)
    if not np.any(difference):
        return 1.0
    return float(stats.wilcoxon(difference).pvalue)


def folds(group: Array, parts: int, seed: int = 0) -> NDArray[np.int64]:
    """Which of so many parts each row is in, (n,): rows of a person are in one, at random."""
    persons, place = np.unique(group, return_inverse=True)
    number = np.empty(len(persons), np.int64)
    number[np.random.default_rng(seed).permutation(len(persons))] = np.arange(len(persons)) % parts
    return np.asarray(number[place])


def line(value: Array, grade: Array) -> tuple[float, float]:
    """Slope and intercept of the least-squares line from a measure to a grade.

    Like every regression it pulls grades towards their mean. A constant measure gives the mean.
    """
    spread = np.var(value)
    if not spread:
        return 0.0, float(np.mean(grade))
    slope = float(np.mean((value - np.mean(value)) * (grade - np.mean(grade))) / spread)
    return slope, float(np.mean(grade) - slope * np.mean(value))


def calibrated(value: Array, grade: Array, fold: Array) -> NDArray[np.float64]:
    """Measures as grades, by a line that learned from the other folds; within 1 to 5.

    Args:
        value: measures, (n,); nan stays nan.
        grade: of those that are known, nan elsewhere, (n,).
        fold: of each, by person, (n,).

    Returns:
        (n,); nan in a fold whose others have fewer than two grades.
    """
    value, grade = np.asarray(value, np.float64), np.asarray(grade, np.float64)
    found = np.full(len(value), np.nan)
    known = ~np.isnan(value) & ~np.isnan(grade)
    for number in np.unique(fold):
        learned, own = known & (fold != number), fold == number
        if learned.sum() < 2:
            continue
        slope, intercept = line(value[learned], grade[learned])
        found[own] = np.clip(slope * value[own] + intercept, LOWEST, HIGHEST)
    return found
