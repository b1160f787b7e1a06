"""Ejection fractions of automatic masks against those of expert masks, by quality and by grade.

Both are measured by the same discs, so that they differ by the masks alone. The ejection fraction
that CAMUS's NIfTI release states is no independent reference: it comes from the expert masks, too,
and leaves out the shortening of the long axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.measures import Plane, ejection_fraction, volume
from echojax.report import tables
from echojax.studies.grading import agreement
from echojax.studies.grading.grades import Grades
from echojax.studies.grading.labels import Floats, ordered
from echojax.studies.grading.masks import EXPERT, Masks
from echojax.studies.grading.methods import TRUTH
from echojax.vocabulary import NONE, PHASES, QUALITIES, VIEWS

NAME = "ejection.csv"  # in a run's tables
LABEL = "quality of the 2CH view"
THIRDS = ("lowest third", "middle third", "highest third")
_95 = 1.96


class Ejection(NamedTuple):
    """A patient's ejection fraction by both masks, %.

    Attributes:
        patient: the recording.
        person: whose it is.
        quality: of the 2CH view.
        expert: by expert masks.
        automatic: by automatic masks.
    """

    patient: str
    person: str
    quality: str
    expert: float
    automatic: float


class EjectionRow(NamedTuple):
    """How far automatic ejection fractions lie from those of expert masks, intervals by patient.

    Attributes:
        by: what patients are grouped by.
        group: which of them.
        bias: mean difference, points of EF.
        sd: standard deviation of the difference.
        lower: limit of agreement, bias - 1.96 sd.
        upper: limit of agreement.
        patients: how many.
    """

    by: str
    group: str
    bias: float
    bias_low: float
    bias_high: float
    sd: float
    sd_low: float
    sd_high: float
    lower: float
    upper: float
    patients: int


def measure(
    frames: Frames, expert: Masks, automatic: Masks, quality: list[str]
) -> Iterator[Ejection]:
    """The patients whose four frames have both masks, from which volumes can be measured.

    Args:
        frames: of the study.
        expert: masks by frame.
        automatic: masks by frame.
        quality: of each frame, in words.
    """
    place = {
        (patient, VIEWS[view], PHASES[phase]): number
        for number, (patient, view, phase) in enumerate(
            zip(frames.patient.tolist(), frames.view, frames.phase, strict=True)
        )
    }
    for patient in dict.fromkeys(frames.patient.tolist()):
        own = {key[1:]: place[key] for key in place if key[0] == patient}
        try:
            found = [_fraction(own, masks, frames) for masks in (expert, automatic)]
        except (InputError, KeyError):
            continue
        two = own["2CH", "ED"]
        yield Ejection(patient, str(frames.group[two]), quality[two], *found)


def _fraction(own: Mapping[tuple[str, str], int], masks: Masks, frames: Frames) -> float:
    volumes = []
    for phase in PHASES:
        planes = []
        for view in VIEWS:
            index = own[view, phase]
            mask, spacing = masks(index), frames.spacing[index]
            if mask is None:
                raise KeyError(index)
            planes.append(Plane(mask, (float(spacing[0]), float(spacing[1]))))
        volumes.append(volume(*planes))
    return ejection_fraction(*volumes)


def write(run: Path, rows: list[Ejection]) -> None:
    """Write patients into the tables of a run."""
    tables.write(run / "tables" / NAME, Ejection._fields, map(Ejection._asdict, rows))


def read(run: Path) -> list[Ejection]:
    """Read what `write` wrote; nothing where there were no automatic masks."""
    return tables.read_rows(run / "tables" / NAME, Ejection)


def ejection_rows(patients: list[Ejection], found: Grades) -> list[EjectionRow]:
    """Rows by the quality of a view, and by the thirds of every method's grade of a patient.

    A method's grade of a patient is the mean over its frames of both views and phases, each the
    mean over its regions; with automatic masks where it needs some, as nobody has others in use.
    """
    if not patients:
        return []
    difference = np.array([each.automatic - each.expert for each in patients])
    person = np.array([each.person for each in patients])
    quality = np.array([each.quality for each in patients])
    rows = [_row(LABEL, "all", difference, person)]
    rows += [
        _row(LABEL, word, difference[quality == word], person[quality == word])
        for word in QUALITIES
        if (quality == word).any()
    ]
    names = np.array([each.patient for each in patients])
    for source in ordered(found.of(enhancement=NONE).sources()):
        if source.masks == EXPERT or source.method == TRUTH:
            continue
        grade = _of_patients(found.of(**source._asdict()), names)
        if np.isnan(grade).mean() > 0.5:
            continue
        known = ~np.isnan(grade)
        cuts = np.quantile(grade[known], [1 / 3, 2 / 3])
        third = np.searchsorted(cuts, grade[known], side="left")
        for number, group in enumerate(THIRDS):
            own = third == number
            rows.append(_row(source.method, group, difference[known][own], person[known][own]))
    return rows


def _of_patients(own: Grades, names: NDArray[np.str_]) -> Floats:
    """Mean over the frames of each recording, nan without any."""
    value = own.mean()
    value = np.where(np.isnan(value), own.whole, value)
    recording = np.array([frame.rsplit("_", 2)[0] for frame in own["frame"].tolist()])
    found = np.full(len(names), np.nan)
    for number, name in enumerate(names):
        mine = value[(recording == name) & ~np.isnan(value)]
        if len(mine):
            found[number] = mine.mean()
    return found


def _row(by: str, group: str, difference: Floats, person: NDArray[np.str_]) -> EjectionRow:
    bias = agreement.by_patient(_mean, person, difference)
    sd = agreement.by_patient(_deviation, person, difference)
    limits = bias.value - _95 * sd.value, bias.value + _95 * sd.value
    return EjectionRow(by, group, *bias, *sd, *limits, len(difference))


def _mean(of: Floats) -> float:
    return float(np.mean(of)) if len(of) else float("nan")


def _deviation(of: Floats) -> float:
    return float(np.std(of, ddof=1)) if len(of) > 1 else float("nan")
