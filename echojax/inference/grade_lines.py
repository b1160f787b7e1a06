"""Lines that turn a measure of a region into its grade: measure = slope * grade + intercept."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from echojax.inference.contrast import Rule

LOWEST, HIGHEST = 1.0, 5.0  # grades
_SIGMAS = 1.96  # of an interval that covers 95 of 100

Measure = Literal["gcnr", "cr"]


class Scores(NamedTuple):
    """Grades of the eight regions, in the order of `regions.REGIONS`; nan where there is none.

    Attributes:
        grades: float (8,), or (n, 8) of several frames, in [1, 5].
        low: end of the intervals that a method gives; nan where the error is not known.
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


# The first two are those of Van De Vyver's public program, fitted to three cardiologists' grades;
# their error is not told. The others were fitted to the grades that the simulator knows, 1,247
# regions of 39 simulated persons (benchmarks/grade_truth.py). Of CAMUS's regions the first two put
# half beyond the scale, the others a sixth (CR) and a quarter (benchmarks/grade_lines.py).
_OURS = "line of simulated frames"
LINES: dict[tuple[Measure, Rule], Line] = {
    ("gcnr", "arqee"): Line(0.03123, 0.7182, "arqee's line"),
    ("cr", "arqee"): Line(0.03724, 1.0473, "arqee's line"),
    ("gcnr", "literature"): Line(0.1789, -0.0860, _OURS, 0.87),
    ("cr", "literature"): Line(0.1386, 0.7636, _OURS, 1.09),
}
COHERENCE = Line(0.1000, 0.3016, _OURS, 1.03)  # of true coherence, its square root
