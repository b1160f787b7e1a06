"""A run's log: how super-resolution did on held-out frames while it was trained."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from echojax.studies.diagnosis.predictions import place


class LogRow(NamedTuple):
    """One value of a run's log."""

    job: str
    step: int
    metric: str
    value: float


class SuperResolutionRow(NamedTuple):
    """Fidelity of one SR job on its held-out frames at its last logged step; PSNR in dB."""

    model: str
    protocol: str
    fold: str
    step: int
    psnr: float
    ssim: float
    psnr_bicubic: float
    ssim_bicubic: float
    psnr_lanczos: float
    ssim_lanczos: float


FIDELITY = SuperResolutionRow._fields[4:]


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


def curves(log: Iterable[LogRow]) -> dict[str, dict[str, dict[int, float]]]:
    """SR jobs -> metric -> step -> value; of a step logged twice (a resumed run) the later."""
    jobs: dict[str, dict[str, dict[int, float]]] = {}
    for row in log:
        if row.job.startswith("sr/"):
            jobs.setdefault(row.job, {}).setdefault(row.metric, {})[row.step] = row.value
    return jobs


def job_names(job: str) -> tuple[str, str, str]:
    """Model, protocol and fold of an SR job such as `sr/srresnet/patient/fold0`."""
    model, protocol, fold = (*job.split("/")[1:4], "", "", "")[:3]
    return model, protocol, fold.removeprefix("fold")


def super_resolution_rows(log: Iterable[LogRow]) -> list[SuperResolutionRow]:
    """Last logged fidelity of every SR job; a metric that was not logged is nan."""
    rows = []
    jobs = curves(log)
    for job in sorted(jobs, key=lambda job: (place("sr", job_names(job)[0]), job)):
        metrics = jobs[job]
        if "psnr" not in metrics:
            continue
        last = []
        for name in FIDELITY:
            steps = metrics.get(name, {0: math.nan})
            last.append(steps[max(steps)])
        rows.append(SuperResolutionRow(*job_names(job), max(metrics["psnr"]), *last))
    return rows
