"""What enhancement changes, cell by cell and on the mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from echojax.report import crossed
from echojax.report.corrected import corrected_t
from echojax.report.crossed import NOTHING, Estimate, Floats
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.scoring import (
    changes,
    differences,
    distinct,
    estimates,
    matched,
    relative,
)
from echojax.vocabulary import NONE


class GainRow(NamedTuple):
    """An enhanced cell against the same cell without enhancement, on the rows both have.

    `before` and `after` are accuracies in [0, 1]; `change` with its interval is in percent of
    `before`. `p` is two-sided: at the test side, where the classifier is the same, by flipped signs
    of the patients' differences; else that of the interval. `points` is the difference in points.
    `trainings` is how many differences of a fold and seed there are; where the classifiers differ,
    the `corrected` t test is over these (`report/corrected.py`), nan where there are too few.
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
    points: float
    points_low: float
    points_high: float
    trainings: int
    corrected_low: float
    corrected_high: float
    corrected_p: float


class MeanGainRow(NamedTuple):
    """Mean change over all enhanced cells of one SR and mode, in percent and in points.

    `bicubic_change` and `bicubic_points` are against the bicubic control instead of against no
    enhancement, over the cells that have one; nan for bicubic itself or without a control.
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
    points: float
    points_low: float
    points_high: float
    bicubic_points: float
    bicubic_points_low: float
    bicubic_points_high: float


def gain_rows(predictions: Predictions, parts: int) -> list[GainRow]:
    """Every enhanced cell that has a counterpart without enhancement, in reading order.

    Args:
        predictions: of a run.
        parts: how many its strata were cut into; one tests, the others train.
    """
    cells = predictions.cells()
    pairs = {
        cell: pair
        for cell in cells
        if cell.sr != NONE
        for pair in matched(cells, cell.baseline(), cell)
    }
    percent = estimates({cell: relative(cell, *pair) for cell, pair in pairs.items()})
    points = estimates({cell: differences(cell, *pair) for cell, pair in pairs.items()})
    return [
        _gain_row(cell, *pair, percent[cell], points[cell], parts) for cell, pair in pairs.items()
    ]


def _gain_row(
    cell: Cell,
    before: Predictions,
    after: Predictions,
    change: Estimate,
    points: Estimate,
    parts: int,
) -> GainRow:
    by_training = _by_training(before, after)
    corrected = NOTHING
    if cell.sr_on != "test":
        corrected = corrected_t(by_training, _test_to_train(cell, parts))
    return GainRow(
        cell=cell,
        before=float(np.mean(before.correct)),
        after=float(np.mean(after.correct)),
        change=change.value,
        low=change.low,
        high=change.high,
        frames=distinct(after, "frame"),
        patients=distinct(after, "patient"),
        seeds=distinct(after, "seed"),
        p=_p(cell, before, after, change),
        points=100 * points.value,
        points_low=100 * points.low,
        points_high=100 * points.high,
        trainings=len(by_training),
        corrected_low=100 * corrected.low,
        corrected_high=100 * corrected.high,
        corrected_p=corrected.p,
    )


def _by_training(before: Predictions, after: Predictions) -> Floats:
    """Mean difference of each fold and seed."""
    training, trainings = crossed.numbered(after["fold"], after["seed"])
    moved = after.correct.astype(float) - before.correct
    return np.bincount(training, moved, trainings) / np.bincount(training, minlength=trainings)


def _test_to_train(cell: Cell, parts: int) -> float:
    """Frames tested to frames learned from; strata are of one size."""
    # The paper's protocol tests other strata than the trained one whole.
    tested = parts if cell.protocol == "paper" and cell.train != cell.test else 1
    return tested / (parts - 1)


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
        plain = [(cell.baseline(), cell) for cell in group]
        controls = [] if sr == "bicubic" else [(c._replace(sr="bicubic"), c) for c in group]
        gains = changes(cells, plain, relative)
        change = crossed.estimate(gains)
        points = crossed.estimate(changes(cells, plain, differences))
        control = crossed.estimate(changes(cells, controls, relative))
        control_points = crossed.estimate(changes(cells, controls, differences))
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
                points=100 * points.value,
                points_low=100 * points.low,
                points_high=100 * points.high,
                bicubic_points=100 * control_points.value,
                bicubic_points_low=100 * control_points.low,
                bicubic_points_high=100 * control_points.high,
            )
        )
    return rows


def published_gain(cell: Cell) -> float | None:
    """The paper's change of a cell in percent, if it has one; the paper enhances the poor side."""
    poor_side = "train" if cell.train == "poor" else "test"
    if cell.sr_on != poor_side:
        return None
    return paper.GAIN.get((cell.task, cell.train, cell.test))


def published_points(cell: Cell) -> float | None:
    """The paper's change of a cell in points, from its change in percent and its accuracy."""
    change = published_gain(cell)
    return (
        None if change is None else change / 100 * paper.BASELINE[cell.task, cell.train, cell.test]
    )
