"""Everything that methods said of a run's frames, one row a frame and method, in `grades.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.inference.regions import REGIONS
from echojax.studies.grading.methods import Said

NAME = "grades.csv"
_FRAME = ("frame", "patient", "view", "phase", "quality")
_SOURCE = ("masks", "method", "enhancement", "mode")
SCORES = ("whole", *(name.replace(" ", "_") for name in REGIONS))
COLUMNS = (*_FRAME, *_SOURCE, "why", *SCORES)


class Source(NamedTuple):
    """Where a score comes from.

    Attributes:
        masks: "expert", "automatic", or "none" where the method needs no mask.
        method: one of `methods.METHODS`.
        enhancement: done to the frame before, or "none".
        mode: of the enhancement, or "none".
    """

    masks: str
    method: str
    enhancement: str = "none"
    mode: str = "none"


class Key(NamedTuple):
    """A frame, as it is named in every table: its id, its person, and what is known of it."""

    frame: str
    patient: str
    view: str
    phase: str
    quality: str


@dataclass(frozen=True)
class Grades:
    """Said as columns, all of one length n.

    Attributes:
        columns: text, by the names of `COLUMNS` up to "why".
        whole: of the whole wall or frame, (n,); nan for nothing.
        regions: (n, 8), nan for nothing.
    """

    columns: Mapping[str, NDArray[Any]]
    whole: NDArray[np.float64]
    regions: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    def take(self, index: NDArray[Any]) -> Grades:
        """The rows at an index or where a mask is true."""
        columns = {name: values[index] for name, values in self.columns.items()}
        return Grades(columns, self.whole[index], self.regions[index])

    def of(self, **named: str) -> Grades:
        """The rows with some words in some columns, as method="cr"."""
        chosen = np.ones(len(self), bool)
        for name, word in named.items():
            chosen &= self[name] == word
        return self.take(chosen)

    def sources(self) -> list[Source]:
        """Where scores come from, without repetition, as they came."""
        rows = zip(*(self[name].tolist() for name in _SOURCE), strict=True)
        return [Source(*row) for row in dict.fromkeys(rows)]

    def mean(self) -> NDArray[np.float64]:
        """Mean over the regions that are assessable, (n,); nan where none is."""
        known = ~np.isnan(self.regions)
        total = np.where(known, self.regions, 0).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / known.sum(axis=1))


def row(key: Key, source: Source, scores: Said, why: str = "") -> list[str]:
    """A row of `grades.csv`."""
    numbers = (scores.whole, *scores.regions)
    written = ("" if np.isnan(number) else f"{number:.6g}" for number in numbers)
    return [*key, *source, why, *written]


def add(path: Path, rows: Iterable[list[str]]) -> None:
    """Add rows to those that a file has, whole or not at all."""
    there = _lines(path)[1:]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(COLUMNS), *there, *rows])
    with written_whole(path) as file:
        file.write_text(text.getvalue(), encoding="utf-8")


def read(path: Path) -> Grades:
    """Read what `add` wrote; a missing file gives no rows.

    Raises:
        InputError: a line is none of it; names file and line.
    """
    lines = _lines(path)[1:]
    numbers = np.full((len(lines), len(SCORES)), np.nan)
    text = len(COLUMNS) - len(SCORES)
    for number, line in enumerate(lines):
        try:
            values = [float(value) if value else np.nan for value in line[text:]]
            numbers[number] = values
        except ValueError as error:
            raise InputError(
                f"{path}, line {number + 2}: {','.join(line)[:200]!r} is not of {len(COLUMNS)} "
                "columns with numbers at the end; delete the file, --resume makes it again"
            ) from error
    names = COLUMNS[:text]
    found = list(zip(*(line[:text] for line in lines), strict=True)) or [()] * text
    columns = {n: np.array(values, dtype=str) for n, values in zip(names, found, strict=True)}
    return Grades(columns, numbers[:, 0], numbers[:, 1:])


def _lines(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise InputError(
            f"{path}: the header is not '{','.join(COLUMNS)}'; move the file away, or start the "
            "run anew with --overwrite"
        )
    return lines
