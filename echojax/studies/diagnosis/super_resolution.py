"""How the generators of a run restored held-out frames while they were trained, from its log."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from echojax.runs.log import LogRow
from echojax.vocabulary import GENERATORS


class SuperResolutionRow(NamedTuple):
    """Fidelity of one generator on its held-out frames at its last logged step; PSNR in dB.

    What was not logged is nan, as figures inside the sector of natural images.
    """

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
    psnr_sector: float
    ssim_sector: float
    psnr_sector_bicubic: float
    ssim_sector_bicubic: float
    psnr_sector_lanczos: float
    ssim_sector_lanczos: float


_FIGURES = [name for name in SuperResolutionRow._fields if name.startswith(("psnr", "ssim"))]


def curves(log: Iterable[LogRow]) -> dict[str, dict[str, dict[int, float]]]:
    """SR jobs -> metric -> step -> value; of a step logged twice (a resumed run) the later."""
    jobs: dict[str, dict[str, dict[int, float]]] = {}
    for row in log:
        if row.job.startswith("sr/"):
            jobs.setdefault(row.job, {}).setdefault(row.metric, {})[row.step] = row.value
    return jobs


def job_names(job: str) -> tuple[str, str, str]:
    """Model, protocol and fold of an SR job such as `sr/srresnet/patient/fold0`."""
    _, model, protocol, fold, *_ = (*job.split("/"), "", "", "")
    return model, protocol, fold.removeprefix("fold")


def super_resolution_rows(log: Iterable[LogRow]) -> list[SuperResolutionRow]:
    """Last logged fidelity of every SR job, SRResNet before SRGAN."""
    jobs = curves(log)
    return [_row(job, jobs[job]) for job in sorted(jobs, key=_reading_order) if "psnr" in jobs[job]]


def _row(job: str, metrics: Mapping[str, Mapping[int, float]]) -> SuperResolutionRow:
    model, protocol, fold = job_names(job)
    last = {name: steps[max(steps)] for name, steps in metrics.items()}
    figures = {name: last.get(name, math.nan) for name in _FIGURES}
    return SuperResolutionRow(model, protocol, fold, step=max(metrics["psnr"]), **figures)


def _reading_order(job: str) -> tuple[int, str]:
    model, _, _ = job_names(job)
    return (*GENERATORS, model).index(model), job
