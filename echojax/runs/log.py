"""A run's log: how super-resolution did on held-out frames while it was trained."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from echojax.vocabulary import GENERATORS


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
    jobs = curves(log)
    return [
        _super_resolution_row(job, jobs[job])
        for job in sorted(jobs, key=_reading_order)
        if "psnr" in jobs[job]
    ]


def _super_resolution_row(
    job: str, metrics: Mapping[str, Mapping[int, float]]
) -> SuperResolutionRow:
    model, protocol, fold = job_names(job)
    last = {name: steps[max(steps)] for name, steps in metrics.items()}
    return SuperResolutionRow(
        model=model,
        protocol=protocol,
        fold=fold,
        step=max(metrics["psnr"]),
        psnr=last["psnr"],
        ssim=last.get("ssim", math.nan),
        psnr_bicubic=last.get("psnr_bicubic", math.nan),
        ssim_bicubic=last.get("ssim_bicubic", math.nan),
        psnr_lanczos=last.get("psnr_lanczos", math.nan),
        ssim_lanczos=last.get("ssim_lanczos", math.nan),
    )


def _reading_order(job: str) -> tuple[int, str]:
    model, _, _ = job_names(job)
    return (*GENERATORS, model).index(model), job
