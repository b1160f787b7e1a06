"""Every prediction of a run, one row each, in `predictions.csv`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.vocabulary import ENHANCEMENTS, MODES, NONE, PROTOCOLS, QUALITIES, SIDES, TASKS

COLUMNS = (
    "frame",
    "patient",
    "view",
    "phase",
    "quality",
    "protocol",
    "task",
    "train",
    "test",
    "sr",
    "mode",
    "sr_on",
    "fold",
    "seed",
    "probability",
    "label",
)

_DTYPES = {"fold": np.int64, "seed": np.int64, "probability": np.float64, "label": np.int64}
# The order in which a reader expects names; names not listed follow alphabetically.
_ORDER: dict[str, tuple[str, ...]] = {
    "protocol": PROTOCOLS,
    "task": TASKS,
    "train": QUALITIES,
    "test": QUALITIES,
    "sr": ENHANCEMENTS,
    "mode": (NONE, *MODES),
    "sr_on": (NONE, *SIDES),
}


class Cell(NamedTuple):
    """One cell of the study's matrix: what was trained, tested and enhanced, and how."""

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    mode: str
    sr_on: str

    def baseline(self) -> Cell:
        """The same cell without any enhancement."""
        return self._replace(sr="none", mode="none", sr_on="none")


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

    def take(self, index: NDArray[np.int64]) -> Predictions:
        """The rows at `index`, in that order."""
        return Predictions({name: values[index] for name, values in self.columns.items()})

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is right; a probability of 0.5 and more predicts class 1."""
        return (self["probability"] >= 0.5) == (self["label"] == 1)

    def cells(self) -> dict[Cell, Predictions]:
        """The rows of each cell, cells in reading order (good before medium before poor...)."""
        members: dict[Cell, list[int]] = {}
        keys = zip(*(self[name].tolist() for name in Cell._fields), strict=True)
        for row, key in enumerate(keys):
            members.setdefault(Cell(*key), []).append(row)
        return {cell: self.take(np.array(members[cell])) for cell in sorted(members, key=_rank)}


def in_order(names: Iterable[str], column: str) -> list[str]:
    """Distinct names of a column in reading order, names unknown to this module last."""
    return sorted(set(names), key=lambda name: place(column, name))


def place(column: str, name: str) -> tuple[int, str]:
    """Sort key of a name in a column, see `in_order`."""
    known = _ORDER[column]
    return (known.index(name), "") if name in known else (len(known), name)


def _rank(cell: Cell) -> list[tuple[int, str]]:
    return [place(column, name) for column, name in zip(Cell._fields, cell, strict=True)]


def match(before: Predictions, after: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices into two cells of the rows both have: same frame, fold and seed.

    Both arrays have shape (n,), in the order of `after`.
    """
    rows_before = {key: row for row, key in enumerate(_frame_fold_seed(before))}
    pairs = [
        (rows_before[key], row)
        for row, key in enumerate(_frame_fold_seed(after))
        if key in rows_before
    ]
    index = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return index[:, 0], index[:, 1]


def _frame_fold_seed(rows: Predictions) -> Iterable[tuple[str, int, int]]:
    columns = (rows[name].tolist() for name in ("frame", "fold", "seed"))
    return zip(*columns, strict=True)


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
    latest: dict[tuple[str, ...], list[str]] = {}
    for number, row in enumerate(lines, start=2):
        _check_row(path, number, row)
        latest[(row[0], *row[5:14])] = row
    return _from_rows(list(latest.values()))


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
        fold, seed, probability, label = row[12:]
        sound = 0.0 <= float(probability) <= 1.0 and label in ("0", "1")
        sound = sound and int(fold) >= 0 and int(seed) >= 0
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
