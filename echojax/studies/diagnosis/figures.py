"""The figures of a run, from its tables, log and example frames.

Every function takes data and a PNG path, and returns the path, or None where the data for its
figure is not there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from echojax.metrics import psnr, ssim
from echojax.report.figures import (
    CENTRE,
    EMPTY,
    INK,
    QUALITY_COLOURS,
    SOFT,
    Image,
    absent,
    canvas,
    enhancement_colours,
    enhancement_label,
    show,
)
from echojax.runs.log import LogRow
from echojax.studies.diagnosis.accuracies import AccuracyRow, published_accuracy
from echojax.studies.diagnosis.cells import Cell, in_order, ordered
from echojax.studies.diagnosis.gains import GainRow, published_gain
from echojax.studies.diagnosis.restoration import curves, job_names
from echojax.vocabulary import NONE, PHASES, QUALITIES, VIEWS

_TASK_LABELS = {"view": "View (2CH or 4CH)", "phase": "Phase (ED or ES)"}


def frames(examples: Mapping[str, Image], path: Path) -> Path | None:
    """One frame for each quality, view and phase that has any (the paper's Fig. 2).

    Args:
        examples: `fig2_{view}_{phase}_{quality}` -> uint8 frame; any may be absent.
        path: where to draw.
    """
    keys = {
        (view, phase, quality): f"fig2_{view}_{phase}_{quality}"
        for view, phase, quality in itertools.product(VIEWS, PHASES, QUALITIES)
        if f"fig2_{view}_{phase}_{quality}" in examples
    }
    if not keys:
        return None
    kinds = list(dict.fromkeys((view, phase) for view, phase, _ in keys))
    qualities = [quality for quality in QUALITIES if quality in {found for _, _, found in keys}]
    with canvas(path, 2.0 * len(kinds), 0.3 + 2.0 * len(qualities)) as figure:
        grid = figure.subplots(len(qualities), len(kinds), squeeze=False)
        for row, quality in zip(grid, qualities, strict=True):
            for axes, (view, phase) in zip(row, kinds, strict=True):
                if (view, phase, quality) in keys:
                    show(axes, examples[keys[view, phase, quality]])
                else:
                    absent(axes, "no frame")
            colour = QUALITY_COLOURS[quality]
            row[0].set_ylabel(quality, color=colour, fontsize=11, fontweight="bold")
        for axes, (view, phase) in zip(grid[0], kinds, strict=True):
            axes.set_title(f"{view} {phase}", loc="center")
    return path


def patches(examples: Mapping[str, Image], path: Path) -> Path | None:
    """A patch of a frame restored, with its fidelity, and enlarged (the paper's Fig. 3).

    Args:
        examples: `fig3_original` and `fig3_restore_{sr}` uint8 of shape (height, width),
            `fig3_upscale_{sr}` uint8 (4 height, 4 width), `fig3_box` top, left, height, width.
        path: where to draw.
    """
    original, box = examples.get("fig3_original"), examples.get("fig3_box")
    methods = _methods(examples, "fig3_restore_") | _methods(examples, "fig3_upscale_")
    if original is None or box is None:
        return None
    ordered = in_order(methods, "sr")
    top, left, height, width = (int(value) for value in box)
    reference = original.astype(np.float32) / 255
    columns = 1 + len(ordered)
    with canvas(path, 3.4 + 1.9 * columns, 4.4) as figure:
        grid = figure.add_gridspec(2, 1 + columns, width_ratios=[1.9] + [1] * columns)
        whole = figure.add_subplot(grid[:, 0])
        show(whole, original)
        whole.set_title("Example frame")
        whole.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor="#E69F00", linewidth=1.8)
        )
        rows = (("restore", "Reduced by 4,\nrestored", 1), ("upscale", "Enlarged\nby 4", 4))
        for line, (mode, name, scale) in enumerate(rows):
            for column, method in enumerate(["", *ordered]):
                axes = figure.add_subplot(grid[line, 1 + column])
                image = examples.get(f"fig3_{mode}_{method}") if method else original
                if image is None:
                    absent(axes, "not in this run")
                    continue
                zoom = scale if method else 1
                show(axes, _cut(image, zoom, top, left, height, width), interpolation="nearest")
                if line == 0:
                    axes.set_title(
                        enhancement_label(method) if method else "original", loc="center"
                    )
                if not method:
                    axes.set_ylabel(name)
                elif mode == "restore":
                    restored = image.astype(np.float32) / 255
                    axes.set_xlabel(
                        f"{psnr(reference, restored):.2f} dB / {ssim(reference, restored):.4f}"
                    )
                else:
                    axes.set_xlabel("no reference")
    return path


def _methods(examples: Mapping[str, Image], prefix: str) -> set[str]:
    return {key.removeprefix(prefix) for key in examples if key.startswith(prefix)}


def _cut(image: Image, zoom: int, top: int, left: int, height: int, width: int) -> Image:
    return image[top * zoom : (top + height) * zoom, left * zoom : (left + width) * zoom]


def accuracy(cells: Mapping[Cell, AccuracyRow | None], path: Path) -> Path | None:
    """Accuracy without enhancement, train by test stratum, the paper's number in each cell.

    Args:
        cells: cells of one protocol -> their row, None to mark one as missing; others stay blank.
        path: where to draw.
    """
    if not any(cells.values()):
        return None
    tasks = in_order((cell.task for cell in cells), "task")
    trains = in_order((cell.train for cell in cells), "train")
    tests = in_order((cell.test for cell in cells), "test")
    with canvas(
        path, 1.3 + (0.8 + 0.95 * len(tests)) * len(tasks), 1.2 + 0.95 * len(trains)
    ) as figure:
        for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
            for cell, row in cells.items():
                if cell.task == task:
                    _square(axes, tests.index(cell.test), trains.index(cell.train), row)
            axes.set_title(_TASK_LABELS.get(task, task), loc="center", pad=8)
            axes.set_xticks(range(len(tests)), tests)
            axes.set_yticks(range(len(trains)), trains, rotation=90, va="center")
            axes.set(
                xlabel="tested on",
                ylabel="trained on",
                aspect="equal",
                xlim=(-0.5, len(tests) - 0.5),
                ylim=(len(trains) - 0.5, -0.5),
            )
            axes.tick_params(length=0)
            for spine in axes.spines.values():
                spine.set_visible(False)
    return path


def _square(axes: Axes, x: int, y: int, row: AccuracyRow | None) -> None:
    square = Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=EMPTY, linewidth=0)
    axes.add_patch(square)
    if row is None:
        axes.text(x, y, "missing", **CENTRE, color=SOFT)
        return
    # Half is chance in both tasks: shades start there, and stay light enough for the text.
    level = 0.05 + 0.85 * min(max(2 * row.accuracy - 1, 0), 1)
    square.set_facecolor(matplotlib.colormaps["Blues"](level))
    style: Any = {**CENTRE, "color": "white" if row.accuracy > 0.85 else INK}
    axes.text(x, y - 0.12, f"{100 * row.accuracy:.1f}", **style, fontsize=14, fontweight="bold")
    if not math.isnan(row.low):
        interval = f"{100 * row.low:.0f} to {100 * row.high:.0f}"
        axes.text(x, y + 0.12, interval, **style, fontsize=8.5)
    published = published_accuracy(row.cell)
    if published is not None:
        axes.text(x, y + 0.33, f"paper {published:.0f}", **style, fontsize=8.5, style="italic")


def gains(rows: Sequence[GainRow], protocol: str, path: Path) -> Path | None:
    """Relative change of every enhanced cell of a protocol (the paper's Fig. 4).

    Bars are grouped by cell, coloured by method and hatched by mode; error bars are 95 %
    intervals, black lines the means that the paper's text gives.
    """
    rows = [row for row in rows if row.cell.protocol == protocol]
    if not rows:
        return None
    cells = [row.cell for row in rows]
    tasks = in_order((cell.task for cell in cells), "task")
    methods = ordered([(cell.sr, cell.mode) for cell in cells], "sr", "mode")
    colours = enhancement_colours(cell.sr for cell in cells)
    which = " poor" if {cell.train for cell in cells if cell.sr_on != "test"} <= {"poor"} else ""
    panels = (
        (f"Trained on enhanced{which} frames", "tested on", lambda cell: cell.sr_on != "test"),
        ("Enhanced at test time only", "trained on", lambda cell: cell.sr_on == "test"),
    )
    with canvas(path, 9.0, 0.9 + 2.6 * len(tasks)) as figure:
        grid = figure.subplots(len(tasks), 2, squeeze=False, sharey="row")
        for line, task in zip(grid, tasks, strict=True):
            for axes, (title, side, belongs) in zip(line, panels, strict=True):
                chosen = [row for row in rows if row.cell.task == task and belongs(row.cell)]
                _bars(axes, chosen, methods, colours, side)
                axes.set_title(f"{title}\n{_TASK_LABELS.get(task, task)}")
            line[0].set_ylabel("change of accuracy, %")
        handles: list[Any] = [
            Patch(
                facecolor=colours[sr],
                hatch=_hatch(mode),
                edgecolor="white",
                label=f"{enhancement_label(sr)}, {mode}",
            )
            for sr, mode in methods
        ]
        if any(published_gain(cell) is not None for cell in cells):
            label = "paper, mean of its two"
            handles.append(Line2D([], [], color="black", linewidth=2, label=label))
        figure.legend(
            handles=handles, loc="outside lower center", ncols=3 if len(handles) > 5 else 5
        )
    return path


def _hatch(mode: str) -> str:
    return "////" if mode == "restore" else ""


def _bars(
    axes: Axes,
    rows: Sequence[GainRow],
    methods: Sequence[tuple[str, str]],
    colours: Mapping[str, str],
    side: str,
) -> None:
    axes.axhline(0, color="#555555", linewidth=0.9)
    axes.grid(axis="y")
    axes.tick_params(length=0)
    if not rows:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "not in this run", color=SOFT, **CENTRE, transform=axes.transAxes)
        return
    groups = ordered([_group(row.cell) for row in rows], *Cell._fields)
    width = 0.8 / len(methods)
    for row in rows:
        method = methods.index((row.cell.sr, row.cell.mode))
        x = groups.index(_group(row.cell)) + (method - (len(methods) - 1) / 2) * width
        axes.bar(
            x,
            row.change,
            width * 0.92,
            color=colours[row.cell.sr],
            hatch=_hatch(row.cell.mode),
            edgecolor="white",
            linewidth=0,
        )
        axes.vlines(x, row.low, row.high, color=INK, linewidth=1)
    for centre, group in enumerate(groups):
        published = published_gain(group)
        if published is not None:
            axes.hlines(published, centre - 0.45, centre + 0.45, color="black", linewidth=2)
    axes.set_xticks(range(len(groups)), [_group_label(group, side) for group in groups])
    axes.set_xlabel(f"{side} ...")


def _group(cell: Cell) -> Cell:
    """What bars of several methods have in common."""
    return cell._replace(sr=NONE, mode=NONE)


def _group_label(group: Cell, side: str) -> str:
    if side == "trained on":
        return group.train if group.test == "poor" else f"{group.train},\ntested on {group.test}"
    name = group.test if group.train == "poor" else f"{group.test},\ntrained on {group.train}"
    return name + ",\nenhanced too" * (group.sr_on == "both")


def sr_training(log: Iterable[LogRow], path: Path) -> Path | None:
    """PSNR of the held-out frames over training, beside bicubic and Lanczos."""
    jobs = {job: metrics for job, metrics in curves(log).items() if metrics.get("psnr")}
    if not jobs:
        return None
    protocols = in_order([job_names(job)[1] for job in jobs], "protocol")
    colours = enhancement_colours(job_names(job)[0] for job in jobs)
    with canvas(path, 1.2 + 3.9 * len(protocols), 3.5) as figure:
        grid = figure.subplots(1, len(protocols), squeeze=False, sharey=True)[0]
        for axes, protocol in zip(grid, protocols, strict=True):
            chosen = {job: jobs[job] for job in jobs if job_names(job)[1] == protocol}
            for job, metrics in chosen.items():
                points = np.array(sorted(metrics["psnr"].items()))
                colour = colours[job_names(job)[0]]
                axes.plot(*points.T, ".-", color=colour, linewidth=1.3, markersize=4)
            for name, dashes in (("bicubic", "--"), ("lanczos", ":")):
                found = [v for m in chosen.values() for v in m.get(f"psnr_{name}", {}).values()]
                if found:
                    axes.axhline(float(np.mean(found)), color="#666666", linestyle=dashes)
            axes.set_title(f"{protocol} protocol")
            axes.set_xlabel("training step")
            axes.grid(axis="y")
        grid[0].set_ylabel("PSNR, dB")
        handles = [
            Line2D([], [], color=c, label=enhancement_label(sr)) for sr, c in colours.items()
        ]
        handles += [
            Line2D([], [], color="#666666", linestyle="--", label="bicubic"),
            Line2D([], [], color="#666666", linestyle=":", label="Lanczos"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return path
