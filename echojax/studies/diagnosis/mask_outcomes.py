"""Outcomes of masks in every cell, and what enhancement changes in them: all exploratory."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.report import crossed
from echojax.report.crossed import NOTHING, Estimate, Scores
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.mask_values import Values, values
from echojax.studies.diagnosis.outcomes import OF_MASKS
from echojax.studies.diagnosis.overlaps import Overlaps, read
from echojax.studies.diagnosis.scoring import distinct, estimates, matched, moved, scored
from echojax.vocabulary import NONE

_Pair = tuple[Values, Values]
_Changes = tuple[float, float, float, float, float, float]
_Mean = tuple[str, str, str, str]  # protocol, enhancement, mode, side


class OutcomeRow(NamedTuple):
    """An outcome in one cell, in its table's numbers: Dice in [0, 1], error of the EF in points.

    `counted` frames or patients have a value, of `patients` persons; in `unmeasured` answers of all
    seeds the network's masks give none, which leaves them out.
    """

    outcome: str
    cell: Cell
    value: float
    low: float
    high: float
    counted: int
    patients: int
    folds: int
    seeds: int
    unmeasured: int


class OutcomeGainRow(NamedTuple):
    """An enhanced cell against the same one without enhancement, on what both have values of.

    `change`, and `bicubic_change` against bicubic interpolation in the enhancement's place, are
    differences in points; an error is better when it falls. `p` as in gains of accuracy.
    """

    outcome: str
    cell: Cell
    before: float
    after: float
    change: float
    low: float
    high: float
    bicubic_change: float
    bicubic_low: float
    bicubic_high: float
    p: float
    counted: int
    patients: int
    seeds: int


class OutcomeMeanRow(NamedTuple):
    """Mean change over the cells of one enhancement, mode and side, in points."""

    outcome: str
    protocol: str
    sr: str
    mode: str
    sr_on: str
    cells: int
    change: float
    low: float
    high: float
    bicubic_change: float
    bicubic_low: float
    bicubic_high: float


class MaskOutcomes(NamedTuple):
    """All that a run's masks tell."""

    rows: list[OutcomeRow]
    gains: list[OutcomeGainRow]
    means: list[OutcomeMeanRow]


def mask_outcomes(rows: Overlaps) -> MaskOutcomes:
    """Every outcome that some answer has a value of, in reading order."""
    found = MaskOutcomes([], [], [])
    for outcome in OF_MASKS:
        every = values(rows, outcome)
        known = every.take(np.flatnonzero(~np.isnan(every["value"])))
        cells = known.cells()
        found.rows.extend(_rows(outcome, cells, every.cells()))
        found.gains.extend(_gains(outcome, cells))
        found.means.extend(_means(outcome, cells))
    return found


def of_cells(file: Path, cells: Collection[Cell]) -> list[OutcomeRow]:
    """Outcomes in some cells, from a table of masks."""
    return [row for row in mask_outcomes(read(file)).rows if row.cell in cells]


def _rows(
    outcome: str, cells: Mapping[Cell, Values], every: Mapping[Cell, Values]
) -> list[OutcomeRow]:
    found = estimates({cell: scored(cell, rows, rows["value"]) for cell, rows in cells.items()})
    limit = 1.0 if OF_MASKS[outcome].better == "higher" else math.inf
    return [
        OutcomeRow(
            outcome=outcome,
            cell=cell,
            value=found[cell].value,
            low=float(np.clip(found[cell].low, 0, limit)),
            high=float(np.clip(found[cell].high, 0, limit)),
            counted=distinct(rows, "frame"),
            patients=distinct(rows, "patient"),
            folds=distinct(rows, "fold"),
            seeds=distinct(rows, "seed"),
            unmeasured=len(every[cell]) - len(rows),
        )
        for cell, rows in cells.items()
    ]


def _gains(outcome: str, cells: Mapping[Cell, Values]) -> list[OutcomeGainRow]:
    pairs = {
        cell: pair
        for cell in cells
        if cell.sr != NONE
        for pair in matched(cells, cell.baseline(), cell)
    }
    plain = {cell: _moved(outcome, cell, pair) for cell, pair in pairs.items()}
    controls = {
        cell: _moved(outcome, cell, pair)
        for cell in pairs
        if cell.sr != "bicubic"
        for pair in matched(cells, cell._replace(sr="bicubic"), cell)
    }
    changes, over = estimates(plain), estimates(controls)
    factor = OF_MASKS[outcome].factor
    rows = []
    for cell, (before, after) in pairs.items():
        change, control = changes[cell], over.get(cell, NOTHING)
        rows.append(
            OutcomeGainRow(
                outcome,
                cell,
                factor * float(np.mean(before["value"])),
                factor * float(np.mean(after["value"])),
                *_changes(change, control),
                p=crossed.sign_flip([plain[cell]]) if cell.sr_on == "test" else change.p,
                counted=distinct(after, "frame"),
                patients=distinct(after, "patient"),
                seeds=distinct(after, "seed"),
            )
        )
    return rows


def _means(outcome: str, cells: Mapping[Cell, Values]) -> list[OutcomeMeanRow]:
    groups: dict[_Mean, list[Cell]] = {}
    for cell in cells:
        if cell.sr != NONE and matched(cells, cell.baseline(), cell):
            groups.setdefault((cell.protocol, cell.sr, cell.mode, cell.sr_on), []).append(cell)
    rows = []
    for key in ordered(groups, "protocol", "sr", "mode", "sr_on"):
        group = groups[key]
        change = _mean(outcome, cells, [(cell.baseline(), cell) for cell in group])
        others = [(cell._replace(sr="bicubic"), cell) for cell in group if cell.sr != "bicubic"]
        control = _mean(outcome, cells, others)
        rows.append(OutcomeMeanRow(outcome, *key, len(group), *_changes(change, control)))
    return rows


def _mean(
    outcome: str, cells: Mapping[Cell, Values], comparisons: Sequence[tuple[Cell, Cell]]
) -> Estimate:
    return crossed.estimate(
        [
            _moved(outcome, after, pair)
            for before, after in comparisons
            for pair in matched(cells, before, after)
        ]
    )


def _moved(outcome: str, cell: Cell, pair: _Pair) -> Scores:
    """Differences in points."""
    before, after = pair
    return moved(cell, after, OF_MASKS[outcome].factor * (after["value"] - before["value"]))


def _changes(change: Estimate, control: Estimate) -> _Changes:
    """Value, low and high of a change, and of that against bicubic interpolation."""
    return change.value, change.low, change.high, control.value, control.low, control.high
