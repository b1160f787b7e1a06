"""Which cells of the study's matrix a configuration asks for."""

from __future__ import annotations

import itertools

from echojax.config import StudyConfig
from echojax.study.predictions import Cell


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
            if sr == "none":
                cells.append(Cell(protocol, task, train, test, "none", "none", "none"))
                continue
            cells += [
                Cell(protocol, task, train, test, sr, mode, on)
                for mode, on in itertools.product(study.modes, study.sr_on)
                if all(stratum in study.enhance for stratum in sides[on])
            ]
    return cells
