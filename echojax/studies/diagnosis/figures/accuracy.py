"""Accuracy without enhancement: means, every training, and what needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from echojax.report.figures import INK, QUALITY_STYLES, SOFT, WIDTH, canvas
from echojax.studies.diagnosis.accuracies import AccuracyRow, TrainingRow
from echojax.studies.diagnosis.cells import Cell, in_order, ordered
from echojax.studies.diagnosis.figures import words
from echojax.studies.diagnosis.outcomes import ACCURACY

_LINE = 0.36  # half of a horizontal line
_SCATTER = 0.22  # of the trainings around their mean


def accuracy(
    cells: Mapping[Cell, AccuracyRow | None], trainings: Sequence[TrainingRow], path: Path
) -> Path | None:
    """Accuracy of every training stratum on every test stratum, a panel a task.

    Args:
        cells: cells of one protocol -> their row, None to mark one as missing.
        trainings: of any cells, each a dot.
        path: where to draw.
    """
    if not any(cells.values()):
        return None
    tasks = in_order((cell.task for cell in cells), "task")
    with canvas(path, WIDTH, 0.7 + 2.7 * len(tasks)) as figure:
        for axes, task in zip(figure.subplots(len(tasks), squeeze=False)[:, 0], tasks, strict=True):
            own = {cell: row for cell, row in cells.items() if cell.task == task}
            _panel(axes, own, [row for row in trainings if row.cell in own])
            axes.set_title(words.task(task))
        figure.legend(
            handles=_handles([*cells.values()]), loc="outside lower center", ncols=3, fontsize=8.5
        )
    return path


def _panel(
    axes: Axes, cells: Mapping[Cell, AccuracyRow | None], trainings: Sequence[TrainingRow]
) -> None:
    columns = ordered([(cell.train, cell.test) for cell in cells], "train", "test")
    trains = in_order((train for train, _ in columns), "train")
    # A gap between the strata trained on.
    place = {key: n + trains.index(key[0]) * 0.6 for n, key in enumerate(columns)}
    for cell, row in cells.items():
        x = place[cell.train, cell.test]
        if row is None:
            axes.text(x, 0.5, "missing", rotation=90, color=SOFT, ha="center", va="center")
            continue
        _cell(axes, x, row, [t.accuracy for t in trainings if t.cell == cell])
    axes.set_xticks([*place.values()], [test for _, test in columns])
    for train in trains:
        own = [x for key, x in place.items() if key[0] == train]
        axes.text(
            float(np.mean(own)),
            -0.15,
            f"trained on {train}",
            ha="center",
            va="top",
            fontweight="bold",
            transform=axes.get_xaxis_transform(),
        )
    axes.set_ylabel(ACCURACY.head)
    axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0, symbol=""))
    axes.tick_params(length=0)
    axes.grid(axis="y")
    axes.set_xlim(-0.6, max(place.values()) + 0.6)


def _cell(axes: Axes, x: float, row: AccuracyRow, trainings: Sequence[float]) -> None:
    colour, marker = QUALITY_STYLES.get(row.cell.test, (INK, "o"))
    spread = np.linspace(-_SCATTER, _SCATTER, len(trainings)) if len(trainings) > 1 else [0.0]
    if trainings:
        axes.plot(x + np.array(spread), trainings, ".", color="#9A9A9A", markersize=4, zorder=1)
    line: Any = {"linewidth": 1.6, "zorder": 2}
    axes.hlines(row.chance, x - _LINE, x + _LINE, color=SOFT, linestyle=":", **line)
    axes.hlines(row.thumbnail, x - _LINE, x + _LINE, color="#0072B2", linestyle="--", **line)
    axes.vlines(x, row.low, row.high, color=colour, linewidth=2.2, zorder=3)
    axes.plot(x, row.accuracy, marker, color=colour, markersize=7, zorder=4)
    axes.annotate(
        f"{100 * row.accuracy:.1f}",
        (x, row.accuracy),
        (7, 0),
        textcoords="offset points",
        fontsize=8,
        va="center",
        color=INK,
        zorder=5,
    )
    axes.plot(x - 0.3, row.paper, "D", color=INK, markerfacecolor="none", markersize=5, zorder=4)


def _handles(rows: Sequence[AccuracyRow | None]) -> list[Line2D]:
    found = [row for row in rows if row is not None]
    handles = [
        Line2D([], [], color=INK, marker="o", linewidth=2.2, label="mean, 95 % interval"),
        Line2D([], [], color="#9A9A9A", marker=".", linewidth=0, label="one training"),
        Line2D([], [], color=SOFT, linestyle=":", label="always the more frequent class"),
    ]
    if any(not np.isnan(row.thumbnail) for row in found):
        label = "thumbnail of 8 x 8 pixels, no network"
        handles.append(Line2D([], [], color="#0072B2", linestyle="--", label=label))
    if any(not np.isnan(row.paper) for row in found):
        style: Any = {"marker": "D", "markerfacecolor": "none", "linewidth": 0}
        handles.append(Line2D([], [], color=INK, label="paper", **style))
    return handles
