"""A run's predictions and log as tables, and the tables as CSV."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.study import statistics
from echojax.study.predictions import STRATA, Cell, Predictions, in_order, match, place
from echojax.study.statistics import Sample


class AccuracyRow(NamedTuple):
    """One cell: accuracy with its interval in [0, 1], and on what it rests.

    `frames` and `patients` are distinct ones; `seed_sd` is nan with a single seed.
    """

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    sr_on: str
    accuracy: float
    low: float
    high: float
    frames: int
    seeds: int
    mode: str
    folds: int
    patients: int
    seed_sd: float


class GainRow(NamedTuple):
    """An enhanced cell against the same cell without enhancement, on the rows both have.

    `before` and `after` are accuracies in [0, 1]; `change` with its interval is in percent of
    `before`.
    """

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    mode: str
    sr_on: str
    before: float
    after: float
    change: float
    low: float
    high: float
    frames: int
    patients: int
    seeds: int


class MeanGainRow(NamedTuple):
    """Mean change over all enhanced cells of one SR and mode, in percent.

    `bicubic_change` is the change against the bicubic control instead of against no enhancement,
    over the cells that have one; nan for bicubic itself or without a control.
    """

    protocol: str
    sr: str
    mode: str
    cells: int
    change: float
    low: float
    high: float
    bicubic_change: float
    bicubic_low: float
    bicubic_high: float


class CostRow(NamedTuple):
    """What testing on another stratum than the trained one costs, without enhancement.

    `home` and `away` are accuracies in [0, 1]; `change` is in percent of `home`.
    """

    protocol: str
    task: str
    train: str
    test: str
    home: float
    away: float
    change: float
    low: float
    high: float


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
_PERCENT = {"change", "bicubic_change", "bicubic_low", "bicubic_high"}


def accuracy_rows(predictions: Predictions) -> list[AccuracyRow]:
    """Accuracy of every cell, cells in reading order."""
    return [_accuracy_row(cell, rows) for cell, rows in predictions.cells().items()]


def _accuracy_row(cell: Cell, rows: Predictions) -> AccuracyRow:
    estimate = statistics.accuracy(_sample(rows), rows["frame"])
    return AccuracyRow(
        protocol=cell.protocol,
        task=cell.task,
        train=cell.train,
        test=cell.test,
        sr=cell.sr,
        sr_on=cell.sr_on,
        accuracy=estimate.value,
        low=estimate.low,
        high=estimate.high,
        frames=len(np.unique(rows["frame"])),
        seeds=len(np.unique(rows["seed"])),
        mode=cell.mode,
        folds=len(np.unique(rows["fold"])),
        patients=len(np.unique(rows["patient"])),
        seed_sd=statistics.seed_deviation(rows.correct, rows["seed"]),
    )


def gain_rows(predictions: Predictions) -> list[GainRow]:
    """Every enhanced cell that has a counterpart without enhancement, in reading order."""
    cells = predictions.cells()
    rows = []
    for cell in cells:
        pair = _pair(cells, cell.baseline(), cell)
        if cell.sr == "none" or pair is None:
            continue
        before, after = pair
        estimate = statistics.relative_change([(_sample(before), _sample(after))])
        rows.append(
            GainRow(
                *cell,
                float(np.mean(before.correct)),
                float(np.mean(after.correct)),
                *estimate,
                frames=len(np.unique(after["frame"])),
                patients=len(np.unique(after["patient"])),
                seeds=len(np.unique(after["seed"])),
            )
        )
    return rows


def mean_gain_rows(predictions: Predictions) -> list[MeanGainRow]:
    """Mean gain of every SR and mode under every protocol, over tasks and strata."""
    cells = predictions.cells()
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.sr != "none" and cell.baseline() in cells:
            groups.setdefault((cell.protocol, cell.sr, cell.mode), []).append(cell)
    rows = []
    for (protocol, sr, mode), members in groups.items():
        gains = _pairs(cells, [(cell.baseline(), cell) for cell in members])
        controls = _pairs(cells, [(cell._replace(sr="bicubic"), cell) for cell in members])
        gain = statistics.relative_change(gains)
        control = statistics.relative_change([] if sr == "bicubic" else controls)
        rows.append(MeanGainRow(protocol, sr, mode, len(gains), *gain, *control))
    return sorted(
        rows,
        key=lambda row: [place(column, getattr(row, column)) for column in row._fields[:3]],
    )


def cost_rows(predictions: Predictions) -> list[CostRow]:
    """Every cell off the diagonal without enhancement against the diagonal of its train stratum."""
    cells = predictions.cells()
    rows = []
    for cell, away in cells.items():
        home = cells.get(cell._replace(test=cell.train))
        if cell.sr != "none" or cell.train == cell.test or home is None:
            continue
        rows.append(
            CostRow(
                *cell[:4],
                float(np.mean(home.correct)),
                float(np.mean(away.correct)),
                *statistics.relative_change([(_sample(home), _sample(away))]),
            )
        )
    return rows


def _sample(rows: Predictions) -> Sample:
    return Sample(rows.correct, rows["patient"])


def _pair(
    cells: dict[Cell, Predictions], before: Cell, after: Cell
) -> tuple[Predictions, Predictions] | None:
    if before not in cells:
        return None
    index_before, index_after = match(cells[before], cells[after])
    if len(index_after) == 0:
        return None
    return cells[before].take(index_before), cells[after].take(index_after)


def _pairs(
    cells: dict[Cell, Predictions], comparisons: list[tuple[Cell, Cell]]
) -> list[tuple[Sample, Sample]]:
    pairs = [_pair(cells, before, after) for before, after in comparisons]
    return [(_sample(pair[0]), _sample(pair[1])) for pair in pairs if pair]


def read_log(path: Path) -> list[LogRow]:
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
    for job, metrics in sorted(curves(log).items()):
        if "psnr" not in metrics:
            continue
        last = []
        for name in FIDELITY:
            steps = metrics.get(name, {0: math.nan})
            last.append(steps[max(steps)])
        rows.append(SuperResolutionRow(*job_names(job), max(metrics["psnr"]), *last))
    return rows


def write(path: Path, columns: Sequence[str], rows: Iterable[NamedTuple]) -> None:
    """Write rows as CSV, whole or not at all.

    Accuracies have four decimals, percentages two, nan is an empty value.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    percent = _PERCENT | ({"low", "high"} if "change" in columns else set())
    for row in rows:
        writer.writerow(
            _text(value, 2 if name in percent else 4)
            for name, value in zip(columns, row, strict=True)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text.getvalue())
    temporary.replace(path)


def _text(value: object, decimals: int) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{decimals}f}"
    return str(value)


def strata_in(rows: Iterable[AccuracyRow]) -> list[str]:
    """The three strata and any other name that rows use, good first."""
    return in_order([*STRATA, *(name for row in rows for name in (row.train, row.test))], "train")
