"""The frames that enhancement helped most and harmed most."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.report import tables
from echojax.studies.diagnosis.cells import Cell, in_order
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.scoring import matched
from echojax.vocabulary import CLASSES, GENERATORS, MODES

NAME = "changed_frames.csv"
_MOST = 3  # of either kind and task
# A network says more than a control, and a restored frame changes more than an enlarged one.
_FIRST = (*GENERATORS, "restore", "good")


class ChangedFrame(NamedTuple):
    """A frame with the probability that its true class was given, without and with enhancement.

    `kind` is "gain" or "harm", `place` counts from 0, the largest first. The probabilities are
    means over folds and seeds; `fold` is one that tests the frame.
    """

    task: str
    kind: str
    place: int
    frame: str
    quality: str
    true_class: str
    protocol: str
    train: str
    test: str
    sr: str
    mode: str
    fold: int
    without: float
    enhanced: float

    @property
    def key(self) -> str:
        """Under which `examples.npz` has its pictures, `_without` and `_enhanced`."""
        return f"changed_{self.task}_{self.kind}_{self.place}"


def most_changed(predictions: Predictions) -> list[ChangedFrame]:
    """Of each task the frames of the largest gain and the largest harm, in one cell.

    The cell is one whose test frames alone were enhanced, so that the classifier is the same.
    """
    cells = predictions.cells()
    compared = [c for c in cells if c.sr_on == "test" and c.baseline() in cells]
    found = []
    for task in in_order((cell.task for cell in compared), "task"):
        cell = min((c for c in compared if c.task == task), key=_preference)
        for before, after in matched(cells, cell.baseline(), cell):
            found += _of_cell(cell, before, after)
    return found


def _preference(cell: Cell) -> tuple[int, ...]:
    order = (*_FIRST, *(mode for mode in MODES if mode not in _FIRST))
    return tuple((*order, name).index(name) for name in (cell.sr, cell.mode, cell.train))


def _of_cell(cell: Cell, before: Predictions, after: Predictions) -> list[ChangedFrame]:
    frames, first, number = np.unique(after["frame"], return_index=True, return_inverse=True)
    times = np.bincount(number)
    without, enhanced = (
        np.bincount(number, np.where(rows["label"] == 1, p, 1 - p)) / times
        for rows, p in ((before, before["probability"]), (after, after["probability"]))
    )
    order = np.argsort(without - enhanced, kind="stable")  # the largest gain first
    moved = (enhanced - without)[order]
    chosen = {"gain": order[moved > 0][:_MOST], "harm": order[moved < 0][::-1][:_MOST]}
    return [
        ChangedFrame(
            task=cell.task,
            kind=kind,
            place=place,
            frame=str(frames[of]),
            quality=str(after["quality"][first[of]]),
            true_class=CLASSES[cell.task][int(after["label"][first[of]])],
            protocol=cell.protocol,
            train=cell.train,
            test=cell.test,
            sr=cell.sr,
            mode=cell.mode,
            fold=int(after["fold"][first[of]]),
            without=float(without[of]),
            enhanced=float(enhanced[of]),
        )
        for kind, places in chosen.items()
        for place, of in enumerate(places)
    ]


def write(run: Path, rows: list[ChangedFrame]) -> None:
    """Write the frames into the tables of a run."""
    tables.write(run / "tables" / NAME, ChangedFrame._fields, map(ChangedFrame._asdict, rows))


def read(run: Path) -> list[ChangedFrame]:
    """Read what `write` wrote; none where a run, of an older version, has no such table.

    Raises:
        InputError: the table cannot be understood.
    """
    return tables.read_rows(run / "tables" / NAME, ChangedFrame)
