"""Methods against grades of every region: those that the simulator knows, or that people gave."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.inference.regions import REGIONS
from echojax.report import crossed
from echojax.studies.grading import agreement
from echojax.studies.grading.grades import Grades, Source
from echojax.studies.grading.labels import Floats, ordered
from echojax.studies.grading.methods import TRUTH
from echojax.vocabulary import NONE

ALL = "all"
_FRAMES_ALONE = ("sector", "thumbnail")  # say nothing of regions


class TruthRow(NamedTuple):
    """A method against grades of regions, with intervals by patient.

    Attributes:
        method: one of `methods.METHODS`.
        masks: that it was given.
        region: one of `REGIONS`, or "all" of them together.
        rho: Spearman's correlation of its measure with the grade.
        error: mean absolute error in grades, by a line learned from other patients.
        kappa: quadratic weighted, of the same, cut to whole grades.
        regions: how many grades there are.
        patients: of how many persons.
    """

    method: str
    masks: str
    region: str
    rho: float
    rho_low: float
    rho_high: float
    error: float
    error_low: float
    error_high: float
    kappa: float
    kappa_low: float
    kappa_high: float
    regions: int
    patients: int


class PairRow(NamedTuple):
    """Two methods' absolute errors on the same regions: the first minus the second, in grades.

    Attributes:
        one: method and masks.
        other: method and masks.
        difference: of mean absolute errors, with its interval by patient.
        p: Wilcoxon's, of patients.
        holm: p, adjusted for all pairs.
        patients: how many have both.
    """

    one: str
    other: str
    difference: float
    low: float
    high: float
    p: float
    holm: float
    patients: int


class Judged(NamedTuple):
    """What a method says of regions that somebody graded: all (n, 8), but whose they are (n,).

    Attributes:
        measure: in its own unit.
        grade: what it makes of that, 1 to 5.
        reference: the grades it is set beside; nan where there is none, or no measure.
        frame: ids.
        patient: persons.
    """

    measure: Floats
    grade: Floats
    reference: Floats
    frame: NDArray[np.str_]
    patient: NDArray[np.str_]


def of_simulator(found: Grades) -> dict[str, Floats]:
    """Grades by frame that the simulator knows, (8,) each."""
    known = found.of(method=TRUTH)
    return dict(zip(known["frame"].tolist(), known.regions, strict=True))


def judged(
    found: Grades, reference: Mapping[str, Floats], parts: int, seed: int
) -> dict[Source, Judged]:
    """Every method beside grades of regions, of plain frames, its line learned from other patients.

    Args:
        found: scores of a run.
        reference: grades by frame, (8,) each.
        parts: patients are cut into.
        seed: of cutting them.
    """
    plain = found.of(enhancement=NONE)
    plain = plain.take(np.isin(plain["frame"], list(reference)))
    every = {}
    for source in ordered(plain.sources()):
        own = plain.of(**source._asdict())
        if source.method in (TRUTH, *_FRAMES_ALONE) or not len(own):
            continue
        asked = np.stack([reference[frame] for frame in own["frame"].tolist()])
        fold = np.repeat(agreement.folds(own["patient"], parts, seed), len(REGIONS))
        grade = agreement.calibrated(own.regions.ravel(), asked.ravel(), fold)
        grade = grade.reshape(asked.shape)
        known = np.where(np.isnan(grade), np.nan, asked)
        if not np.isnan(known).all():
            every[source] = Judged(own.regions, grade, known, own["frame"], own["patient"])
    return every


def truth_rows(every: Mapping[Source, Judged]) -> list[TruthRow]:
    """A row a method and region, and one of all regions together."""
    rows = []
    for source, of in every.items():
        for region in (ALL, *REGIONS):
            chosen = slice(None)
            if region != ALL:
                chosen = slice(REGIONS.index(region), REGIONS.index(region) + 1)
            rows.append(_row(source, region, of, chosen))
    return [row for row in rows if row.regions]


def _row(source: Source, region: str, of: Judged, chosen: slice) -> TruthRow:
    reference = of.reference[:, chosen]
    known = ~np.isnan(reference)
    patient = np.broadcast_to(of.patient[:, None], known.shape)[known]
    measure, grade = of.measure[:, chosen][known], of.grade[:, chosen][known]
    asked = reference[known]
    return TruthRow(
        source.method,
        source.masks,
        region,
        *agreement.by_patient(agreement.spearman, patient, measure, asked),
        *agreement.by_patient(agreement.absolute_error, patient, grade, asked),
        *agreement.by_patient(agreement.kappa, patient, grade, asked),
        len(asked),
        len(np.unique(patient)),
    )


def pair_rows(every: Mapping[Source, Judged]) -> list[PairRow]:
    """Every two methods on the regions that both grade, Holm's adjustment over all pairs."""
    rows = []
    for one, other in itertools.combinations(every, 2):
        found = paired(every[one], every[other])
        if found is not None:
            rows.append(PairRow(source_name(one), source_name(other), *found))
    holm = crossed.holm(row.p for row in rows)
    return [row._replace(holm=float(p)) for row, p in zip(rows, holm, strict=True)]


def paired(one: Judged, other: Judged) -> tuple[float, float, float, float, float, int] | None:
    """Difference of absolute errors with its interval, p, a place for Holm's, and patients."""
    _, first, second = np.intersect1d(one.frame, other.frame, return_indices=True)
    errors = [
        np.abs(each.grade - each.reference)[rows] for each, rows in ((one, first), (other, second))
    ]
    known = ~np.isnan(errors[0]) & ~np.isnan(errors[1])
    if not known.any():
        return None
    patient = np.broadcast_to(one.patient[first][:, None], known.shape)[known]
    a, b = (error[known] for error in errors)
    difference = agreement.by_patient(lambda x, y: float(np.mean(x - y)), patient, a, b)
    p = agreement.wilcoxon(a, b, patient)
    return *difference, p, float("nan"), len(np.unique(patient))


def source_name(source: Source) -> str:
    """A method and its masks, in words."""
    return source.method if source.masks == NONE else f"{source.method}, {source.masks} masks"
