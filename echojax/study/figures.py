"""The figures of a run, drawn from its tables, its log and a few of its frames.

Every function takes data and a PNG path, and returns the path, or None where the data for its
figure is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from echojax.metrics import psnr, ssim
from echojax.study import paper
from echojax.study.predictions import STRATA, in_order, place
from echojax.study.tables import AccuracyRow, GainRow, LogRow, curves, job_names, strata_in

# Okabe and Ito's colours, which people with any common colour blindness can tell apart.
QUALITY_COLOURS = {"good": "#009E73", "medium": "#E69F00", "poor": "#D55E00"}
SR_COLOURS = {"none": "#666666", "bicubic": "#8C8C8C", "srresnet": "#0072B2", "srgan": "#CC79A7"}
_SPARE_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#F0E442")
_SR_LABELS = {"none": "none", "bicubic": "bicubic", "srresnet": "SRResNet", "srgan": "SRGAN"}
TASK_LABELS = {"view": "View (2CH or 4CH)", "phase": "Phase (ED or ES)"}

_INK = "#222222"
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
    "text.color": _INK,
    "legend.frameon": False,
    "hatch.linewidth": 0.9,
}

Image = NDArray[Any]
_GROUP = ("train", "test", "sr_on")
_CENTRE: Any = {"ha": "center", "va": "center"}


def sr_label(name: str) -> str:
    """How a super-resolution method is called in print."""
    return _SR_LABELS.get(name, name)


def sr_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each method; one this module does not know gets a spare colour."""
    ordered = in_order(names, "sr")
    new = [name for name in ordered if name not in SR_COLOURS]
    spare = {name: _SPARE_COLOURS[i % len(_SPARE_COLOURS)] for i, name in enumerate(new)}
    return {name: SR_COLOURS.get(name, spare.get(name, _INK)) for name in ordered}


@contextmanager
def _page(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of a size in inches, saved at the end; no global state of pyplot is touched."""
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
    """One frame for each quality, view and phase (the paper's Fig. 2).

    Args:
        examples: `fig2_{view}_{phase}_{quality}` -> uint8 frame; any may be absent.
        path: where to draw.
    """
    if not any(key.startswith("fig2_") for key in examples):
        return None
    kinds = [(view, phase) for view in ("2CH", "4CH") for phase in ("ED", "ES")]
    with _page(path, 8.0, 6.3) as figure:
        grid = figure.subplots(len(STRATA), len(kinds), squeeze=False)
        for row, quality in zip(grid, STRATA, strict=True):
            for axes, (view, phase) in zip(row, kinds, strict=True):
                image = examples.get(f"fig2_{view}_{phase}_{quality}")
                if image is None:
                    _absent(axes, "no frame")
                else:
                    _show(axes, image)
            row[0].set_ylabel(
                quality, color=QUALITY_COLOURS[quality], fontsize=11, fontweight="bold"
            )
        for axes, (view, phase) in zip(grid[0], kinds, strict=True):
            axes.set_title(f"{view} {phase}", loc="center")
    return path


def _absent(axes: Axes, text: str) -> None:
    _bare(axes)
    axes.set_facecolor("#F4F4F4")
    axes.set_box_aspect(1)
    axes.text(0.5, 0.5, text, **_CENTRE, color="#777777", transform=axes.transAxes)


def patches(examples: Mapping[str, Image], path: Path) -> Path | None:
    """A patch of a poor frame restored, with its fidelity, and enlarged (the paper's Fig. 3).

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
    with _page(path, 3.4 + 1.9 * columns, 4.4) as figure:
        grid = figure.add_gridspec(2, 1 + columns, width_ratios=[1.9] + [1] * columns)
        whole = figure.add_subplot(grid[:, 0])
        _show(whole, original)
        whole.set_title("Poor 2CH ED frame")
        whole.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor="#E69F00", linewidth=1.8)
        )
        rows = (("restore", "Reduced by 4,\nrestored", 1), ("upscale", "Enlarged\nby 4", 4))
        for line, (mode, name, scale) in enumerate(rows):
            for column, method in enumerate(["", *ordered]):
                axes = figure.add_subplot(grid[line, 1 + column])
                image = examples.get(f"fig3_{mode}_{method}") if method else original
                if image is None:
                    _absent(axes, "not in this run")
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


def gains(rows: Sequence[GainRow], protocol: str, path: Path) -> Path | None:
    """Relative change of every enhanced cell of a protocol (the paper's Fig. 4).

    Bars are grouped by cell, coloured by method and hatched by mode; error bars are 95 %
    intervals, black lines the means that the paper's text gives.
    """
    rows = [row for row in rows if row.protocol == protocol]
    if not rows:
        return None
    tasks = in_order([row.task for row in rows], "task")
    methods = sorted(
        {(row.sr, row.mode) for row in rows}, key=lambda m: (place("sr", m[0]), place("mode", m[1]))
    )
    colours = sr_colours(row.sr for row in rows)
    which = " poor" if {row.train for row in rows if row.sr_on != "test"} <= {"poor"} else ""
    panels = (
        (f"Trained on enhanced{which} frames", "tested on", lambda row: row.sr_on != "test"),
        ("Enhanced at test time only", "trained on", lambda row: row.sr_on == "test"),
    )
    with _page(path, 9.0, 0.9 + 2.6 * len(tasks)) as figure:
        grid = figure.subplots(len(tasks), 2, squeeze=False, sharey="row")
        for line, task in zip(grid, tasks, strict=True):
            for axes, (title, side, belongs) in zip(line, panels, strict=True):
                chosen = [row for row in rows if row.task == task and belongs(row)]
                _bars(axes, chosen, methods, colours, side)
                axes.set_title(f"{title}\n{TASK_LABELS.get(task, task)}")
            line[0].set_ylabel("change of accuracy, %")
        handles: list[Any] = [
            Patch(
                facecolor=colours[sr],
                hatch=_hatch(mode),
                edgecolor="white",
                label=f"{sr_label(sr)}, {mode}",
            )
            for sr, mode in methods
        ]
        handles.append(Line2D([], [], color="black", linewidth=2, label="paper, mean of its two"))
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
        axes.text(0.5, 0.5, "not in this run", color="#777777", **_CENTRE, transform=axes.transAxes)
        return
    groups = sorted(
        {(row.train, row.test, row.sr_on) for row in rows},
        key=lambda group: [place(*name) for name in zip(_GROUP, group, strict=True)],
    )
    width = 0.8 / len(methods)
    for row in rows:
        centre = groups.index((row.train, row.test, row.sr_on))
        offset = (methods.index((row.sr, row.mode)) - (len(methods) - 1) / 2) * width
        axes.bar(
            centre + offset,
            row.change,
            width * 0.92,
            color=colours[row.sr],
            hatch=_hatch(row.mode),
            edgecolor="white",
            linewidth=0,
        )
        axes.vlines(centre + offset, row.low, row.high, color=_INK, linewidth=1)
    for centre, (train, test, _) in enumerate(groups):
        published = paper.GAIN.get((rows[0].task, train, test))
        if published is not None:
            axes.hlines(published, centre - 0.45, centre + 0.45, color="black", linewidth=2)
    axes.set_xticks(range(len(groups)), [_group_label(*group, side) for group in groups])
    axes.set_xlabel(f"{side} ...")


def _group_label(train: str, test: str, sr_on: str, side: str) -> str:
    if side == "trained on":
        return train if test == "poor" else f"{train},\ntested on {test}"
    name = test if train == "poor" else f"{test},\ntrained on {train}"
    return name + {"both": ",\nenhanced too", "train": ",\nas it is"}[sr_on] * (train == test)


def accuracy(
    rows: Sequence[AccuracyRow], protocol: str, tasks: Sequence[str], path: Path
) -> Path | None:
    """Accuracy without enhancement, train by test stratum, the paper's number in each cell.

    Every one of `tasks` has a panel; cells without a row are marked as missing.
    """
    rows = [row for row in rows if row.protocol == protocol and row.sr == "none"]
    if not rows:
        return None
    strata = strata_in(rows)
    colours = matplotlib.colormaps["Blues"].resampled(256)
    with _page(path, 4.1 * len(tasks), 4.0) as figure:
        for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
            found = {(row.train, row.test): row for row in rows if row.task == task}
            for y, train in enumerate(strata):
                for x, test in enumerate(strata):
                    published = paper.BASELINE.get((task, train, test))
                    _square(axes, x, y, found.get((train, test)), published, colours)
            axes.set_title(TASK_LABELS.get(task, task), loc="center", pad=8)
            axes.set_xticks(range(len(strata)), strata)
            axes.set_yticks(range(len(strata)), strata, rotation=90, va="center")
            axes.set(
                xlabel="tested on",
                ylabel="trained on",
                aspect="equal",
                xlim=(-0.5, len(strata) - 0.5),
                ylim=(len(strata) - 0.5, -0.5),
            )
            axes.tick_params(length=0)
            for spine in axes.spines.values():
                spine.set_visible(False)
    return path


def _square(
    axes: Axes, x: int, y: int, row: AccuracyRow | None, published: float | None, colours: Any
) -> None:
    # Half is chance in both tasks: shades start there, and stay light enough for the text.
    shade = colours(0.05 + 0.85 * min(max(2 * row.accuracy - 1, 0), 1)) if row else "#F4F4F4"
    ink = "white" if row and row.accuracy > 0.85 else _INK
    axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=shade, linewidth=0))
    if row:
        interval = f"{100 * row.low:.0f} to {100 * row.high:.0f}"
        axes.text(
            x,
            y - 0.12,
            f"{100 * row.accuracy:.1f}",
            **_CENTRE,
            color=ink,
            fontsize=14,
            fontweight="bold",
        )
        axes.text(x, y + 0.12, interval, **_CENTRE, color=ink, fontsize=8.5)
    else:
        axes.text(x, y, "missing", **_CENTRE, color="#777777")
    if published is not None:
        axes.text(
            x,
            y + 0.33,
            f"paper {published:.0f}",
            **_CENTRE,
            color=ink,
            fontsize=8.5,
            style="italic",
        )


def sr_training(log: Iterable[LogRow], path: Path) -> Path | None:
    """PSNR of the held-out frames over training, beside bicubic and Lanczos."""
    jobs = {job: metrics for job, metrics in curves(log).items() if metrics.get("psnr")}
    if not jobs:
        return None
    protocols = in_order([job_names(job)[1] for job in jobs], "protocol")
    colours = sr_colours(job_names(job)[0] for job in jobs)
    with _page(path, 1.2 + 3.9 * len(protocols), 3.5) as figure:
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
