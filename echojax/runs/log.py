"""A run's log: every value that its jobs logged."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple


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
