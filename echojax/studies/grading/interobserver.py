"""How far people agree with each other about regions, and how far methods agree with them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.inference.regions import REGIONS
from echojax.report.statistics import Estimate
from echojax.studies.grading import agreement
from echojax.studies.grading.grades import Source
from echojax.studies.grading.labels import Floats
from echojax.studies.grading.truth import Judged, source_name

BETWEEN = "between observers"


class ObserverRow(NamedTuple):
    """Errors of pairs, pooled: of two observers, or of a method and each observer.

    Attributes:
        who: "between observers", or a method and its masks.
        error: mean absolute difference in grades, with its interval by patient.
        rho: Spearman's correlation, mean over pairs.
        kappa: quadratic weighted, mean over pairs.
        minus: its error minus that between observers on the same regions, with its interval by
            patient; nan of the observers themselves.
        p: Wilcoxon's of that, of patients.
        pairs: how many.
        regions: differences that were pooled.
        patients: of how many persons.
    """

    who: str
    error: float
    low: float
    high: float
    rho: float
    kappa: float
    minus: float
    minus_low: float
    minus_high: float
    p: float
    pairs: int
    regions: int
    patients: int


def observer_rows(
    observers: Mapping[str, Mapping[str, Floats]],
    every: Mapping[Source, Judged],
    patients: Mapping[str, str],
) -> list[ObserverRow]:
    """Errors between observers, and beside them those of every method.

    As Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025, section 3.3): the differences
    of all pairs of observers together; of a method, those to each observer together.

    Args:
        observers: grades by observer and frame.
        every: what methods say, from `truth.judged` against the observers' consensus.
        patients: person of each frame.
    """
    pairs = list(itertools.combinations(observers.values(), 2))
    between = [_pair(one, other, patients) for one, other in pairs]
    rows = [_row(BETWEEN, between, None)] if any(len(pair.one) for pair in between) else []
    for source, judged in every.items():
        own = dict(zip(judged.frame.tolist(), judged.grade, strict=True))
        with_each = [_pair(own, each, patients) for each in observers.values()]
        if any(len(pair.one) for pair in with_each):
            rows.append(_row(source_name(source), with_each, between if pairs else None))
    return rows


class _Pair(NamedTuple):
    """Grades of the same regions by two, all (n,)."""

    one: Floats
    other: Floats
    patient: NDArray[np.str_]
    place: NDArray[np.str_]


def _pair(
    one: Mapping[str, Floats], other: Mapping[str, Floats], patients: Mapping[str, str]
) -> _Pair:
    frames = [frame for frame in one if frame in other]
    if not frames:
        return _Pair(*2 * (np.empty(0),), *2 * (np.empty(0, str),))
    a, b = (np.stack([of[frame] for frame in frames]) for of in (one, other))
    known = ~np.isnan(a) & ~np.isnan(b)
    frame = np.broadcast_to(np.array(frames)[:, None], known.shape)
    region = np.broadcast_to(np.array(REGIONS), known.shape)
    patient = np.array([patients[each] for each in frame[known].tolist()], str)
    place = np.char.add(np.char.add(frame[known], " "), region[known])
    return _Pair(a[known], b[known], patient, place)


def _row(who: str, pairs: Sequence[_Pair], between: Sequence[_Pair] | None) -> ObserverRow:
    pairs = [pair for pair in pairs if len(pair.one)]
    error, patient, place = _errors(pairs)
    minus = Estimate(np.nan, np.nan, np.nan)
    p = float("nan")
    if between is not None:
        other, _, where = _errors(between)
        # Of a region, the mean over pairs: their numbers differ.
        mine, own = _means(place, error), _means(where, other)
        theirs = [name for name in mine if name in own]
        if theirs:
            of = dict(zip(place.tolist(), patient.tolist(), strict=True))
            person = np.array([of[name] for name in theirs])
            a, b = (np.array([values[name] for name in theirs]) for values in (mine, own))
            minus = agreement.by_patient(lambda x, y: float(np.mean(x - y)), person, a, b)
            p = agreement.wilcoxon(a, b, person)
    return ObserverRow(
        who,
        *agreement.by_patient(lambda x: float(np.mean(x)), patient, error),
        float(np.mean([agreement.spearman(pair.one, pair.other) for pair in pairs])),
        float(np.mean([agreement.kappa(pair.one, pair.other) for pair in pairs])),
        *minus,
        p,
        len(pairs),
        len(error),
        len(np.unique(patient)),
    )


def _errors(pairs: Sequence[_Pair]) -> tuple[Floats, NDArray[np.str_], NDArray[np.str_]]:
    error = np.concatenate([np.empty(0), *(np.abs(pair.one - pair.other) for pair in pairs)])
    patient = np.concatenate([np.empty(0, str), *(pair.patient for pair in pairs)])
    place = np.concatenate([np.empty(0, str), *(pair.place for pair in pairs)])
    return error, patient, place


def _means(place: NDArray[np.str_], error: Floats) -> dict[str, float]:
    names, at = np.unique(place, return_inverse=True)
    if not len(names):
        return {}
    means = np.bincount(at, error) / np.bincount(at)
    return dict(zip(names.tolist(), means.tolist(), strict=True))
