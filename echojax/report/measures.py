"""Measures that are no plain means, as scores of answers whose mean they are.

Each score is the measure plus what its answer adds to it, to first order, so that
`crossed.estimate` tells how sure the measure is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from echojax.report.crossed import Floats, Scores, numbered

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")  # ties count half


def balanced(cell: Scores, label: NDArray[Any]) -> Scores:
    """Scores whose mean is the balanced accuracy, the mean of the shares right of both classes.

    Args:
        cell: answers that score 0 or 1.
        label: class of what each is about, 0 or 1, (n,); without both, there are no scores.
    """
    return _of_classes(cell, label, cell.score, 0.5)


def area(cell: Scores, label: NDArray[Any], probability: NDArray[Any]) -> Scores:
    """Scores whose mean is the area under the ROC curve, mean over trainings.

    By placements, each answer's share of answers of the other class that it stands on the right
    side of (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988).

    Args:
        cell: whose answers.
        label: class of what each is about, 0 or 1, (n,); without both, there are no scores.
        probability: that of class 1, (n,).
    """
    training, trainings = numbered(cell.repeated, cell.seed)
    placed = np.full(len(label), np.nan)
    for number in range(trainings):
        own = training == number
        for one, sign in ((0, -1), (1, 1)):
            mine, others = own & (label == one), np.sort(sign * probability[own & (label != one)])
            if len(others):
                ranks = [np.searchsorted(others, sign * probability[mine], s) for s in _SIDES]
                placed[mine] = np.mean(ranks, axis=0) / len(others)
    known = ~np.isnan(placed)
    kept = Scores(*(column[known] for column in cell))
    # Either class alone has the area as its mean, and both move it.
    return _of_classes(kept, label[known], placed[known], 1.0)


def _of_classes(cell: Scores, label: NDArray[Any], score: NDArray[Any], weight: float) -> Scores:
    """Scores whose mean is that of both classes' means; each class moves it by its weight."""
    label = np.asarray(label)
    if len(np.unique(label)) < 2:
        return Scores(*(column[:0] for column in cell))
    means = np.array([np.mean(score[label == one]) for one in (0, 1)])
    shares = np.array([np.mean(label == one) for one in (0, 1)])
    moved = means.mean() + weight * (score - means[label]) / shares[label]
    return cell._replace(score=moved)


def difference(before: Scores, after: Scores) -> Scores:
    """Scores whose mean is the mean after minus the mean before, of other patients or the same.

    Returns:
        One score an answer, those before first; none where there are no answers.
    """
    if not len(before.score) or not len(after.score):
        return _joined(before, after, [])
    value = np.mean(after.score) - np.mean(before.score)
    return _joined(before, after, value + _moving(before, -1.0, after, 1.0))


def relative(before: Scores, after: Scores) -> Scores:
    """Scores whose mean is the relative change of a mean in percent, 100 (after / before - 1).

    To first order (the delta method) they vary as it does. Patients and trainings before and after
    may be the same or others.

    Returns:
        One score an answer, those before first; none where there are no answers, or the mean
        before is zero.
    """
    if not len(before.score) or not len(after.score) or not np.any(before.score):
        return _joined(before, after, [])
    base, ratio = np.mean(before.score), np.mean(after.score) / np.mean(before.score)
    moving = _moving(before, -float(ratio), after, 1.0)
    return _joined(before, after, 100 * (ratio - 1 + moving / base))


def _moving(before: Scores, slope_before: float, after: Scores, slope_after: float) -> Floats:
    """How each answer moves a value of two means, by its slopes in them; these sum to zero."""
    n = len(before.score) + len(after.score)
    return np.concatenate(
        [
            slope * (part.score - np.mean(part.score)) * n / len(part.score)
            for part, slope in ((before, slope_before), (after, slope_after))
        ]
    )


def _joined(before: Scores, after: Scores, score: Floats | Sequence[float]) -> Scores:
    """Scores of the first answers before and after."""
    _, *others = (np.concatenate(columns) for columns in zip(before, after, strict=True))
    return Scores(np.asarray(score), *(column[: len(score)] for column in others))
