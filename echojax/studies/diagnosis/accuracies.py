"""Accuracy of every cell, and what stands beside it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.report import crossed, measures, statistics
from echojax.report.crossed import Estimate, Scores, Spreads
from echojax.report.statistics import Sample
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.predictions import Predictions, match, read
from echojax.studies.diagnosis.scoring import chance, distinct, scores
from echojax.vocabulary import NONE


class AccuracyRow(NamedTuple):
    """One cell: accuracy with its interval in [0, 1], and on what it rests.

    `frames` and `patients` are distinct ones; `seed_sd` is nan with a single seed. `chance` is the
    share of the more frequent class. Balanced accuracy and area under the ROC curve have intervals
    of their own, all nan where one class alone was tested. `thumbnail` is what needs no network,
    with an interval over patients alone (it learns without chance), and `over_thumbnail` how many
    points the classifier is above it on the same frames; `paper` is the paper's accuracy.
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
    over_thumbnail: float
    over_thumbnail_low: float
    over_thumbnail_high: float
    paper: float

    @property
    def at_chance(self) -> bool:
        """Whether it cannot be told from saying always the same."""
        return self.accuracy <= self.chance or self.low <= self.chance


class TrainingRow(NamedTuple):
    """What one training of a cell is right on: accuracy in [0, 1] over `frames` answers."""

    cell: Cell
    fold: int
    seed: int
    accuracy: float
    frames: int


def training_rows(predictions: Predictions) -> list[TrainingRow]:
    """Every training of every cell, by fold and seed."""
    rows = []
    for cell, own in predictions.cells().items():
        pairs = np.stack([own["fold"], own["seed"]], axis=1)
        trainings, number = np.unique(pairs, axis=0, return_inverse=True)
        frames = np.bincount(number.ravel())
        shares = np.bincount(number.ravel(), own.correct) / frames
        rows += [
            TrainingRow(cell, int(fold), int(seed), float(share), int(n))
            for (fold, seed), share, n in zip(trainings, shares, frames, strict=True)
        ]
    return rows


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
    known = crossed.spreads([answers] for answers in own.values())
    return [
        _accuracy_row(cell, rows, own[cell], known, controls.get(cell))
        for cell, rows in predictions.cells().items()
    ]


def of_cells(file: Path, cells: Collection[Cell]) -> list[AccuracyRow]:
    """Accuracy of some cells, from a table of predictions."""
    return [row for row in accuracy_rows(read(file)) if row.cell in cells]


def _accuracy_row(
    cell: Cell, rows: Predictions, own: Scores, known: Spreads, control: Predictions | None
) -> AccuracyRow:
    estimate = crossed.share(own, distinct(rows, "frame"), known)
    label = rows["label"]
    balanced = _share(crossed.estimate([measures.balanced(own, label)], known))
    auc = _share(crossed.estimate([measures.area(own, label, rows["probability"])]))
    published = published_accuracy(cell) if cell.sr == NONE else None
    plain = (
        statistics.accuracy(Sample(control.correct, control["patient"]), control["frame"])
        if control
        else statistics.Estimate(*3 * (math.nan,))
    )
    over = _over(cell, rows, known, control)
    return AccuracyRow(
        cell=cell,
        accuracy=estimate.value,
        low=estimate.low,
        high=estimate.high,
        frames=distinct(rows, "frame"),
        patients=distinct(rows, "patient"),
        folds=distinct(rows, "fold"),
        seeds=distinct(rows, "seed"),
        seed_sd=statistics.seed_deviation(rows.correct, rows["seed"]),
        chance=chance(rows),
        balanced=balanced.value,
        balanced_low=balanced.low,
        balanced_high=balanced.high,
        auc=auc.value,
        auc_low=auc.low,
        auc_high=auc.high,
        thumbnail=plain.value,
        thumbnail_low=plain.low,
        thumbnail_high=plain.high,
        over_thumbnail=100 * over.value,
        over_thumbnail_low=100 * over.low,
        over_thumbnail_high=100 * over.high,
        paper=math.nan if published is None else published / 100,
    )


def _over(cell: Cell, rows: Predictions, known: Spreads, control: Predictions | None) -> Estimate:
    """The classifier's accuracy minus the thumbnail's."""
    if control is None:
        return crossed.NOTHING
    # The thumbnail has one training a fold, which every seed is compared with.
    before, after = match(control, rows, "frame", "fold")
    own = rows.take(after)
    over = own.correct.astype(float) - control.take(before).correct
    return crossed.estimate([scores(cell, own)._replace(score=over)], known)


def _share(estimate: Estimate) -> Estimate:
    """With bounds that a share can have."""
    low, high = np.clip([estimate.low, estimate.high], 0, 1)
    return estimate._replace(low=float(low), high=float(high))


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
