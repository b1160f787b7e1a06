"""Every prediction of a run, one row each, in `predictions.csv`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.studies.diagnosis.cells import Cell, ordered

_FRAME = ("frame", "patient", "view", "phase", "quality")
_ANSWER = ("fold", "seed", "probability", "label")
COLUMNS = (*_FRAME, *Cell._fields, *_ANSWER)

_DTYPES = {"fold": np.int64, "seed": np.int64, "probability": np.float64, "label": np.int64}


@dataclass(frozen=True)
class Predictions:
    """Predictions as one numpy array per name in `COLUMNS`, all of one length.

    Text columns are unicode; `fold`, `seed` and `label` (0 or 1) integers; `probability` is that
    of class 1, in [0, 1].
    """

    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["frame"])

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    def tuples(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """The values of some columns, row by row."""
        return zip(*(self[name].tolist() for name in columns), strict=True)

    def take(self, index: NDArray[np.int64]) -> Predictions:
        """The rows at `index`, in that order."""
        return Predictions({name: values[index] for name, values in self.columns.items()})

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is right; a probability of 0.5 and more predicts class 1."""
        return (self["probability"] >= 0.5) == (self["label"] == 1)

    def cells(self) -> dict[Cell, Predictions]:
        """The rows of each cell, cells in reading order (good before medium before poor...)."""
        return self._cells

    @cached_property
    def _cells(self) -> dict[Cell, Predictions]:
        members: dict[Cell, list[int]] = {}
        for row, names in enumerate(self.tuples(*Cell._fields)):
            members.setdefault(Cell(*names), []).append(row)
        cells = ordered(members, *Cell._fields)
        return {cell: self.take(np.array(members[cell])) for cell in cells}


def match(
    before: Predictions, after: Predictions, *key: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices into two cells of the rows both have: alike in some columns.

    By default those are frame, fold and seed. Both arrays have shape (n,), in the order of `after`.
    """
    key = key or ("frame", "fold", "seed")
    rows_before = {of: row for row, of in enumerate(before.tuples(*key))}
    pairs = [
        (rows_before[of], row) for row, of in enumerate(after.tuples(*key)) if of in rows_before
    ]
    index = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return index[:, 0], index[:, 1]


def append(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Add rows to a predictions file in one write, starting the file where there is none.

    A line that an earlier crash cut off (no newline at its end) is removed first.

    Args:
        path: the file.
        rows: mappings from every name in `COLUMNS` to its value.

    Raises:
        InputError: if the file has another header.
        ValueError: if a row lacks a column, has one too many, or a probability that is none.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    for row in rows:
        if missing := set(COLUMNS) - set(row):
            raise ValueError(f"prediction without {', '.join(sorted(missing))}")
        # Nine digits carry a float32 exactly, so that a class never flips at 0.5.
        probability = float(cast(float, row["probability"]))
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability is {probability}")
        writer.writerow({**row, "probability": f"{probability:.9g}"})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        kept = _complete(file.read())
        file.truncate(len(kept))
        header = ",".join(COLUMNS) + "\n"
        if kept:
            _check_header(path, kept.split(b"\n", 1)[0].decode())
            header = ""
        file.write((header + text.getvalue()).encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Predictions:
    """Read a predictions file.

    A missing file gives no rows, a last line that a crash cut off (no newline) is dropped, and of
    rows that a resumed run wrote twice the later one counts.

    Raises:
        InputError: if the header or a line is not what `append` writes; names file and line.
    """
    text = _complete(path.read_bytes()).decode() if path.is_file() else ""
    lines = csv.reader(io.StringIO(text, newline=""))
    header = next(lines, None)
    if header is None:
        return _from_rows([])
    _check_header(path, ",".join(header))
    rows = []
    for number, row in enumerate(lines, start=2):
        _check_row(path, number, row)
        rows.append(row)
    found = _from_rows(rows)
    questions = found.tuples("frame", *Cell._fields, "fold", "seed")
    latest = {question: row for row, question in enumerate(questions)}
    return found.take(np.array(list(latest.values()), np.int64))


def _complete(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _check_header(path: Path, header: str) -> None:
    if header.strip() != ",".join(COLUMNS):
        raise InputError(
            f"{path}: the header is '{header.strip()[:200]}'; expected '{','.join(COLUMNS)}'. "
            "Move the file away or start the run anew with --overwrite."
        )


def _check_row(path: Path, number: int, row: list[str]) -> None:
    try:
        value = dict(zip(COLUMNS, row, strict=True))
        sound = 0.0 <= float(value["probability"]) <= 1.0 and value["label"] in ("0", "1")
        sound = sound and int(value["fold"]) >= 0 and int(value["seed"]) >= 0
    except ValueError:
        sound = False
    if not sound:
        raise InputError(
            f"{path}, line {number}: {','.join(row)[:200]!r} is not a prediction; expected "
            f"{len(COLUMNS)} values, a probability between 0 and 1 and a label 0 or 1 at the end."
        )


def _from_rows(rows: list[list[str]]) -> Predictions:
    columns: list[tuple[str, ...]] = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    named = zip(COLUMNS, columns, strict=True)
    return Predictions({name: np.array(v, dtype=_DTYPES.get(name, str)) for name, v in named})
