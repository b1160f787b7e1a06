"""What an enhancement does to frames and to answers: how far it moves either, whatever the truth.

How far it moves frames is measured while a study runs and kept in `manipulation.csv`, a row for
each protocol, fold, enhancement, mode and quality; answers are in `predictions.csv`.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.inference.sector import rms_change
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.predictions import Predictions, match
from echojax.vocabulary import NONE

if TYPE_CHECKING:
    from echojax.studies.diagnosis.folds import Fold
    from echojax.studies.diagnosis.inputs import Inputs


class Measured(NamedTuple):
    """How far an enhancement moves the frames of one quality that a fold tests.

    Attributes:
        protocol: how frames were split.
        fold: number of the fold.
        sr: the enhancement.
        mode: of it.
        quality: of the frames.
        frames: how many there are.
        rms: root mean square of the change of the classifier's input in the sector, averaged over
            frames before the root; gray levels of 255.
    """

    protocol: str
    fold: int
    sr: str
    mode: str
    quality: str
    frames: int
    rms: float


class ManipulationRow(NamedTuple):
    """What an enhancement moves where only what is tested is enhanced.

    Attributes:
        protocol: how frames were split.
        sr: the enhancement.
        mode: of it.
        quality: of the frames.
        rms: of `Measured`, over all folds, gray levels of 255.
        changed: percent of answers that are others with the enhancement, of the same classifiers;
            nan where none were asked.
        seed_changed: percent of answers without enhancement that are others with another seed; nan
            with one seed.
    """

    protocol: str
    sr: str
    mode: str
    quality: str
    rms: float
    changed: float
    seed_changed: float


def measure(file: Path, inputs: Inputs, fold: Fold, cells: Iterable[Cell]) -> None:
    """Add what is missing in `manipulation.csv` of the frames that a fold tests enhanced.

    Args:
        file: `manipulation.csv` of the run.
        inputs: what classifiers see.
        fold: the fold.
        cells: of which those of the fold's protocol that enhance what is tested count.

    Raises:
        InputError: as `read`.
    """
    asked = {
        (cell.sr, cell.mode, cell.test)
        for cell in cells
        if cell.protocol == fold.protocol and cell.sr_on in ("test", "both")
    }
    rows = read(file)
    there = {row[:5] for row in rows}
    missing = [
        names
        for names in ordered(asked, "sr", "mode", "test")
        if (fold.protocol, fold.number, *names) not in there
    ]
    for sr, mode, quality in missing:
        tested = fold.others[quality]
        plain = inputs.of(tested, fold, NONE, NONE)
        rms = rms_change(plain, inputs.of(tested, fold, sr, mode))
        rows.append(Measured(fold.protocol, fold.number, sr, mode, quality, len(tested), rms))
    if missing:
        _write(file, rows)


def _write(file: Path, rows: Sequence[Measured]) -> None:
    with written_whole(file) as aside, aside.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Measured._fields)
        writer.writerows((*row[:-1], f"{row.rms:.6g}") for row in rows)


def read(file: Path) -> list[Measured]:
    """Read `manipulation.csv`; a missing file gives no rows.

    Raises:
        InputError: a line is not what `measure` writes.
    """
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        lines = list(csv.reader(stream))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            protocol, fold, sr, mode, quality, frames, rms = line
            row = Measured(protocol, int(fold), sr, mode, quality, int(frames), float(rms))
        except ValueError as error:
            raise InputError(
                f"{file}, line {number}: {','.join(line)[:200]!r} is not "
                f"{','.join(Measured._fields)}; delete the file, --resume makes it again"
            ) from error
        rows.append(row)
    return rows


def manipulation_rows(
    measured: Sequence[Measured], predictions: Predictions
) -> list[ManipulationRow]:
    """A row for every protocol, enhancement, mode and quality that was measured, in reading order.

    Answers of all tasks, training strata, folds and seeds count alike.
    """
    cells = predictions.cells()
    keys = {(row.protocol, row.sr, row.mode, row.quality) for row in measured}
    return [_row(key, measured, cells) for key in ordered(keys, "protocol", "sr", "mode", "test")]


def _row(
    key: tuple[str, str, str, str],
    measured: Sequence[Measured],
    cells: dict[Cell, Predictions],
) -> ManipulationRow:
    own = [row for row in measured if (row.protocol, row.sr, row.mode, row.quality) == key]
    squares = np.average([row.rms**2 for row in own], weights=[row.frames for row in own])
    pairs = [
        (cells[cell.baseline()], rows)
        for cell, rows in cells.items()
        if (cell.protocol, cell.sr, cell.mode, cell.test) == key
        and cell.sr_on == "test"
        and cell.baseline() in cells
    ]
    return ManipulationRow(
        *key,
        rms=float(np.sqrt(squares)),
        changed=_percent([_differ(before, after) for before, after in pairs]),
        seed_changed=_percent([each for before, _ in pairs for each in _between_seeds(before)]),
    )


def _between_seeds(rows: Predictions) -> list[np.ndarray]:
    """Whether answers to the same frames in the same fold differ, for every two seeds."""
    of_seed = [rows.take(np.flatnonzero(rows["seed"] == seed)) for seed in np.unique(rows["seed"])]
    return [_differ(*two, "frame", "fold") for two in itertools.combinations(of_seed, 2)]


def _differ(one: Predictions, other: Predictions, *key: str) -> np.ndarray:
    first, second = match(one, other, *key)
    return (one["probability"][first] >= 0.5) != (other["probability"][second] >= 0.5)


def _percent(parts: Sequence[np.ndarray]) -> float:
    """Of all parts together; nan of nothing."""
    every = np.concatenate([*parts, np.empty(0, bool)])
    return 100 * float(every.mean()) if len(every) else math.nan
