"""Methods that come from files: predicted coherence, and networks that grade regions themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from echojax.data.frames import Frames
from echojax.inference.coherence import CoherenceNetwork
from echojax.inference.grade_lines import COHERENCE
from echojax.inference.regional_quality import Grader
from echojax.inference.scorers import Coherence, Scorer, Seen
from echojax.studies.grading import apart
from echojax.studies.grading.config import GradingConfig
from echojax.studies.grading.methods import Said, Shown

KEYS = {"coherence": "coherence", "end-to-end": "grader"}  # settings that name files


def _coherence(file: Path) -> Scorer:
    return Coherence(CoherenceNetwork.load(file), COHERENCE)


def _end_to_end(file: Path) -> Scorer:
    return Grader.load(file).scorer


# What reads the file of a method, by the setting that names it.
LOADERS: dict[str, Callable[[Path], Scorer]] = {
    "grading.coherence": _coherence,
    "grading.grader": _end_to_end,
}


@dataclass(frozen=True)
class Trained:
    """A method whose networks were trained: one, or one for each part of the persons.

    Attributes:
        key: of the setting, as "grading.grader".
        files: of the networks.
        frames: of the study.
    """

    key: str
    files: list[Path]
    frames: Frames

    def knows(self, index: int) -> bool:
        """Whether all of its networks have learned from the person of a frame."""
        return bool(self._places[index] == apart.NO_FILE)

    def load(self) -> None:
        """Read its networks now, so that nothing is begun that cannot be done.

        Raises:
            InputError: a file is not there, or holds no network of this kind.
        """
        _ = self._scorers

    def scores(self, index: int, shown: Shown) -> Said:
        """What the network that does not know a frame's person says of the frame."""
        return self._scored(self._scorers[int(self._places[index])], shown)

    def simulated(self, shown: Shown) -> Said:
        """What the first of its networks says of a frame that was simulated for this study."""
        return self._scored(self._scorers[0], shown)

    def _scored(self, scorer: Scorer, shown: Shown) -> Said:
        seen = Seen(shown.image, shown.inside, shown.mask, shown.regions, shown.spacing)
        # It knows regions alone: their mean, as a second measure, would only count them twice.
        return Said(float("nan"), scorer(seen).grades)

    @cached_property
    def _places(self) -> np.ndarray:
        return apart.places(self.files, self.frames)

    @cached_property
    def _scorers(self) -> list[Scorer]:
        return [LOADERS[self.key](file) for file in self.files]


def of(config: GradingConfig, frames: Frames) -> dict[str, Trained]:
    """The methods whose files are named, by name.

    Raises:
        InputError: a file is not there, or holds no network that grades.
    """
    return dict(_named(config, frames))


def _named(config: GradingConfig, frames: Frames) -> Iterator[tuple[str, Trained]]:
    for method, setting in KEYS.items():
        named, key = getattr(config, setting), f"grading.{setting}"
        if not named:
            continue
        found = Trained(key, apart.files(named, key), frames)
        found.load()
        yield method, found
