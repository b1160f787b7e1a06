"""A run's predictions as tables, and tables as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from echojax.files import written_whole
from echojax.report import statistics
from echojax.report.statistics import Estimate, Sample
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.predictions import Cell, Predictions, match, place

Names = TypeVar("Names", bound=tuple[str, ...])


class AccuracyRow(NamedTuple):
    """One cell: accuracy with its interval in [0, 1], and on what it rests.

    `frames` and `patients` are distinct ones; `seed_sd` is nan with a single seed.
    """

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    sr_on: str
    accuracy: float
    low: float
    high: float
    frames: int
    seeds: int
    mode: str
    folds: int
    patients: int
    seed_sd: float


class GainRow(NamedTuple):
    """An enhanced cell against the same cell without enhancement, on the rows both have.

    `before` and `after` are accuracies in [0, 1]; `change` with its interval is in percent of
    `before`.
    """

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    mode: str
    sr_on: str
    before: float
    after: float
    change: float
    low: float
    high: float
    frames: int
    patients: int
    seeds: int


class MeanGainRow(NamedTuple):
    """Mean change over all enhanced cells of one SR and mode, in percent.

    `bicubic_change` is the change against the bicubic control instead of against no enhancement,
    over the cells that have one; nan for bicubic itself or without a control.
    """

    protocol: str
    sr: str
    mode: str
    cells: int
    change: float
    low: float
    high: float
    bicubic_change: float
    bicubic_low: float
    bicubic_high: float


class CostRow(NamedTuple):
    """What testing on another stratum than the trained one costs, without enhancement.

    `home` and `away` are accuracies in [0, 1]; `change` is in percent of `home`.
    """

    protocol: str
    task: str
    train: str
    test: str
    home: float
    away: float
    change: float
    low: float
    high: float


_PERCENT = {"change", "bicubic_change", "bicubic_low", "bicubic_high"}


def accuracy_rows(predictions: Predictions) -> list[AccuracyRow]:
    """Accuracy of every cell, cells in reading order."""
    return [_accuracy_row(cell, rows) for cell, rows in predictions.cells().items()]


def _accuracy_row(cell: Cell, rows: Predictions) -> AccuracyRow:
    estimate = statistics.accuracy(_sample(rows), rows["frame"])
    return AccuracyRow(
        protocol=cell.protocol,
        task=cell.task,
        train=cell.train,
        test=cell.test,
        sr=cell.sr,
        sr_on=cell.sr_on,
        accuracy=estimate.value,
        low=estimate.low,
        high=estimate.high,
        frames=len(np.unique(rows["frame"])),
        seeds=len(np.unique(rows["seed"])),
        mode=cell.mode,
        folds=len(np.unique(rows["fold"])),
        patients=len(np.unique(rows["patient"])),
        seed_sd=statistics.seed_deviation(rows.correct, rows["seed"]),
    )


def gain_rows(predictions: Predictions) -> list[GainRow]:
    """Every enhanced cell that has a counterpart without enhancement, in reading order."""
    cells = predictions.cells()
    rows = []
    for cell in cells:
        if cell.sr == "none":
            continue
        for before, after in _pairs(cells, [(cell.baseline(), cell)]):
            rows.append(
                GainRow(
                    *cell,
                    float(np.mean(before.correct)),
                    float(np.mean(after.correct)),
                    *_change([(before, after)]),
                    frames=len(np.unique(after["frame"])),
                    patients=len(np.unique(after["patient"])),
                    seeds=len(np.unique(after["seed"])),
                )
            )
    return rows


def mean_gain_rows(predictions: Predictions) -> list[MeanGainRow]:
    """Mean gain of every SR and mode under every protocol, over tasks and strata."""
    cells = predictions.cells()
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.sr != "none" and cell.baseline() in cells:
            groups.setdefault((cell.protocol, cell.sr, cell.mode), []).append(cell)
    rows = []
    for group in ordered(groups, "protocol", "sr", "mode"):
        gains = _pairs(cells, [(cell.baseline(), cell) for cell in groups[group]])
        controls = _pairs(cells, [(cell._replace(sr="bicubic"), cell) for cell in groups[group]])
        control = _change([] if group[1] == "bicubic" else controls)
        rows.append(MeanGainRow(*group, len(gains), *_change(gains), *control))
    return rows


def cost_rows(predictions: Predictions) -> list[CostRow]:
    """Every cell off the diagonal without enhancement against the diagonal of its train stratum."""
    cells = predictions.cells()
    rows = []
    for cell, away in cells.items():
        home = cells.get(cell._replace(test=cell.train))
        if cell.sr != "none" or cell.train == cell.test or home is None:
            continue
        shares = float(np.mean(home.correct)), float(np.mean(away.correct))
        rows.append(CostRow(*cell[:4], *shares, *_change([(home, away)])))
    return rows


def _sample(rows: Predictions) -> Sample:
    return Sample(rows.correct, rows["patient"])


def _pairs(
    cells: dict[Cell, Predictions], comparisons: list[tuple[Cell, Cell]]
) -> list[tuple[Predictions, Predictions]]:
    """Cells before and after, the rows both have; a comparison without any is left out."""
    pairs = []
    for before, after in comparisons:
        if before in cells:
            index_before, index_after = match(cells[before], cells[after])
            if len(index_after):
                pairs.append((cells[before].take(index_before), cells[after].take(index_after)))
    return pairs


def _change(pairs: list[tuple[Predictions, Predictions]]) -> Estimate:
    return statistics.relative_change(
        [(_sample(before), _sample(after)) for before, after in pairs]
    )


def baseline(
    rows: Iterable[AccuracyRow], asked: Iterable[Cell], protocol: str
) -> dict[tuple[str, str, str], AccuracyRow | None]:
    """Accuracy without enhancement under a protocol, by task, train and test stratum.

    Returns:
        Every cell found or asked for, in reading order; None where it is missing.
    """
    found = {
        (row.task, row.train, row.test): row
        for row in rows
        if row.protocol == protocol and row.sr == "none"
    }
    wanted = {
        (cell.task, cell.train, cell.test)
        for cell in asked
        if cell.protocol == protocol and cell.sr == "none"
    }
    keys = ordered(wanted | set(found), "task", "train", "test")
    return {key: found.get(key) for key in keys}


def published_gain(task: str, train: str, test: str, sr_on: str) -> float | None:
    """The paper's change of a cell in percent, if it has one; the paper enhances the poor side."""
    poor_side = "train" if train == "poor" else "test"
    return paper.GAIN.get((task, train, test)) if sr_on == poor_side else None


def ordered(keys: Iterable[Names], *columns: str) -> list[Names]:
    """Distinct tuples of names, one name for each column, in reading order."""
    return sorted(
        set(keys),
        key=lambda key: [place(column, name) for column, name in zip(columns, key, strict=True)],
    )


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV, whole or not at all.

    Accuracies have four decimals, percentages two, nan is an empty value.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    percent = _PERCENT | ({"low", "high"} if "change" in columns else set())
    for row in rows:
        writer.writerow(
            _text(value, 2 if name in percent else 4)
            for name, value in zip(columns, row, strict=True)
        )
    with written_whole(path) as file:
        file.write_text(text.getvalue())


def _text(value: object, decimals: int) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{decimals}f}"
    return str(value)
