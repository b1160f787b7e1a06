"""The primary question: does super-resolution give a classifier more than interpolation does?

Fixed before any result: networks against the bicubic control, in points of accuracy, mean over the
cells of the paper's Fig. 4 at equal weights; one comparison a task, network and mode, Holm's
adjustment over those of a protocol. Everything else in a report is exploratory.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from echojax.report import crossed
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.scoring import chance, differences, matched, relative, scores
from echojax.vocabulary import GENERATORS, MODES

# (train, test, enhanced side): one side is poor, and enhanced.
CELLS = (
    ("poor", "good", "train"),
    ("poor", "medium", "train"),
    ("good", "poor", "test"),
    ("medium", "poor", "test"),
)
MARGIN = 3.0  # points; less makes no difference to anybody
LEVEL = 0.05

Finding = Literal["more", "less", "within", "same", "open", "at chance", "unanswered"]


class PrimaryRow(NamedTuple):
    """A network against bicubic interpolation, in one task and mode.

    Attributes:
        protocol: how frames were split.
        task: what was asked.
        sr: the network.
        mode: what it was used for.
        cells: how many of `CELLS` the run has; the question is answered with all of them.
        points: difference of accuracy, in points.
        low: of its 95 % interval; nan where none can be given.
        high: of the interval.
        p: two-sided.
        holm: p adjusted for the family; nan for what is not complete.
        equivalence: p of two one-sided tests against `MARGIN`.
        detectable: the smallest difference that is found in 8 of 10 such runs, points.
        percent: the difference in percent of the accuracy with bicubic interpolation.
        above: the better one's accuracy minus the share of the more frequent class, in points, mean
            over the cells.
        above_low: of its 95 % interval.
    """

    protocol: str
    task: str
    sr: str
    mode: str
    cells: int
    points: float
    low: float
    high: float
    p: float
    holm: float
    equivalence: float
    detectable: float
    percent: float
    above: float
    above_low: float

    @property
    def at_chance(self) -> bool:
        """Whether neither one's classifiers can be told from saying always the same."""
        return self.above <= 0 or self.above_low <= 0

    @property
    def finding(self) -> Finding:
        """What may be said, in a word."""
        if self.cells < len(CELLS) or math.isnan(self.low):
            return "unanswered"
        if self.at_chance:
            return "at chance"
        if self.low == self.high:
            return "same"
        if self.holm < LEVEL:
            return "more" if ACCURACY.improves(self.points) else "less"
        return "within" if self.equivalence < LEVEL else "open"

    @property
    def verdict(self) -> str:
        """What may be said."""
        if self.cells < len(CELLS):
            return f"not answered: {self.cells} of {len(CELLS)} cells are in this run"
        return {
            "unanswered": "not answered: too few trainings or patients",
            "at chance": "no verdict: the classifiers are at chance",
            "same": "not a single answer differs",
            "more": "more than bicubic",
            "less": "less than bicubic",
            "within": f"within {MARGIN:g} points of bicubic",
            "open": f"not decided; {self.detectable:.1f} points would have been found",
        }[self.finding]


def primary_rows(predictions: Predictions) -> list[PrimaryRow]:
    """Every primary comparison of which the run has a cell, in reading order."""
    cells = predictions.cells()
    asked = {
        (c.protocol, c.task, c.sr, c.mode) for c in cells if c.sr in GENERATORS and c.mode in MODES
    }
    rows = [
        row
        for key in ordered(asked, "protocol", "task", "sr", "mode")
        if (row := _row(cells, *key)) is not None
    ]
    for protocol in {row.protocol for row in rows}:
        family = [
            number
            for number, row in enumerate(rows)
            if row.protocol == protocol and row.cells == len(CELLS)
        ]
        adjusted = crossed.holm(rows[number].p for number in family)
        for number, p in zip(family, adjusted, strict=True):
            rows[number] = rows[number]._replace(holm=float(p))
    return rows


def compared(
    cells: dict[Cell, Predictions], protocol: str, task: str, sr: str, mode: str
) -> list[tuple[Cell, Predictions, Predictions]]:
    """Those of `CELLS` that a run has, with answers by bicubic interpolation and by the network."""
    after = [Cell(protocol, task, train, test, sr, mode, side) for train, test, side in CELLS]
    return [
        (cell, *pair)
        for cell in after
        if cell in cells
        for pair in matched(cells, cell._replace(sr="bicubic"), cell)
    ]


def _row(
    cells: dict[Cell, Predictions], protocol: str, task: str, sr: str, mode: str
) -> PrimaryRow | None:
    pairs = compared(cells, protocol, task, sr, mode)
    if not pairs:
        return None
    difference = crossed.estimate(
        [own._replace(score=100 * own.score) for own in (differences(*pair) for pair in pairs)]
    )
    percent = crossed.estimate([relative(*pair) for pair in pairs])
    sides = (
        _above_chance([(cell._replace(sr="bicubic"), before) for cell, before, _ in pairs]),
        _above_chance([(cell, then) for cell, _, then in pairs]),
    )
    above = max(sides, key=lambda side: side.value)
    return PrimaryRow(
        protocol=protocol,
        task=task,
        sr=sr,
        mode=mode,
        cells=len(pairs),
        points=difference.value,
        low=difference.low,
        high=difference.high,
        p=difference.p,
        holm=math.nan,
        equivalence=crossed.equivalence(difference, MARGIN),
        detectable=crossed.detectable(difference),
        percent=percent.value,
        above=100 * above.value,
        above_low=100 * above.low,
    )


def _above_chance(cells: list[tuple[Cell, Predictions]]) -> crossed.Estimate:
    """Accuracy minus the share of the more frequent class, mean over cells, in [-1, 1]."""
    return crossed.estimate(
        [
            own._replace(score=own.score - chance(rows))
            for own, rows in ((scores(cell, rows), rows) for cell, rows in cells)
        ]
    )
