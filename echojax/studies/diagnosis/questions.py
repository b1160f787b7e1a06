"""What a study asks its networks, and what of that is not answered yet."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from echojax.data.frames import Frames
from echojax.studies.diagnosis.cell_rows import CellRows
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.learners import LearnerKey
from echojax.vocabulary import PHASES, QUALITIES, VIEWS


class Question(NamedTuple):
    """Frames that the network of one fold and seed is still to be asked about."""

    key: LearnerKey
    fold: Fold
    seed: int
    cell: Cell
    frames: np.ndarray

    @property
    def job(self) -> str:
        """Name of the job that trains the network."""
        return self.key.job(self.fold, self.seed)

    def about(self, frames: Frames, index: int) -> dict[str, object]:
        """What a table of answers says of one of the frames, and of who was asked."""
        return {
            "frame": frames.id(index),
            "patient": frames.group[index],
            "view": VIEWS[frames.view[index]],
            "phase": PHASES[frames.phase[index]],
            "quality": QUALITIES[frames.quality[index]],
            **self.cell._asdict(),
            "fold": self.fold.number,
            "seed": self.seed,
        }


class Missing(NamedTuple):
    """What a run does not have yet.

    Attributes:
        generators: kinds and folds, in the order in which they are trained.
        learners: one of the questions of each classifier and segmenter that is to be trained.
        questions: every one.
    """

    generators: list[tuple[str, Fold]]
    learners: list[Question]
    questions: list[Question]


def unanswered(
    table: CellRows,
    asked: Iterable[tuple[Cell, Fold, np.ndarray]],
    ids: Sequence[str],
    seeds: int,
) -> list[Question]:
    """What a table of answers does not have yet.

    Args:
        table: of answers.
        asked: frames of each cell and fold.
        ids: names of all frames.
        seeds: how many are asked.
    """
    answered: dict[tuple[Cell, int, int], set[str]] = {}
    for cell, rows in table.cells().items():
        for fold, seed, frame in rows.tuples("fold", "seed", "frame"):
            answered.setdefault((cell, fold, seed), set()).add(frame)
    found = []
    for cell, fold, frames in asked:
        for seed in range(seeds):
            there = answered.get((cell, fold.number, seed), set())
            missing = np.array([i for i in frames if ids[i] not in there], np.intp)
            if len(missing):
                found.append(Question(LearnerKey.of(cell), fold, seed, cell, missing))
    return found
