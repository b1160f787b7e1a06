"""Right and wrong answers by class, and how sure they were, of every cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from echojax.report import calibration, crossed
from echojax.report.calibration import Bin
from echojax.report.crossed import Estimate, Scores
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.scoring import distinct, scores
from echojax.vocabulary import CLASSES, NONE


class ClassRow(NamedTuple):
    """The confusion matrix of a cell, over folds and seeds, and what follows from it.

    `sensitivity` is the share right of the `positive` class, `specificity` that of the `negative`
    one, in [0, 1] with intervals. `calibration` is the expected calibration error, in [0, 1].
    """

    cell: Cell
    negative: str
    positive: str
    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int
    sensitivity: float
    sensitivity_low: float
    sensitivity_high: float
    specificity: float
    specificity_low: float
    specificity_high: float
    calibration: float


def class_rows(predictions: Predictions) -> list[ClassRow]:
    """Every cell, in reading order."""
    return [_row(cell, rows) for cell, rows in predictions.cells().items()]


def _row(cell: Cell, rows: Predictions) -> ClassRow:
    negative, positive = CLASSES.get(cell.task, ("0", "1"))
    label, correct = rows["label"], rows.correct
    specificity, sensitivity = (_share_right(cell, rows, one) for one in (0, 1))
    return ClassRow(
        cell=cell,
        negative=negative,
        positive=positive,
        true_negative=int(np.sum(correct & (label == 0))),
        false_positive=int(np.sum(~correct & (label == 0))),
        false_negative=int(np.sum(~correct & (label == 1))),
        true_positive=int(np.sum(correct & (label == 1))),
        sensitivity=sensitivity.value,
        sensitivity_low=sensitivity.low,
        sensitivity_high=sensitivity.high,
        specificity=specificity.value,
        specificity_low=specificity.low,
        specificity_high=specificity.high,
        calibration=calibration.expected_error(rows["probability"], label),
    )


def reliability(predictions: Predictions, protocol: str) -> dict[tuple[str, str], list[Bin]]:
    """How right answers are that are so sure, by task and stratum tested, without enhancement."""
    groups: dict[tuple[str, str], list[Predictions]] = {}
    for cell, rows in predictions.cells().items():
        if (cell.protocol, cell.sr) == (protocol, NONE):
            groups.setdefault((cell.task, cell.test), []).append(rows)
    return {
        key: calibration.reliability(
            np.concatenate([rows["probability"] for rows in own]),
            np.concatenate([rows["label"] for rows in own]),
        )
        for key, own in groups.items()
    }


def _share_right(cell: Cell, rows: Predictions, label: int) -> Estimate:
    own = np.flatnonzero(rows["label"] == label)
    if not len(own):
        return crossed.NOTHING
    of_class = Scores(*(column[own] for column in scores(cell, rows)))
    return crossed.share(of_class, distinct(rows.take(own), "frame"))
