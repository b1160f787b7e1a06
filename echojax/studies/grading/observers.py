"""Grades that people gave: reading their files, and how far they agree with each other.

A file is CSV with the columns frame, region and grade: a frame's id as patient0001_2CH_ED, a region
as "basal left" or by its anatomy as "basal inferior", a grade from 1 (not visible) to 5
(excellent), empty where it was not assessable. An observer goes by the name of the file.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.data.source import evenly
from echojax.errors import InputError
from echojax.files import written_whole
from echojax.inference.regions import REGIONS, names
from echojax.report import tables
from echojax.studies.grading.agreement import HIGHEST, LOWEST
from echojax.studies.grading.labels import Floats
from echojax.vocabulary import VIEWS

COLUMNS = ("frame", "region", "grade")
NAME = "observers.csv"  # in a run's tables


class Given(NamedTuple):
    """A grade that somebody gave."""

    observer: str
    frame: str
    region: str
    grade: float


def read(file: Path, frames: Iterable[str]) -> list[Given]:
    """Read an observer's file.

    Args:
        file: CSV with the columns frame, region, grade.
        frames: ids of the frames that there are.

    Raises:
        InputError: no such file, other columns, an unknown frame or region, a grade that is none,
            or one that was given twice; names the line.
    """
    known, found = set(frames), dict[tuple[str, str], Given]()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error}); grading.observers names it") from error
    lines = list(csv.reader(text.splitlines()))
    head = tuple(cell.strip().lower() for cell in lines[0]) if lines else ()
    if head != COLUMNS:
        raise InputError(f"{file}: begins with '{','.join(head)}'; expected '{','.join(COLUMNS)}'")
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        given = _given(f"{file}, line {number}", file.stem, [cell.strip() for cell in line], known)
        if given is None:
            continue
        if (given.frame, given.region) in found:
            raise InputError(
                f"{file}, line {number}: {given.frame}, {given.region} has a grade already; an "
                "observer grades a region once"
            )
        found[given.frame, given.region] = given
    return list(found.values())


def _given(where: str, observer: str, line: Sequence[str], frames: set[str]) -> Given | None:
    if len(line) != len(COLUMNS):
        raise InputError(f"{where}: has {len(line)} values; expected {', '.join(COLUMNS)}")
    frame, region, grade = line
    if frame not in frames:
        raise InputError(
            f"{where}: {frame} is no frame of this dataset{_closest(frame, sorted(frames))}"
        )
    view = next(view for view in VIEWS if f"_{view}_" in frame)
    words = [*REGIONS, *names(view)]
    if region.lower() not in words:
        raise InputError(f"{where}: {region!r} is no region{_closest(region.lower(), words)}")
    if not grade:
        return None
    try:
        value = float(grade)
    except ValueError:
        value = np.nan
    if not LOWEST <= value <= HIGHEST:
        raise InputError(
            f"{where}: {grade!r} is no grade; expected {LOWEST} (not visible) to {HIGHEST} "
            "(excellent), or nothing where the region is not assessable"
        )
    return Given(observer, frame, REGIONS[words.index(region.lower()) % len(REGIONS)], value)


def _closest(word: str, words: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.0)
    return f"; did you mean {close[0]}?" if close else ""


def read_all(files: Sequence[str], frames: Iterable[str]) -> list[Given]:
    """Read the files of all observers.

    Raises:
        InputError: as `read`, or two files have one name.
    """
    paths, frames = [Path(file).expanduser() for file in files], list(frames)
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise InputError(f"grading.observers: two files are called {twice}; an observer is a name")
    return [given for path in paths for given in read(path, frames)]


def write(run: Path, given: Iterable[Given]) -> None:
    """Write grades into the tables of a run."""
    tables.write(run / "tables" / NAME, Given._fields, map(Given._asdict, given))


def kept(run: Path) -> list[Given]:
    """Read what `write` wrote; nothing where nobody graded."""
    return tables.read_rows(run / "tables" / NAME, Given)


def write_template(file: Path, frames: Sequence[str], wanted: int) -> int:
    """Write an observer's file to be filled in, of frames evenly spread over those there are.

    Returns:
        How many frames are in it.

    Raises:
        InputError: the file is there already.
    """
    if file.exists():
        raise InputError(
            f"{file}: is there already, perhaps with grades in it; choose another name"
        )
    chosen = [frames[place] for place in evenly(len(frames), wanted)]
    with written_whole(file) as aside, aside.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((frame, region, "") for frame in chosen for region in REGIONS)
    return len(chosen)


def by_observer(given: Iterable[Given]) -> dict[str, dict[str, Floats]]:
    """Grades of each observer by frame, (8,) each, nan where there is none."""
    found: dict[str, dict[str, Floats]] = {}
    for each in given:
        own = found.setdefault(each.observer, {})
        row = own.setdefault(each.frame, np.full(len(REGIONS), np.nan))
        row[REGIONS.index(each.region)] = each.grade
    return found


def consensus(observers: Mapping[str, Mapping[str, Floats]]) -> dict[str, Floats]:
    """Mean grade over observers by frame, (8,): what a method's line learns from."""
    frames = dict.fromkeys(frame for own in observers.values() for frame in own)
    nothing = np.full(len(REGIONS), np.nan)
    found = {}
    for frame in frames:
        every = np.stack([own.get(frame, nothing) for own in observers.values()])
        known = ~np.isnan(every)
        with np.errstate(invalid="ignore"):
            found[frame] = np.where(known, every, 0).sum(axis=0) / known.sum(axis=0)
    return found
