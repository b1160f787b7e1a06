"""How close frames come to what they were, inside the sector, with intervals over patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.report import statistics, tables
from echojax.studies.diagnosis.cells import ordered

NAME = "restored_frames.csv"


class RestoredFrame(NamedTuple):
    """A held-out frame, reduced and brought back by a method, measured inside its sector."""

    protocol: str
    fold: int
    frame: str
    patient: str
    method: str
    psnr: float
    ssim: float


class RestoredRow(NamedTuple):
    """A method under a protocol: PSNR in dB and SSIM, means over frames, intervals over patients.

    `more` is its PSNR minus that of bicubic interpolation on the same frames.
    """

    protocol: str
    method: str
    psnr: float
    psnr_low: float
    psnr_high: float
    ssim: float
    ssim_low: float
    ssim_high: float
    more: float
    more_low: float
    more_high: float
    frames: int
    patients: int


def restored_rows(frames: Iterable[RestoredFrame]) -> list[RestoredRow]:
    """Every protocol and method, in reading order."""
    groups: dict[tuple[str, str], list[RestoredFrame]] = {}
    for frame in frames:
        if np.isfinite(frame.psnr):  # infinite where a blank frame came back
            groups.setdefault((frame.protocol, frame.method), []).append(frame)
    return [
        _row(groups[key], _psnr(groups.get((key[0], "bicubic"), [])))
        for key in ordered(groups, "protocol", "sr")
    ]


def _psnr(frames: Iterable[RestoredFrame]) -> dict[tuple[int, str], float]:
    return {(frame.fold, frame.frame): frame.psnr for frame in frames}


def _row(frames: list[RestoredFrame], bicubic: Mapping[tuple[int, str], float]) -> RestoredRow:
    patient = np.array([frame.patient for frame in frames])
    psnr = statistics.mean(np.array([frame.psnr for frame in frames]), patient)
    ssim = statistics.mean(np.array([frame.ssim for frame in frames]), patient)
    both = [frame for frame in frames if (frame.fold, frame.frame) in bicubic]
    more = statistics.mean(
        np.array([frame.psnr - bicubic[frame.fold, frame.frame] for frame in both]),
        np.array([frame.patient for frame in both]),
    )
    return RestoredRow(
        frames[0].protocol,
        frames[0].method,
        *psnr,
        *ssim,
        *more,
        frames=len({frame.frame for frame in frames}),
        patients=len(np.unique(patient)),
    )


def add(run: Path, frames: Iterable[RestoredFrame]) -> None:
    """Add frames to the tables of a run, in place of those of the same protocol, fold and method.

    The others stay, since a run that is gone on with may be asked about fewer methods.
    """

    def kind(frame: RestoredFrame) -> tuple[str, int, str]:
        return frame.protocol, frame.fold, frame.method

    new = list(frames)
    made = set(map(kind, new))
    every = [*(frame for frame in read(run) if kind(frame) not in made), *new]
    tables.write(run / "tables" / NAME, RestoredFrame._fields, map(RestoredFrame._asdict, every))


def read(run: Path) -> list[RestoredFrame]:
    """Read what `add` wrote; none where a run, of an older version, has no such table.

    Raises:
        InputError: the table cannot be understood.
    """
    return tables.read_rows(run / "tables" / NAME, RestoredFrame)
