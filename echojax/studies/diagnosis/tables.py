"""A run's predictions as tables, and the columns of their CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.report import statistics, tables
from echojax.report.statistics import Estimate, Sample
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.predictions import Predictions, match
from echojax.studies.diagnosis.restoration import SuperResolutionRow
from echojax.vocabulary import NONE


class AccuracyRow(NamedTuple):
    """One cell: accuracy with its interval in [0, 1], and on what it rests.

    `frames` and `patients` are distinct ones; `seed_sd` is nan with a single seed.
    """

    cell: Cell
    accuracy: float
    low: float
    high: float
    frames: int
    patients: int
    folds: int
    seeds: int
    seed_sd: float


class GainRow(NamedTuple):
    """An enhanced cell against the same cell without enhancement, on the rows both have.

    `before` and `after` are accuracies in [0, 1]; `change` with its interval is in percent of
    `before`.
    """

    cell: Cell
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

    cell: Cell
    home: float
    away: float
    change: float
    low: float
    high: float


def accuracy_rows(predictions: Predictions) -> list[AccuracyRow]:
    """Accuracy of every cell, cells in reading order."""
    return [_accuracy_row(cell, rows) for cell, rows in predictions.cells().items()]


def _accuracy_row(cell: Cell, rows: Predictions) -> AccuracyRow:
    estimate = statistics.accuracy(_sample(rows), rows["frame"])
    return AccuracyRow(
        cell=cell,
        accuracy=estimate.value,
        low=estimate.low,
        high=estimate.high,
        frames=_distinct(rows, "frame"),
        patients=_distinct(rows, "patient"),
        folds=_distinct(rows, "fold"),
        seeds=_distinct(rows, "seed"),
        seed_sd=statistics.seed_deviation(rows.correct, rows["seed"]),
    )


def gain_rows(predictions: Predictions) -> list[GainRow]:
    """Every enhanced cell that has a counterpart without enhancement, in reading order."""
    cells = predictions.cells()
    return [
        _gain_row(cell, before, after)
        for cell in cells
        if cell.sr != NONE
        for before, after in _pairs(cells, [(cell.baseline(), cell)])
    ]


def _gain_row(cell: Cell, before: Predictions, after: Predictions) -> GainRow:
    change = _change([(before, after)])
    return GainRow(
        cell=cell,
        before=float(np.mean(before.correct)),
        after=float(np.mean(after.correct)),
        change=change.value,
        low=change.low,
        high=change.high,
        frames=_distinct(after, "frame"),
        patients=_distinct(after, "patient"),
        seeds=_distinct(after, "seed"),
    )


def mean_gain_rows(predictions: Predictions) -> list[MeanGainRow]:
    """Mean gain of every SR and mode under every protocol, over tasks and strata."""
    cells = predictions.cells()
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.sr != NONE and cell.baseline() in cells:
            groups.setdefault((cell.protocol, cell.sr, cell.mode), []).append(cell)
    rows = []
    for protocol, sr, mode in ordered(groups, "protocol", "sr", "mode"):
        group = groups[protocol, sr, mode]
        gains = _pairs(cells, [(cell.baseline(), cell) for cell in group])
        controls = _pairs(cells, [(cell._replace(sr="bicubic"), cell) for cell in group])
        change, control = _change(gains), _change([] if sr == "bicubic" else controls)
        rows.append(
            MeanGainRow(
                protocol=protocol,
                sr=sr,
                mode=mode,
                cells=len(gains),
                change=change.value,
                low=change.low,
                high=change.high,
                bicubic_change=control.value,
                bicubic_low=control.low,
                bicubic_high=control.high,
            )
        )
    return rows


def cost_rows(predictions: Predictions) -> list[CostRow]:
    """Every cell off the diagonal without enhancement against the diagonal of its train stratum."""
    cells = predictions.cells()
    rows = []
    for cell, away in cells.items():
        home = cells.get(cell._replace(test=cell.train))
        if cell.sr != NONE or cell.train == cell.test or home is None:
            continue
        change = _change([(home, away)])
        rows.append(
            CostRow(
                cell=cell,
                home=float(np.mean(home.correct)),
                away=float(np.mean(away.correct)),
                change=change.value,
                low=change.low,
                high=change.high,
            )
        )
    return rows


def _distinct(rows: Predictions, column: str) -> int:
    return len(np.unique(rows[column]))


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
) -> dict[Cell, AccuracyRow | None]:
    """Accuracy without enhancement under a protocol.

    Returns:
        Every cell found or asked for, in reading order; None where it is missing.
    """
    found = {row.cell: row for row in rows}
    cells = [cell for cell in (*asked, *found) if cell.protocol == protocol and cell.sr == NONE]
    return {cell: found.get(cell) for cell in ordered(cells, *Cell._fields)}


def published_accuracy(cell: Cell) -> float | None:
    """The paper's accuracy of a cell without enhancement in percent, if it has one."""
    return paper.BASELINE.get((cell.task, cell.train, cell.test))


def published_gain(cell: Cell) -> float | None:
    """The paper's change of a cell in percent, if it has one; the paper enhances the poor side."""
    poor_side = "train" if cell.train == "poor" else "test"
    if cell.sr_on != poor_side:
        return None
    return paper.GAIN.get((cell.task, cell.train, cell.test))


# The files of a run's `tables` folder and their columns.
COLUMNS: dict[str, tuple[str, ...]] = {
    "accuracy": (
        *("protocol", "task", "train", "test", "sr", "sr_on", "accuracy", "low", "high"),
        *("frames", "seeds", "mode", "folds", "patients", "seed_sd"),
    ),
    "gain": (
        *Cell._fields,
        *("before", "after", "change", "low", "high", "frames", "patients", "seeds"),
    ),
    "mean_gain": MeanGainRow._fields,
    "quality_cost": (
        *("protocol", "task", "train", "test", "home", "away", "change", "low", "high"),
    ),
    "super_resolution": SuperResolutionRow._fields,
}
_CHANGE = ("change", "low", "high")
_PERCENT = {
    "gain": _CHANGE,
    "mean_gain": (*_CHANGE, "bicubic_change", "bicubic_low", "bicubic_high"),
    "quality_cost": _CHANGE,
}


def write(folder: Path, name: str, rows: Iterable[NamedTuple]) -> None:
    """Write rows as the table `name` of `COLUMNS` into a folder."""
    values = (_values(row) for row in rows)
    tables.write(folder / f"{name}.csv", COLUMNS[name], values, _PERCENT.get(name, ()))


def _values(row: NamedTuple) -> Mapping[str, object]:
    """A row by column, its cell taken apart."""
    named = row._asdict()
    cell: Cell | None = named.get("cell")
    return named | cell._asdict() if cell else named
