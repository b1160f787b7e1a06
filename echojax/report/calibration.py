"""Whether answers are right as often as they are sure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BINS = 10  # of equal width, from a coin's confidence to certainty


class Bin(NamedTuple):
    """Answers of about the same confidence.

    Attributes:
        confidence: mean probability of the class that was answered, in [0.5, 1].
        right: share of right answers.
        answers: how many there are.
    """

    confidence: float
    right: float
    answers: int


def reliability(probability: NDArray[Any], label: NDArray[Any]) -> list[Bin]:
    """Answers in bins of confidence, the least sure first; a bin without answers is left out.

    Args:
        probability: of class 1, in [0, 1], (n,); half and more answers class 1.
        label: the class, 0 or 1, (n,).
    """
    confidence = np.maximum(probability, 1 - probability)
    right = (probability >= 0.5) == (label == 1)
    place = np.minimum(((confidence - 0.5) * 2 * _BINS).astype(np.intp), _BINS - 1)
    return [
        Bin(float(confidence[own].mean()), float(right[own].mean()), int(own.sum()))
        for own in (place == number for number in range(_BINS))
        if own.any()
    ]


def expected_error(probability: NDArray[Any], label: NDArray[Any]) -> float:
    """How far confidence and share of right answers lie apart, mean over answers, in [0, 1].

    Source: Guo et al., ICML 2017 (expected calibration error). The arguments are those of
    `reliability`; nan without answers.
    """
    bins = reliability(probability, label)
    if not bins:
        return float("nan")
    return sum(b.answers * abs(b.right - b.confidence) for b in bins) / len(label)
