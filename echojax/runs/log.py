"""A run's log: every value that its jobs logged."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from echojax.files import written_whole

NAME = "log.csv"  # in a run directory
COLUMNS = ("time", "job", "step", "metric", "value")


class LogRow(NamedTuple):
    """One value of a run's log."""

    job: str
    step: int
    metric: str
    value: float


def read(path: Path) -> list[LogRow]:
    """Read `log.csv` (columns time, job, step, metric, value).

    Lines that are no log row are skipped: the log is a diary, a torn line must not cost a report.
    A missing file gives no rows.
    """
    if not path.is_file():
        return []
    rows = []
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            try:
                step, value = int(line["step"]), float(line["value"])
                rows.append(LogRow(line["job"], step, line["metric"], value))
            except (KeyError, TypeError, ValueError):
                continue
    return rows


def rewind(path: Path, job: str, step: int) -> None:
    """Drop what a job logged after a step, and a line at the end that a killed process tore."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = list(file)
    kept = [line for line in lines if line.endswith("\n") and not _after(line, job, step)]
    if kept != lines:
        with written_whole(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            file.writelines(kept)


def _after(line: str, job: str, step: int) -> bool:
    cells = next(csv.reader([line]), [])
    whole = len(cells) == len(COLUMNS) and cells[2].isdigit()
    return whole and cells[1] == job and int(cells[2]) > step
