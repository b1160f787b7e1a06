"""Answers of cells as scores, matched and compared, and how sure their means are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echojax.report import crossed, measures
from echojax.report.crossed import Estimate, Scores
from echojax.studies.diagnosis.cell_rows import CellRows, match
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.predictions import Predictions
from echojax.vocabulary import NONE

Rows = TypeVar("Rows", bound=CellRows)


def scores(cell: Cell, rows: Predictions) -> Scores:
    """Answers by patient and training; a training counts once, whatever it is tested on."""
    return scored(cell, rows, rows.correct.astype(float))


def scored(cell: Cell, rows: CellRows, score: NDArray[Any]) -> Scores:
    """Rows of any table with a score of each, (n,), as `scores`."""
    enhanced = f"{cell.sr}-{cell.mode}" if cell.sr_on in ("train", "both") else NONE
    learner = "/".join([cell.protocol, cell.task, cell.train, enhanced])
    repeated = np.char.add(f"{learner}/", rows["fold"].astype(str))
    asked = f"{cell.sr}-{cell.mode}" if cell.sr_on == "test" else NONE
    sort = np.full(len(rows), f"{learner}/{asked}")
    return Scores(score, rows["patient"], repeated, rows["seed"], sort)


def differences(cell: Cell, before: Predictions, after: Predictions) -> Scores:
    """After minus before of matched answers; the trainings of a seed count as one."""
    return moved(cell, after, after.correct.astype(float) - before.correct)


def moved(cell: Cell, after: CellRows, score: NDArray[Any]) -> Scores:
    """Rows of any table with the difference of each from before, as `differences`."""
    return _sorted(cell, scored(cell, after, score))


def relative(cell: Cell, before: Predictions, after: Predictions) -> Scores:
    """The change in percent; the trainings of a seed, before and after, count as one."""
    return _sorted(cell, measures.relative(scores(cell, before), scores(cell, after)))


def _sorted(cell: Cell, change: Scores) -> Scores:
    """A change, of the enhancement's sort where the same training answers before and after.

    Little of the training remains in it then, and what does is alike in all classifiers.
    """
    if cell.sr_on != "test":
        return change
    sort = "/".join([cell.protocol, cell.task, cell.sr, cell.mode])
    return change._replace(sort=np.full(len(change.score), sort))


def matched(cells: Mapping[Cell, Rows], before: Cell, after: Cell) -> list[tuple[Rows, Rows]]:
    """The rows that two cells have in common, before and after; an empty list without any."""
    if before not in cells:
        return []
    index_before, index_after = match(cells[before], cells[after])
    if not len(index_after):
        return []
    return [(cells[before].take(index_before), cells[after].take(index_after))]


def changes(
    cells: dict[Cell, Predictions],
    comparisons: Iterable[tuple[Cell, Cell]],
    change: Callable[[Cell, Predictions, Predictions], Scores],
) -> list[Scores]:
    """How cells changed, by `differences` or `relative`; what has no matched rows is left out."""
    return [
        change(after, *pair)
        for before, after in comparisons
        for pair in matched(cells, before, after)
    ]


def estimates(answers: Mapping[Cell, Scores]) -> dict[Cell, Estimate]:
    """The mean of each cell, with what all cells tell of trainings of its sort."""
    known = crossed.spreads([own] for own in answers.values())
    return {cell: crossed.estimate([own], known) for cell, own in answers.items()}


def contrasts(pairs: Mapping[Cell, tuple[Scores, Scores]]) -> dict[Cell, Estimate]:
    """Mean after minus mean before, of trainings of two sorts.

    Without an interval where either was trained with one seed: elsewhere trainings of other kinds
    stand for repetitions, but two sorts differ by more than chance.
    """
    found = estimates({cell: measures.difference(*pair) for cell, pair in pairs.items()})
    return {cell: unless_single(found[cell], pair) for cell, pair in pairs.items()}


def unless_single(found: Estimate, sides: Iterable[Scores]) -> Estimate:
    """An estimate, without its interval where a side of it was trained with one seed."""
    if all(len(np.unique(side.seed)) > 1 for side in sides):
        return found
    return Estimate(found.value, *4 * (math.nan,))


def distinct(rows: CellRows, column: str) -> int:
    """How many values a column has."""
    return len(np.unique(rows[column]))


def chance(rows: Predictions) -> float:
    """Share of the more frequent class: what always the same answer would get."""
    return max(float(np.mean(rows["label"] == one)) for one in (0, 1))
