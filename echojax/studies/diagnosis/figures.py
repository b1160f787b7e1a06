"""The figures of a run (Fig. 4 in `figure_gains`), from its tables, log and example frames.

Every function takes data and a PNG path, and returns the path, or None where the data for its
figure is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from echojax.metrics import psnr, ssim
from echojax.runs.log import LogRow, curves, job_names
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.predictions import in_order
from echojax.studies.diagnosis.tables import AccuracyRow

# Okabe and Ito's colours, which people with any common colour blindness can tell apart.
QUALITY_COLOURS = {"good": "#009E73", "medium": "#E69F00", "poor": "#D55E00"}
SR_COLOURS = {"none": "#666666", "bicubic": "#8C8C8C", "srresnet": "#0072B2", "srgan": "#CC79A7"}
_SPARE_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#F0E442")
_SR_LABELS = {"none": "none", "bicubic": "bicubic", "srresnet": "SRResNet", "srgan": "SRGAN"}
TASK_LABELS = {"view": "View (2CH or 4CH)", "phase": "Phase (ED or ES)"}

INK = "#222222"
SOFT = "#777777"
_EMPTY = "#F4F4F4"
_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "text.color": INK,
    "legend.frameon": False,
    "hatch.linewidth": 0.9,
}

Image = NDArray[Any]
CENTRE: Any = {"ha": "center", "va": "center"}


def sr_label(name: str) -> str:
    """How a super-resolution method is called in print."""
    return _SR_LABELS.get(name, name)


def sr_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each method; one this module does not know gets a spare colour."""
    ordered = in_order(names, "sr")
    new = [name for name in ordered if name not in SR_COLOURS]
    spare = {name: _SPARE_COLOURS[i % len(_SPARE_COLOURS)] for i, name in enumerate(new)}
    return {name: SR_COLOURS.get(name, spare.get(name, INK)) for name in ordered}


@contextmanager
def canvas(path: Path, width: float, height: float) -> Iterator[Figure]:
    """An empty figure, size in inches, saved at the end; no global state of pyplot is touched."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160, format="png")


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _show(axes: Axes, image: Image, **settings: Any) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, **settings)
    _bare(axes)


def frames(examples: Mapping[str, Image], path: Path) -> Path | None:
    """One frame for each quality, view and phase that has any (the paper's Fig. 2).

    Args:
        examples: `fig2_{view}_{phase}_{quality}` -> uint8 frame; any may be absent.
        path: where to draw.
    """
    found = [key.split("_")[1:] for key in examples if key.startswith("fig2_")]
    if not found:
        return None
    kinds = sorted({(view, phase) for view, phase, _ in found})
    qualities = in_order([quality for _, _, quality in found], "train")
    with canvas(path, 2.0 * len(kinds), 0.3 + 2.0 * len(qualities)) as figure:
        grid = figure.subplots(len(qualities), len(kinds), squeeze=False)
        for row, quality in zip(grid, qualities, strict=True):
            for axes, (view, phase) in zip(row, kinds, strict=True):
                image = examples.get(f"fig2_{view}_{phase}_{quality}")
                if image is None:
                    absent(axes, "no frame")
                else:
                    _show(axes, image)
            colour = QUALITY_COLOURS[quality]
            row[0].set_ylabel(quality, color=colour, fontsize=11, fontweight="bold")
        for axes, (view, phase) in zip(grid[0], kinds, strict=True):
            axes.set_title(f"{view} {phase}", loc="center")
    return path


def absent(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    _bare(axes)
    axes.set_facecolor(_EMPTY)
    axes.set_box_aspect(1)
    axes.text(0.5, 0.5, text, **CENTRE, color=SOFT, transform=axes.transAxes)


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
        _show(whole, original)
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
                _show(axes, _cut(image, zoom, top, left, height, width), interpolation="nearest")
                if line == 0:
                    axes.set_title(sr_label(method) if method else "original", loc="center")
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


def accuracy(cells: Mapping[tuple[str, str, str], AccuracyRow | None], path: Path) -> Path | None:
    """Accuracy without enhancement, train by test stratum, the paper's number in each cell.

    Args:
        cells: (task, train, test) -> its row, or None to mark it as missing; others stay blank.
        path: where to draw.
    """
    if not any(cells.values()):
        return None
    tasks = in_order([task for task, _, _ in cells], "task")
    trains = in_order([train for _, train, _ in cells], "train")
    tests = in_order([test for _, _, test in cells], "test")
    with canvas(
        path, 1.3 + (0.8 + 0.95 * len(tests)) * len(tasks), 1.2 + 0.95 * len(trains)
    ) as figure:
        for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
            for (of_task, train, test), row in cells.items():
                if of_task == task:
                    _square(axes, tests.index(test), trains.index(train), row)
            axes.set_title(TASK_LABELS.get(task, task), loc="center", pad=8)
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
    square = Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=_EMPTY, linewidth=0)
    axes.add_patch(square)
    if row is None:
        axes.text(x, y, "missing", **CENTRE, color=SOFT)
        return
    # Half is chance in both tasks: shades start there, and stay light enough for the text.
    level = 0.05 + 0.85 * min(max(2 * row.accuracy - 1, 0), 1)
    square.set_facecolor(matplotlib.colormaps["Blues"](level))
    style: Any = {**CENTRE, "color": "white" if row.accuracy > 0.85 else INK}
    number, interval = f"{100 * row.accuracy:.1f}", f"{100 * row.low:.0f} to {100 * row.high:.0f}"
    axes.text(x, y - 0.12, number, **style, fontsize=14, fontweight="bold")
    axes.text(x, y + 0.12, interval, **style, fontsize=8.5)
    published = paper.BASELINE.get((row.task, row.train, row.test))
    if published is not None:
        axes.text(x, y + 0.33, f"paper {published:.0f}", **style, fontsize=8.5, style="italic")


def sr_training(log: Iterable[LogRow], path: Path) -> Path | None:
    """PSNR of the held-out frames over training, beside bicubic and Lanczos."""
    jobs = {job: metrics for job, metrics in curves(log).items() if metrics.get("psnr")}
    if not jobs:
        return None
    protocols = in_order([job_names(job)[1] for job in jobs], "protocol")
    colours = sr_colours(job_names(job)[0] for job in jobs)
    with canvas(path, 1.2 + 3.9 * len(protocols), 3.5) as figure:
        grid = figure.subplots(1, len(protocols), squeeze=False, sharey=True)[0]
        for axes, protocol in zip(grid, protocols, strict=True):
            chosen = {job: jobs[job] for job in jobs if job_names(job)[1] == protocol}
            for job, metrics in chosen.items():
                steps = sorted(metrics["psnr"])
                colour = colours[job_names(job)[0]]
                axes.plot(
                    steps,
                    [metrics["psnr"][s] for s in steps],
                    ".-",
                    color=colour,
                    linewidth=1.3,
                    markersize=4,
                )
            for name, dashes in (("bicubic", "--"), ("lanczos", ":")):
                found = [v for m in chosen.values() for v in m.get(f"psnr_{name}", {}).values()]
                if found:
                    axes.axhline(float(np.mean(found)), color="#666666", linestyle=dashes)
            axes.set_title(f"{protocol} protocol")
            axes.set_xlabel("training step")
            axes.grid(axis="y")
        grid[0].set_ylabel("PSNR, dB")
        handles = [Line2D([], [], color=c, label=sr_label(sr)) for sr, c in colours.items()]
        handles += [
            Line2D([], [], color="#666666", linestyle="--", label="bicubic"),
            Line2D([], [], color="#666666", linestyle=":", label="Lanczos"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return path
