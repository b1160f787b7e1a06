"""The cells of the study's matrix: what one is, their reading order, which ones are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from echojax.errors import InputError
from echojax.studies.diagnosis.config import StudyConfig
from echojax.vocabulary import ENHANCEMENTS, MODES, NONE, PROTOCOLS, QUALITIES, SIDES, TASKS

Names = TypeVar("Names", bound=tuple[str, ...])


class Cell(NamedTuple):
    """One cell of the study's matrix: what was trained, tested and enhanced, and how.

    Its fields are columns of `predictions.csv` and of the tables.
    """

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    mode: str
    sr_on: str

    def baseline(self) -> Cell:
        """The same cell without any enhancement."""
        return self._replace(sr=NONE, mode=NONE, sr_on=NONE)


_WORDS: dict[str, tuple[str, ...]] = {
    "protocol": PROTOCOLS,
    "task": TASKS,
    "train": QUALITIES,
    "test": QUALITIES,
    "sr": ENHANCEMENTS,
    "mode": (NONE, *MODES),
    "sr_on": (NONE, *SIDES),
}


def in_order(names: Iterable[str], column: str) -> list[str]:
    """Distinct names of a cell's field in reading order, unknown ones last, by the alphabet."""
    return sorted(set(names), key=lambda name: _place(column, name))


def ordered(keys: Iterable[Names], *columns: str) -> list[Names]:
    """Distinct tuples of names, one name for each of the fields of a cell, in reading order."""
    return sorted(
        set(keys),
        key=lambda key: [_place(column, name) for column, name in zip(columns, key, strict=True)],
    )


def _place(column: str, name: str) -> tuple[int, str]:
    return (*_WORDS[column], name).index(name), name


def all_cells(study: StudyConfig) -> list[Cell]:
    """Every cell a configuration asks for.

    A side is enhanced where its stratum is in `study.enhance`; "both" needs both sides to be.
    """
    cells = []
    for protocol, task, train, test in itertools.product(
        study.protocols, study.tasks, study.train, study.test
    ):
        sides = {"train": [train], "test": [test], "both": [train, test]}
        for sr in study.sr:
            if sr == NONE:
                cells.append(Cell(protocol, task, train, test, NONE, NONE, NONE))
                continue
            cells += [
                Cell(protocol, task, train, test, sr, mode, on)
                for mode, on in itertools.product(study.modes, study.sr_on)
                if all(stratum in study.enhance for stratum in sides[on])
            ]
    return cells


def cells_of(
    study: StudyConfig, tasks: Sequence[str], train: str, test: str, sr: str, sr_on: str | None
) -> list[Cell]:
    """The cells of one combination, over protocols, tasks and modes.

    Args:
        study: gives protocols and modes.
        tasks: "view", "phase".
        train: stratum trained on.
        test: stratum tested on.
        sr: enhancement, or "none".
        sr_on: "train", "test", "both"; None for the sides whose stratum is in `study.enhance`.

    Raises:
        InputError: `sr_on` is None and neither side is to be enhanced.
    """
    if sr == NONE:
        return [Cell(p, t, train, test, NONE, NONE, NONE) for p in study.protocols for t in tasks]
    if sr_on is None:
        sides = train in study.enhance, test in study.enhance
        if not any(sides):
            raise InputError(
                f"neither {train} nor {test} frames are in study.enhance = "
                f"{list(study.enhance)}; say which to enhance with --sr-on train, test or both"
            )
        sr_on = "both" if all(sides) else "train" if sides[0] else "test"
    return [
        Cell(protocol, task, train, test, sr, mode, sr_on)
        for protocol in study.protocols
        for task in tasks
        for mode in study.modes
    ]
