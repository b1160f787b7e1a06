"""Methods of grading the regions of a frame: by pixels, by coherence, by a network of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from echojax.errors import InputError
from echojax.inference import contrast
from echojax.inference.contrast import Contrast, Rule
from echojax.inference.grade_lines import Line, Measure, Scores
from echojax.inference.measures import LV
from echojax.inference.regions import REGIONS, Regions

_NOTHING = Contrast(*[float("nan")] * 4)


class Seen(NamedTuple):
    """A frame and where its regions are.

    Attributes:
        frame: uint8 (rows, columns).
        inside: its sector, bool (rows, columns).
        mask: labels (rows, columns); None if nobody segmented it.
        regions: of the mask; None where there are none.
        spacing: mm between rows and between columns.
    """

    frame: np.ndarray
    inside: np.ndarray
    mask: np.ndarray | None
    regions: Regions | None
    spacing: tuple[float, float]


class Scorer(Protocol):
    """A method of grading."""

    @property
    def needs_mask(self) -> bool:
        """Whether it can do nothing without regions."""

    def __call__(self, seen: Seen) -> Scores:
        """Grade the regions of a frame; nan where a region has nothing to measure."""


@dataclass(frozen=True)
class Pixels:
    """A method that needs no network: a contrast of region and cavity, and a line.

    Attributes:
        measure: "gcnr" or "cr".
        rule: "literature" or "arqee", of `contrast`.
        line: from measure to grade.
    """

    measure: Measure
    rule: Rule
    line: Line
    needs_mask = True

    def __call__(self, seen: Seen) -> Scores:
        """Grade by contrast."""
        found = np.array([getattr(each, self.measure) for each in contrasts(seen, self.rule)])
        return self.line.scores(np.where(np.isfinite(found), found, np.nan))


def contrasts(seen: Seen, rule: Rule) -> list[Contrast]:
    """How each region of a frame stands out from the cavity; all nan where the sector has none."""
    if seen.regions is None or seen.mask is None:
        return [_NOTHING] * len(REGIONS)
    levels = contrast.levels(seen.frame, rule, seen.inside)
    cavity = seen.mask == LV
    found = []
    for region in seen.regions.masks:
        try:
            found.append(contrast.between(levels, region, cavity, rule))
        except InputError:  # no pixel in the sector
            found.append(_NOTHING)
    return found


@dataclass(frozen=True)
class Coherence:
    """A method that predicts how coherent echoes were: the mean over a region, and a line.

    Attributes:
        predict: the coherence factor, float (rows, columns), of a frame, uint8 of that shape.
        line: from it to grades.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    line: Line
    needs_mask = True

    def __call__(self, seen: Seen) -> Scores:
        """Grade by predicted coherence."""
        found = np.full(len(REGIONS), np.nan)
        if seen.regions is not None:
            predicted = self.predict(seen.frame)
            for number, region in enumerate(seen.regions.masks & seen.inside):
                if region.any():
                    found[number] = predicted[region].mean()
        return self.line.scores(found)


@dataclass(frozen=True)
class EndToEnd:
    """A method that asks a network for the grades, and needs no mask.

    Attributes:
        predict: grades of a frame, uint8 (rows, columns), and the ends of their intervals.
    """

    predict: Callable[[np.ndarray], Scores]
    needs_mask = False

    def __call__(self, seen: Seen) -> Scores:
        """Grade by the network."""
        return self.predict(seen.frame)


@dataclass(frozen=True)
class Regional:
    """A method that asks a network for the grades of regions that a mask gave.

    Attributes:
        predict: grades of a frame, uint8 (rows, columns), in its regions, and their intervals.
    """

    predict: Callable[[np.ndarray, Regions], Scores]
    needs_mask = True

    def __call__(self, seen: Seen) -> Scores:
        """Grade by the network."""
        if seen.regions is None:
            return Scores(*np.full((3, len(REGIONS)), np.nan))
        return self.predict(seen.frame, seen.regions)
