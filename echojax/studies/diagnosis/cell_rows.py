"""Tables of a run whose rows are answers in cells of its matrix: one row a frame and question."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.studies.diagnosis.cells import Cell, ordered

FRAME = ("frame", "patient", "view", "phase", "quality")
_DTYPES: dict[str, Any] = {"fold": np.int64, "seed": np.int64}


@dataclass(frozen=True)
class CellRows:
    """Rows as one numpy array per column, all of one length; text columns are unicode."""

    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["frame"])

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    def tuples(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """The values of some columns, row by row."""
        return zip(*(self[name].tolist() for name in columns), strict=True)

    def take(self, index: NDArray[Any]) -> Self:
        """The rows at `index`, in that order."""
        return type(self)({name: values[index] for name, values in self.columns.items()})

    def cells(self) -> dict[Cell, Self]:
        """The rows of each cell, cells in reading order (good before medium before poor...)."""
        return self._cells

    @cached_property
    def _cells(self) -> dict[Cell, Self]:
        members: dict[Cell, list[int]] = {}
        for row, names in enumerate(self.tuples(*Cell._fields)):
            members.setdefault(Cell(*names), []).append(row)
        cells = ordered(members, *Cell._fields)
        return {cell: self.take(np.array(members[cell])) for cell in cells}


def match(
    before: CellRows, after: CellRows, *key: str
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


def append(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]], what: str
) -> None:
    """Add rows to a table in one write, starting the file where there is none.

    A line that an earlier crash cut off (no newline at its end) is removed first.

    Args:
        path: the file.
        columns: of the table.
        rows: mappings from every column to its value, as it is written.
        what: a row is, as "prediction".

    Raises:
        InputError: if the file has another header.
        ValueError: if a row lacks a column, or has one too many.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    for row in rows:
        if missing := set(columns) - set(row):
            raise ValueError(f"{what} without {', '.join(sorted(missing))}")
        writer.writerow(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        kept = _complete(file.read())
        file.truncate(len(kept))
        header = ",".join(columns) + "\n"
        if kept:
            _check_header(path, columns, kept.split(b"\n", 1)[0].decode())
            header = ""
        file.write((header + text.getvalue()).encode())
        file.flush()
        os.fsync(file.fileno())


def read(
    path: Path,
    columns: Sequence[str],
    dtypes: Mapping[str, Any],
    sound: Callable[[Mapping[str, str]], bool],
    expected: str,
) -> dict[str, NDArray[Any]]:
    """Read a table that `append` wrote, by column.

    A missing file gives no rows, a last line that a crash cut off (no newline) is dropped, and of
    rows that a resumed run wrote twice the later one counts.

    Args:
        path: the file.
        columns: of the table.
        dtypes: of its columns that are no text, beside fold and seed.
        sound: whether a row may be; may raise ValueError.
        expected: of a row, as "is not a prediction; expected 16 values".

    Raises:
        InputError: if the header or a line is not what `append` writes; names file and line.
    """
    text = _complete(path.read_bytes()).decode() if path.is_file() else ""
    lines = csv.reader(io.StringIO(text, newline=""))
    header = next(lines, None)
    if header is not None:
        _check_header(path, columns, ",".join(header))
    latest: dict[tuple[str, ...], list[str]] = {}
    key = [columns.index(name) for name in ("frame", *Cell._fields, "fold", "seed")]
    for number, row in enumerate(lines, start=2):
        if not _sound(columns, row, sound):
            raise InputError(f"{path}, line {number}: {','.join(row)[:200]!r} {expected}")
        latest[tuple(row[k] for k in key)] = row
    values = list(zip(*latest.values(), strict=True)) or [()] * len(columns)
    kinds = {**_DTYPES, **dtypes}
    return {
        name: np.array(v, dtype=kinds.get(name, str))
        for name, v in zip(columns, values, strict=True)
    }


def _complete(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _check_header(path: Path, columns: Sequence[str], header: str) -> None:
    if header.strip() != ",".join(columns):
        raise InputError(
            f"{path}: the header is '{header.strip()[:200]}'; expected '{','.join(columns)}'. "
            "Move the file away or start the run anew with --overwrite."
        )


def _sound(
    columns: Sequence[str], row: list[str], sound: Callable[[Mapping[str, str]], bool]
) -> bool:
    try:
        value = dict(zip(columns, row, strict=True))
        return sound(value) and int(value["fold"]) >= 0 and int(value["seed"]) >= 0
    except ValueError:
        return False
