"""Grades before and after enhancement, and what a diagnosis study found of the same enhancement."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.report import statistics, tables
from echojax.studies.grading.grades import Grades
from echojax.studies.grading.labels import MEAN, WHOLE, Floats, ordered
from echojax.vocabulary import NONE, QUALITIES, UNLABELLED

NAME = "diagnosis.csv"  # in a run's tables
_ALL = "all"


class ChangeRow(NamedTuple):
    """A method's measure after an enhancement minus before, on the same frames.

    Attributes:
        enhancement: done to the frames.
        mode: of it.
        method: that measures.
        masks: that it was given.
        over: "whole wall" or "mean of regions".
        quality: of the frames, or "all".
        before: mean measure.
        after: mean measure.
        change: mean difference in deviations of the measure between frames before, all qualities
            together; with its interval by patient.
        up: share of frames whose measure rises, in [0, 1].
        frames: how many.
        patients: of how many persons.
    """

    enhancement: str
    mode: str
    method: str
    masks: str
    over: str
    quality: str
    before: float
    after: float
    change: float
    low: float
    high: float
    up: float
    frames: int
    patients: int


class Accuracy(NamedTuple):
    """A row of a diagnosis run's `gain.csv`: accuracy with minus without, in points."""

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    mode: str
    sr_on: str
    points: float
    points_low: float
    points_high: float


def change_rows(found: Grades) -> list[ChangeRow]:
    """A row an enhancement, mode, method, kind of masks, way to sum up and quality."""
    rows = []
    plain = found.of(enhancement=NONE)
    for source in ordered(found.sources()):
        if source.enhancement == NONE:
            continue
        after = found.of(**source._asdict())
        before = plain.of(method=source.method, masks=source.masks)
        for over in (WHOLE, MEAN):
            rows += _of_source(before, after, over)
    return rows


def _of_source(before: Grades, after: Grades, over: str) -> list[ChangeRow]:
    _, first, second = np.intersect1d(before["frame"], after["frame"], return_indices=True)
    before, after = before.take(first), after.take(second)
    one, other = (each.whole if over == WHOLE else each.mean() for each in (before, after))
    known = ~np.isnan(one) & ~np.isnan(other)
    if not known.any():
        return []
    spread = float(np.std(one[known]))
    rows = []
    for quality in (_ALL, *QUALITIES, UNLABELLED):
        chosen = known & ((quality == _ALL) | (before["quality"] == quality))
        if chosen.any():
            rows.append(_row(after.take(chosen), over, quality, one[chosen], other[chosen], spread))
    return rows


def _row(
    after: Grades, over: str, quality: str, one: Floats, other: Floats, spread: float
) -> ChangeRow:
    source = after.sources()[0]
    change = (other - one) / spread if spread else np.full(len(one), np.nan)
    return ChangeRow(
        source.enhancement,
        source.mode,
        source.method,
        source.masks,
        over,
        quality,
        float(one.mean()),
        float(other.mean()),
        *statistics.mean(change, after["patient"]),
        float(np.mean(other > one)),
        len(one),
        len(np.unique(after["patient"])),
    )


def keep_accuracies(run: Path, diagnosis: str) -> None:
    """Copy what a diagnosis run found of enhancing what is tested into the tables of a run.

    Raises:
        InputError: as `read_accuracies`.
    """
    named = map(Accuracy._asdict, read_accuracies(diagnosis))
    tables.write(run / "tables" / NAME, Accuracy._fields, named, Accuracy._fields[7:])


def read_accuracies(diagnosis: str) -> list[Accuracy]:
    """What a diagnosis run found of enhancing what is tested.

    Raises:
        InputError: the diagnosis run has no such table, or it has other columns.
    """
    file = Path(diagnosis).expanduser() / "tables" / "gain.csv"
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            lines = [line for line in csv.DictReader(stream) if line["sr_on"] == "test"]
        return [_accuracy([line[name] for name in Accuracy._fields]) for line in lines]
    except FileNotFoundError:
        raise InputError(
            f"{file}: is missing; grading.diagnosis is to name a run of `echojax matrix` that has "
            "its report"
        ) from None
    except (KeyError, ValueError) as error:
        raise InputError(f"{file}: cannot be understood ({error!r})") from error


def _accuracy(line: list[str]) -> Accuracy:
    protocol, task, train, test, sr, mode, sr_on, *numbers = line
    points, low, high = (float(text) if text else math.nan for text in numbers)
    return Accuracy(protocol, task, train, test, sr, mode, sr_on, points, low, high)


def accuracies(run: Path) -> list[Accuracy]:
    """What `keep_accuracies` kept; nothing where no diagnosis run was named.

    Raises:
        InputError: the table cannot be understood.
    """
    lines = tables.read(run / "tables" / NAME)[1:]
    try:
        return [_accuracy(line) for line in lines]
    except ValueError as error:
        raise InputError(f"{run / 'tables' / NAME}: cannot be understood ({error})") from error
