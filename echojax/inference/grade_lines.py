"""Lines that turn a measure of a region into its grade: measure = slope * grade + intercept."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from echojax.inference.contrast import Rule

LOWEST, HIGHEST = 1.0, 5.0  # grades
_SIGMAS = 1.96  # of an interval that covers 95 of 100

Measure = Literal["gcnr", "cr"]


class Scores(NamedTuple):
    """Grades of the eight regions of a frame, in [1, 5]; nan where there is none.

    Attributes:
        grades: float (8,).
        low: end of their 95 % intervals; nan where the error is not known.
        high: the other end.
    """

    grades: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Line:
    """A line through grades and measures.

    Attributes:
        slope: of the measure, for one grade.
        intercept: the measure at grade 0.
        source: where the line is from, for output.
        spread: standard deviation of grades about those of the line; nan if it is not known.
    """

    slope: float
    intercept: float
    source: str
    spread: float = float("nan")

    def scores(self, measures: np.ndarray) -> Scores:
        """The grades of measures (8,), cut to the scale's ends, and so are their intervals."""
        return scores((measures - self.intercept) / self.slope, self.spread)


def scores(grades: np.ndarray, spread: float | np.ndarray) -> Scores:
    """Grades with intervals from the standard deviation of their errors, cut to [1, 5]."""
    ends = (grades, grades - _SIGMAS * spread, grades + _SIGMAS * spread)
    return Scores(*(np.clip(each, LOWEST, HIGHEST) for each in ends))


# Van De Vyver's program holds the first two, which were fitted to three cardiologists' grades. Its
# measures are matched with the black around the sector; those of the literature are not, and what
# they are for one of its values was measured (benchmarks/grade_lines.py, 7,674 regions of 972 CAMUS
# frames): CR = 1.775 * arqee's - .740, r = .955; gCNR = 2 * arqee's - 1, off by .015.
_GCNR, _CR = (0.03123, 0.7182), (0.03724, 1.0473)
LINES: dict[tuple[Measure, Rule], Line] = {
    ("gcnr", "arqee"): Line(*_GCNR, "arqee's line"),
    ("cr", "arqee"): Line(*_CR, "arqee's line"),
    ("gcnr", "literature"): Line(
        2 * _GCNR[0], 2 * _GCNR[1] - 1, "arqee's line, the halved overlap undone"
    ),
    ("cr", "literature"): Line(
        1.775 * _CR[0], 1.775 * _CR[1] - 0.740, "arqee's line, translated on CAMUS"
    ),
}
