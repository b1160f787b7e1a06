"""Methods against the quality that an expert gave to a view: one word for all of its frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.inference.regions import REGIONS
from echojax.report.statistics import LEAST_PATIENTS, Estimate
from echojax.studies.grading import agreement, masks
from echojax.studies.grading.grades import Grades, Source
from echojax.studies.grading.methods import METHODS, TRUTH
from echojax.vocabulary import NONE, VIEWS

Floats = NDArray[np.float64]

# An expert's word for a view as a grade; the words are CAMUS's own three.
LABELS = {"good": 4, "medium": 3, "poor": 2}
WHOLE, MEAN = "whole wall", "mean of regions"
# What every method is set beside: contrast in the sector, which needs no training.
REFERENCE = ("cr", masks.EXPERT, WHOLE)


class LabelRow(NamedTuple):
    """A method on the frames of a view against the quality of the view, intervals by patient.

    Attributes:
        view: "2CH" or "4CH".
        method: one of `methods.METHODS`.
        masks: that it was given.
        over: "whole wall" or "mean of regions".
        auc: area under the ROC curve, good against poor, in [0, 1]; with its interval.
        rho: Spearman's correlation with the quality; with its interval.
        more: its area minus that of contrast ratio in the sector, expert masks, on the frames of
            both; with its interval.
        error: mean absolute error in grades, good 4, medium 3 and poor 2, by a line learned from
            other patients.
        kappa: quadratic weighted, of the same.
        frames: how many have both.
        patients: of how many persons.
    """

    view: str
    method: str
    masks: str
    over: str
    auc: float
    auc_low: float
    auc_high: float
    rho: float
    rho_low: float
    rho_high: float
    more: float
    more_low: float
    more_high: float
    error: float
    kappa: float
    frames: int
    patients: int


class RegionRow(NamedTuple):
    """A method in one region against the quality of the view; columns as of `LabelRow`."""

    view: str
    method: str
    masks: str
    region: str
    auc: float
    auc_low: float
    auc_high: float
    rho: float
    rho_low: float
    rho_high: float
    frames: int
    patients: int


class _Values(NamedTuple):
    """What a method says of labelled frames, each of them known: all (n,)."""

    value: Floats
    label: Floats
    patient: NDArray[np.str_]
    frame: NDArray[np.str_]


def ordered(sources: list[Source]) -> list[Source]:
    """Sources in the order in which methods are told of."""

    def place(source: Source) -> tuple[int, int]:
        known = (*METHODS, source.method).index(source.method)
        return known, (*masks.KINDS, source.masks).index(source.masks)

    return sorted(sources, key=place)


def views(found: Grades) -> list[str]:
    """The views in which enough persons were called good, and enough poor, for an interval."""

    def persons(view: str, quality: str) -> int:
        return len(set(found.of(view=view, quality=quality)["patient"]))

    return [
        view
        for view in VIEWS
        if all(persons(view, quality) >= LEAST_PATIENTS for quality in ("good", "poor"))
    ]


def label_rows(found: Grades, parts: int, seed: int) -> list[LabelRow]:
    """A row a view, method, kind of masks and way to sum a frame up.

    Args:
        found: scores of a run.
        parts: patients are cut into for the line of a method.
        seed: of cutting them.
    """
    return [
        row
        for view in views(found)
        for row in _of_view(found.of(view=view, enhancement=NONE), view, parts, seed)
    ]


def region_rows(found: Grades) -> list[RegionRow]:
    """A row a view, method, kind of masks and region."""
    rows = []
    for view in views(found):
        plain = found.of(view=view, enhancement=NONE)
        for source in _judged(plain):
            own = plain.of(**source._asdict())
            for number, region in enumerate(REGIONS):
                values = _values(own, own.regions[:, number])
                if len(values.value):
                    auc, rho = _auc(values), _rho(values)
                    many = len(values.value), len(np.unique(values.patient))
                    rows.append(RegionRow(view, *source[1::-1], region, *auc, *rho, *many))
    return rows


def _of_view(plain: Grades, view: str, parts: int, seed: int) -> Iterator[LabelRow]:
    method, kind, _ = REFERENCE
    reference = plain.of(method=method, masks=kind)
    beside = _values(reference, reference.whole)
    for source in _judged(plain):
        own = plain.of(**source._asdict())
        for over, value in ((WHOLE, own.whole), (MEAN, own.mean())):
            values = _values(own, value)
            if not len(values.value):
                continue
            fold = agreement.folds(values.patient, parts, seed)
            grade = agreement.calibrated(values.value, values.label, fold)
            known = ~np.isnan(grade)
            yield LabelRow(
                view,
                *source[1::-1],
                over,
                *_auc(values),
                *_rho(values),
                *_more(values, beside),
                agreement.absolute_error(grade[known], values.label[known]),
                agreement.kappa(grade[known], values.label[known]),
                len(values.value),
                len(np.unique(values.patient)),
            )


def _judged(plain: Grades) -> list[Source]:
    return ordered([source for source in plain.sources() if source.method != TRUTH])


def _values(own: Grades, value: Floats) -> _Values:
    label = np.array([LABELS.get(quality, np.nan) for quality in own["quality"]], float)
    known = ~np.isnan(value) & ~np.isnan(label)
    return _Values(value[known], label[known], own["patient"][known], own["frame"][known])


def good_or_poor(value: Floats, label: Floats) -> float:
    """Area under the ROC curve of a value as a sign of good frames among good and poor ones."""
    chosen = label != LABELS["medium"]
    return agreement.area(value[chosen], label[chosen] == LABELS["good"])


def _auc(of: _Values) -> Estimate:
    return agreement.by_patient(good_or_poor, of.patient, of.value, of.label)


def _rho(of: _Values) -> Estimate:
    return agreement.by_patient(agreement.spearman, of.patient, of.value, of.label)


def _more(of: _Values, beside: _Values) -> Estimate:
    _, own, other = np.intersect1d(of.frame, beside.frame, return_indices=True)

    def difference(value: Floats, to: Floats, label: Floats) -> float:
        return good_or_poor(value, label) - good_or_poor(to, label)

    columns = (of.value[own], beside.value[other], of.label[own])
    return agreement.by_patient(difference, of.patient[own], *columns)
