"""What poor quality costs, and what leakage adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from echojax.report import measures
from echojax.report.crossed import Scores
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.predictions import Predictions, match
from echojax.studies.diagnosis.scoring import (
    contrasts,
    differences,
    estimates,
    relative,
    scores,
)
from echojax.vocabulary import NONE

_VIEW = ("patient", "view", "phase")  # what is seen, whatever its quality


class CostRow(NamedTuple):
    """What testing on another stratum than the trained one costs, without enhancement.

    `home` and `away` are accuracies in [0, 1]; `change` is in percent of `home`, `points` in points
    of accuracy. `paired` says that both strata show the same views of the same persons, so that the
    points are those of persons seen twice: a cause, and no mere association.
    """

    cell: Cell
    home: float
    away: float
    change: float
    low: float
    high: float
    points: float
    points_low: float
    points_high: float
    paired: bool


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


def cost_rows(predictions: Predictions) -> list[CostRow]:
    """Every cell off the diagonal without enhancement against the diagonal of its train stratum."""
    cells = predictions.cells()
    pairs = {
        cell: (cells[cell._replace(test=cell.train)], away)
        for cell, away in cells.items()
        if cell.sr == NONE and cell.train != cell.test and cell._replace(test=cell.train) in cells
    }
    changes = estimates({cell: relative(cell, *pair) for cell, pair in pairs.items()})
    paired = {cell: _same_views(*pair) for cell, pair in pairs.items()}
    points = estimates(
        {
            cell: _paired(cell, *pair)
            if paired[cell]
            else measures.difference(*(scores(cell, rows) for rows in pair))
            for cell, pair in pairs.items()
        }
    )
    rows = []
    for cell, (home, away) in pairs.items():
        change, difference = changes[cell], points[cell]
        rows.append(
            CostRow(
                cell=cell,
                home=float(np.mean(home.correct)),
                away=float(np.mean(away.correct)),
                change=change.value,
                low=change.low,
                high=change.high,
                points=100 * difference.value,
                points_low=100 * difference.low,
                points_high=100 * difference.high,
                paired=paired[cell],
            )
        )
    return rows


def _same_views(one: Predictions, other: Predictions) -> bool:
    """Whether two strata show the same views of the same persons."""
    return set(one.tuples(*_VIEW)) == set(other.tuples(*_VIEW))


def _paired(cell: Cell, home: Predictions, away: Predictions) -> Scores:
    """Differences of the same views, of two qualities, by the same training."""
    at_home, at_away = match(home, away, *_VIEW, "fold", "seed")
    return differences(cell, home.take(at_home), away.take(at_away))


def leak_rows(predictions: Predictions) -> list[LeakRow]:
    """Every cell without enhancement that both protocols have, in reading order."""
    cells = predictions.cells()
    pairs = {
        cell: (cells[cell], cells[_leaking(cell)])
        for cell in cells
        if (cell.protocol, cell.sr) == ("patient", NONE) and _leaking(cell) in cells
    }
    changes = contrasts(
        {
            cell: (scores(cell, apart), scores(_leaking(cell), mixed))
            for cell, (apart, mixed) in pairs.items()
        }
    )
    return [
        LeakRow(
            task=cell.task,
            train=cell.train,
            test=cell.test,
            patient=float(np.mean(apart.correct)),
            paper=float(np.mean(mixed.correct)),
            points=100 * changes[cell].value,
            low=100 * changes[cell].low,
            high=100 * changes[cell].high,
        )
        for cell, (apart, mixed) in pairs.items()
    ]


def _leaking(cell: Cell) -> Cell:
    return cell._replace(protocol="paper")
