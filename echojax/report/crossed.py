"""How sure a mean is that rests on patients and on trainings, both of them drawn by chance.

Every answer is of a patient and by a training; answers of one patient are alike, and so are those
of one training. An interval that knew of patients alone would take a training's luck for an effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri, stdtr, stdtrit

from echojax.report.statistics import LEAST_PATIENTS, Z_95, wilson

LEAST_TRAININGS = 2  # fewer give no interval
_LEVEL = 0.95
_POWER = 0.8
_POOLED_ABOVE = 0.25
_FLIPS = 9999
_DUST = 1e-12  # of rounding, where nothing differs

Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """What n answers score, whose they are, and who gave them.

    Attributes:
        score: 1 for right and 0 for wrong, or after minus before, (n,).
        patient: (n,).
        repeated: what a training repeats with another seed: its classifier and fold, (n,).
        seed: which of the repetitions, (n,).
        sort: trainings of one sort lie apart as far as each other by chance, (n,).
    """

    score: NDArray[Any]
    patient: NDArray[Any]
    repeated: NDArray[Any]
    seed: NDArray[Any]
    sort: NDArray[Any]


class Estimate(NamedTuple):
    """A mean with its 95 % interval.

    Attributes:
        value: the mean.
        low: of the interval; nan where none can be given.
        high: of the interval.
        error: standard error of the mean; nan where it is not known.
        freedom: degrees of freedom of the error.
    """

    value: float
    low: float
    high: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Two-sided, against zero; nan without an error, 1 where nothing ever differs."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stdtr(self.freedom, -abs(self.value / self.error)))


NOTHING = Estimate(*5 * (np.nan,))


class Spread(NamedTuple):
    """How far trainings of one sort lie apart by chance.

    Attributes:
        variance: of one training's mean score around that of its repetitions.
        freedom: degrees of freedom that it rests on.
    """

    variance: float
    freedom: int


Spreads = dict[Any, Spread]  # by sort


class _Parts:
    """What every answer adds to the mean of cells, by patient and training."""

    def __init__(self, cells: Sequence[Scores]) -> None:
        means = [float(np.mean(cell.score)) for cell in cells]
        self.value = float(np.mean(means))
        # Beyond what an average answer adds.
        parts = np.concatenate(
            [
                (cell.score - mean) / len(cell.score) / len(cells)
                for cell, mean in zip(cells, means, strict=True)
            ]
        )
        weight = np.concatenate(
            [np.full(len(cell.score), 1 / len(cell.score) / len(cells)) for cell in cells]
        )
        patient, patients = numbered(np.concatenate([cell.patient for cell in cells]))
        kind, kinds = numbered(np.concatenate([cell.repeated for cell in cells]))
        seed = np.concatenate([cell.seed for cell in cells])
        sort = np.concatenate([cell.sort for cell in cells])
        training, trainings = numbered(kind, seed)
        self.kind = np.zeros(trainings, np.intp)
        self.kind[training] = kind
        self.sort = np.zeros(trainings, sort.dtype)
        self.sort[training] = sort
        self.table = np.zeros((patients, trainings))
        np.add.at(self.table, (patient, training), parts)
        self.there = np.zeros_like(self.table, bool)
        self.there[patient, training] = True
        self.weight = np.bincount(training, weight, trainings)  # of each training in the mean
        self.means = self.table.sum(axis=0) / self.weight
        if np.bincount(self.kind).max() == 1:  # nothing was repeated
            self.kind[:], kinds = 0, 1
            self.sort[:] = self.sort[0]
            scores = np.concatenate([cell.score for cell in cells])
            self.means = np.bincount(training, weight * scores, trainings) / self.weight
        self.repetitions = np.bincount(self.kind, minlength=kinds)

    def deviations(self) -> Iterator[tuple[Any, Floats]]:
        """Of the trainings of each repeated kind, their sort, and mean scores around their own."""
        for number in np.flatnonzero(self.repetitions > 1):
            means = self.means[self.kind == number]
            yield self.sort[self.kind == number][0], means - means.mean()

    def trainings(self, known: Spreads) -> list[tuple[float, float]]:
        """Variance of the mean by each sort's trainings, and its freedom."""
        terms = []
        for one in np.unique(self.sort):
            own = self.weight[self.sort == one]
            spread = known.get(one) or _together(known)
            terms.append((spread.variance * float(own @ own), float(spread.freedom)))
        return terms

    def interaction(self) -> tuple[float, float]:
        """Variance of the mean by patients who suit one training and not another; its freedom."""
        total, freedom = 0.0, 0.0
        for number in np.flatnonzero(self.repetitions > 1):
            columns = self.kind == number
            own = self.table[np.ix_(self.there[:, columns].any(axis=1), columns)]
            rest = own - own.mean(axis=1, keepdims=True) - own.mean(axis=0) + own.mean()
            free = (own.shape[0] - 1) * (own.shape[1] - 1)
            if free:
                total += own.size / free * float((rest**2).sum())
                freedom += free
        return total, max(freedom, 1.0)


def spreads(groups: Iterable[Sequence[Scores]]) -> Spreads:
    """How far trainings lie apart, from all that were repeated in some comparisons.

    Two trainings alone say next to nothing of it; what they answer in several cells says more.

    Args:
        groups: the cells of each comparison.
    """
    return _pooled(_Parts(cells) for cells in groups if any(len(cell.score) for cell in cells))


def _pooled(comparisons: Iterable[_Parts]) -> Spreads:
    squares: dict[Any, float] = {}
    freedom: dict[Any, int] = {}
    for parts in comparisons:
        for one, off in parts.deviations():
            squares[one] = squares.get(one, 0.0) + float(off @ off)
            freedom[one] = freedom.get(one, 0) + len(off) - 1
    return {one: Spread(squares[one] / free, free) for one, free in freedom.items()}


def _together(known: Spreads) -> Spread:
    """What the others tell of a sort that was trained once."""
    freedom = sum(each.freedom for each in known.values())
    squares = sum(each.variance * each.freedom for each in known.values())
    return Spread(squares / freedom if freedom else np.nan, freedom)


def estimate(cells: Sequence[Scores], trainings: Spreads | None = None) -> Estimate:
    """Mean of the mean scores of cells, of equal weight, and how far chance moves it.

    The variance is that between patients plus that between the trainings of each sort, less their
    interaction, which is in both (Searle, Casella and McCulloch, Variance Components, 1992, for
    crossed factors), from linearised means. Sorts need not be alike in how far theirs lie apart
    (Welch, Biometrika 34, 1947); degrees of freedom by Satterthwaite (Biometrics Bulletin 2, 1946).
    Where no training was repeated, those of other kinds stand for repetitions.

    Args:
        cells: their answers; patients and trainings may be in several.
        trainings: how far trainings lie apart in cells of this sort; by default as in these.

    Returns:
        The mean; without an interval if there are fewer than 2 trainings or 5 patients; all nan
        without answers.
    """
    cells = [cell for cell in cells if len(cell.score)]
    if not cells:
        return NOTHING
    parts = _Parts(cells)
    patients, number = parts.table.shape
    if number < LEAST_TRAININGS or patients < LEAST_PATIENTS:
        return Estimate(parts.value, np.nan, np.nan, np.nan, np.nan)
    if abs(parts.value) < _DUST:
        parts.value = 0.0
    known = trainings or _pooled([parts])
    of_patient = parts.table.sum(axis=1)
    between_patients = patients / (patients - 1) * float(of_patient @ of_patient)
    between_trainings = parts.trainings(known)
    interaction, free = parts.interaction()
    terms = [(between_patients, patients - 1.0)]
    if _more(between_trainings, interaction, free):
        terms += [*between_trainings, (-interaction, free)]
    total = sum(term for term, _ in terms)
    if total <= _DUST**2:
        return Estimate(parts.value, parts.value, parts.value, 0.0, patients - 1.0)
    freedom = _freedom(terms)
    freedom = max(freedom, min(of for _, of in terms))  # what is subtracted would take it lower
    error = float(np.sqrt(total))
    half = error * float(stdtrit(freedom, (1 + _LEVEL) / 2))
    return Estimate(parts.value, parts.value - half, parts.value + half, error, float(freedom))


def _more(trainings: Sequence[tuple[float, float]], interaction: float, free: float) -> bool:
    """Whether trainings lie further apart than patients who suit one and not another explain.

    By an F test at 25 %, the level for deciding whether a component of variance is there at all
    (Bancroft, Biometrics 20, 1964); taking it in whenever it is the larger would widen intervals
    of what trainings have no part in.
    """
    whole = sum(term for term, _ in trainings)
    if not whole > 0:
        return False
    return whole > interaction * float(fdtri(_freedom(trainings), free, 1 - _POOLED_ABOVE))


def _freedom(terms: Sequence[tuple[float, float]]) -> float:
    """Of a sum of variances, by Satterthwaite."""
    return sum(term for term, _ in terms) ** 2 / sum(term**2 / of for term, of in terms)


def numbered(*columns: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Rows of columns as numbers from 0, and how many there are."""
    numbers = np.zeros(len(columns[0]), np.intp)
    for column in columns:
        _, own = np.unique(column, return_inverse=True)
        _, numbers = np.unique(numbers * (own.max() + 1) + own, return_inverse=True)
    return numbers, int(numbers.max()) + 1


def share(cell: Scores, frames: int, trainings: Spreads | None = None) -> Estimate:
    """Share of right answers, as `estimate`, with Wilson's interval for an effective number.

    Args:
        cell: answers that score 0 or 1.
        frames: how many distinct ones they are about; they are never worth more than that.
        trainings: as in `estimate`.

    Returns:
        Value and bounds in [0, 1].
    """
    found = estimate([cell], trainings)
    if np.isnan(found.low):
        return found
    size, quantile = float(len(np.unique(cell.patient))), Z_95
    if found.error > 0 and 0 < found.value < 1:
        size = min(found.value * (1 - found.value) / found.error**2, float(frames))
        quantile = float(stdtrit(found.freedom, (1 + _LEVEL) / 2))
    low, high = wilson(found.value, size, quantile)
    return found._replace(low=low, high=high)


def sign_flip(cells: Sequence[Scores]) -> float:
    """Two-sided p of mean differences: how often patients of flipped signs give as much.

    It tests answers of the same classifiers with and without something, where nothing but the
    patients is drawn by chance.

    Returns:
        p; nan without answers.
    """
    cells = [cell for cell in cells if len(cell.score)]
    if not cells:
        return float("nan")
    patient, patients = numbered(np.concatenate([cell.patient for cell in cells]))
    parts = np.concatenate([cell.score / len(cell.score) for cell in cells])
    sums = np.bincount(patient, parts, patients)
    if patients == 1 or not sums.any():
        return 1.0
    from scipy.stats import permutation_test  # takes half a second

    flipped = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=_FLIPS, rng=0, vectorized=True
    )
    return float(flipped.pvalue)


def holm(p: Iterable[float]) -> Floats:
    """Adjust the p values of a family, so that the chance of any false finding stays at its level.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979. What is nan is not in the family.
    """
    found = np.array(list(p), np.float64)
    order = np.argsort(found)[: np.count_nonzero(~np.isnan(found))]
    steps = found[order] * np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return found


def equivalence(of: Estimate, margin: float) -> float:
    """The p of the larger of two one-sided tests: a mean of +-margin or beyond is excluded.

    Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    if of.error == 0:
        return 0.0 if abs(of.value) < margin else 1.0
    return float(stdtr(of.freedom, (abs(of.value) - margin) / of.error))


def detectable(of: Estimate) -> float:
    """The smallest mean that this design finds with a power of 80 % (5 % level, two-sided)."""
    quantiles = stdtrit(of.freedom, [(1 + _LEVEL) / 2, _POWER])
    return of.error * float(quantiles.sum())
