"""A run's predictions as tables, and the columns of their CSV files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.report import crossed, measures, statistics, tables
from echojax.report.crossed import Estimate, Scores, Spread
from echojax.report.statistics import Sample
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.predictions import Predictions, match
from echojax.studies.diagnosis.restoration import SuperResolutionRow
from echojax.vocabulary import NONE


class AccuracyRow(NamedTuple):
    """One cell: accuracy with its interval in [0, 1], and on what it rests.

    `frames` and `patients` are distinct ones; `seed_sd` is nan with a single seed. `chance` is the
    share of the more frequent class. Balanced accuracy and area under the ROC curve have intervals
    of their own, all nan where one class alone was tested. `thumbnail` is what needs no network,
    with an interval over patients alone (it learns without chance); `paper` the paper's accuracy.
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
    chance: float
    balanced: float
    balanced_low: float
    balanced_high: float
    auc: float
    auc_low: float
    auc_high: float
    thumbnail: float
    thumbnail_low: float
    thumbnail_high: float
    paper: float


class GainRow(NamedTuple):
    """An enhanced cell against the same cell without enhancement, on the rows both have.

    `before` and `after` are accuracies in [0, 1]; `change` with its interval is in percent of
    `before`. `p` is two-sided: at the test side, where the classifier is the same, by flipped signs
    of the patients' differences; else that of the interval.
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
    p: float


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


class LeakRow(NamedTuple):
    """What protocol `paper` shows beyond protocol `patient`, without enhancement.

    `patient` and `paper` are accuracies in [0, 1]; `points` is their difference, with its interval
    where both have several seeds.
    """

    task: str
    train: str
    test: str
    patient: float
    paper: float
    points: float
    low: float
    high: float


def accuracy_rows(
    predictions: Predictions, thumbnails: Predictions | None = None
) -> list[AccuracyRow]:
    """Accuracy of every cell, cells in reading order.

    Args:
        predictions: answers of classifiers.
        thumbnails: those of the method that needs no network, of some of the cells.
    """
    controls = thumbnails.cells() if thumbnails else {}
    own = {cell: scores(cell, rows) for cell, rows in predictions.cells().items()}
    known = _spreads(own)
    return [
        _accuracy_row(cell, rows, own[cell], known[cell], controls.get(cell))
        for cell, rows in predictions.cells().items()
    ]


def _accuracy_row(
    cell: Cell, rows: Predictions, own: Scores, known: Spread, control: Predictions | None
) -> AccuracyRow:
    estimate = crossed.share(own, _distinct(rows, "frame"), known)
    label = rows["label"]
    balanced = _share(crossed.estimate([measures.balanced(own, label)], known))
    auc = _share(crossed.estimate([measures.area(own, label, rows["probability"])]))
    published = published_accuracy(cell) if cell.sr == NONE else None
    plain = (
        statistics.accuracy(Sample(control.correct, control["patient"]), control["frame"])
        if control
        else statistics.Estimate(*3 * (math.nan,))
    )
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
        chance=max(float(np.mean(label == one)) for one in (0, 1)),
        balanced=balanced.value,
        balanced_low=balanced.low,
        balanced_high=balanced.high,
        auc=auc.value,
        auc_low=auc.low,
        auc_high=auc.high,
        thumbnail=plain.value,
        thumbnail_low=plain.low,
        thumbnail_high=plain.high,
        paper=math.nan if published is None else published / 100,
    )


def _share(estimate: Estimate) -> Estimate:
    """With bounds that a share can have."""
    low, high = np.clip([estimate.low, estimate.high], 0, 1)
    return estimate._replace(low=float(low), high=float(high))


def gain_rows(predictions: Predictions) -> list[GainRow]:
    """Every enhanced cell that has a counterpart without enhancement, in reading order."""
    cells = predictions.cells()
    pairs = {
        cell: pair
        for cell in cells
        if cell.sr != NONE
        for pair in matched(cells, [(cell.baseline(), cell)])
    }
    changes = _estimates({cell: _relative(cell, *pair) for cell, pair in pairs.items()})
    return [_gain_row(cell, *pair, changes[cell]) for cell, pair in pairs.items()]


def _gain_row(cell: Cell, before: Predictions, after: Predictions, change: Estimate) -> GainRow:
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
        p=_p(cell, before, after, change),
    )


def _p(cell: Cell, before: Predictions, after: Predictions, change: Estimate) -> float:
    if cell.sr_on != "test":
        return change.p
    return crossed.sign_flip([differences(cell, before, after)])


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
        gains = _changes(cells, [(cell.baseline(), cell) for cell in group])
        controls = _changes(cells, [(cell._replace(sr="bicubic"), cell) for cell in group])
        change = crossed.estimate(gains)
        control = crossed.estimate([] if sr == "bicubic" else controls)
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
    pairs = {
        cell: (cells[cell._replace(test=cell.train)], away)
        for cell, away in cells.items()
        if cell.sr == NONE and cell.train != cell.test and cell._replace(test=cell.train) in cells
    }
    changes = _estimates({cell: _relative(cell, *pair) for cell, pair in pairs.items()})
    rows = []
    for cell, (home, away) in pairs.items():
        change = changes[cell]
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


def leak_rows(predictions: Predictions) -> list[LeakRow]:
    """Every cell without enhancement that both protocols have, in reading order."""
    cells = predictions.cells()
    pairs = {
        cell: (cells[cell], cells[_leaking(cell)])
        for cell in cells
        if (cell.protocol, cell.sr) == ("patient", NONE) and _leaking(cell) in cells
    }
    changes = _estimates(
        {
            cell: measures.difference(scores(cell, apart), scores(_leaking(cell), mixed))
            for cell, (apart, mixed) in pairs.items()
        }
    )
    rows = []
    for cell, (apart, mixed) in pairs.items():
        found = changes[cell]
        repeated = min(_distinct(apart, "seed"), _distinct(mixed, "seed")) > 1
        rows.append(
            LeakRow(
                task=cell.task,
                train=cell.train,
                test=cell.test,
                patient=float(np.mean(apart.correct)),
                paper=float(np.mean(mixed.correct)),
                points=100 * found.value,
                low=100 * found.low if repeated else math.nan,
                high=100 * found.high if repeated else math.nan,
            )
        )
    return rows


def _leaking(cell: Cell) -> Cell:
    return cell._replace(protocol="paper")


def _distinct(rows: Predictions, column: str) -> int:
    return len(np.unique(rows[column]))


def scores(cell: Cell, rows: Predictions) -> Scores:
    """Answers by patient and training; a training counts once, whatever it is tested on."""
    enhanced = f"{cell.sr}-{cell.mode}" if cell.sr_on in ("train", "both") else NONE
    kind = "/".join([cell.protocol, cell.task, cell.train, enhanced, ""])
    repeated = np.char.add(kind, rows["fold"].astype(str))
    return Scores(rows.correct.astype(float), rows["patient"], repeated, rows["seed"])


def differences(cell: Cell, before: Predictions, after: Predictions) -> Scores:
    """After minus before of matched answers; the trainings of a seed count as one."""
    return scores(cell, after)._replace(score=after.correct.astype(float) - before.correct)


def _relative(cell: Cell, before: Predictions, after: Predictions) -> Scores:
    """The change in percent; the trainings of a seed, before and after, count as one."""
    return measures.relative(scores(cell, before), scores(cell, after))


def _changes(cells: dict[Cell, Predictions], comparisons: list[tuple[Cell, Cell]]) -> list[Scores]:
    return [
        _relative(after, *pair)
        for before, after in comparisons
        for pair in matched(cells, [(before, after)])
    ]


def _estimates(answers: Mapping[Cell, Scores]) -> dict[Cell, Estimate]:
    """The mean of each cell, with what all cells of its sort tell of trainings."""
    known = _spreads(answers)
    return {cell: crossed.estimate([own], known[cell]) for cell, own in answers.items()}


def _spreads(answers: Mapping[Cell, Scores]) -> dict[Cell, Spread]:
    """How far trainings lie apart in all the cells of one sort, for each cell.

    Of one sort are cells of a protocol and task; where the same classifier answers about frames
    with and without enhancement, also of one enhancement, since little of the training remains.
    """
    sorts: dict[tuple[str, ...], list[Sequence[Scores]]] = {}
    sort = {
        cell: (cell.protocol, cell.task, *((cell.sr, cell.mode) if cell.sr_on == "test" else ()))
        for cell in answers
    }
    for cell, own in answers.items():
        sorts.setdefault(sort[cell], []).append([own])
    known = {names: crossed.spread(every) for names, every in sorts.items()}
    return {cell: known[sort[cell]] for cell in answers}


def matched(
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
        *("frames", "seeds", "mode", "folds", "patients", "seed_sd", "chance"),
        *("balanced", "balanced_low", "balanced_high", "auc", "auc_low", "auc_high"),
        *("thumbnail", "thumbnail_low", "thumbnail_high", "paper"),
    ),
    "gain": (
        *Cell._fields,
        *("before", "after", "change", "low", "high", "frames", "patients", "seeds", "p"),
    ),
    "mean_gain": MeanGainRow._fields,
    "quality_cost": (
        *("protocol", "task", "train", "test", "home", "away", "change", "low", "high"),
    ),
    "leakage": LeakRow._fields,
    "super_resolution": SuperResolutionRow._fields,
}
_CHANGE = ("change", "low", "high")
_PERCENT = {
    "gain": _CHANGE,
    "mean_gain": (*_CHANGE, "bicubic_change", "bicubic_low", "bicubic_high"),
    "quality_cost": _CHANGE,
    "leakage": ("points", "low", "high"),
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
