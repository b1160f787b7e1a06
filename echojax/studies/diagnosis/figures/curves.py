"""Curves: PSNR over a training, and how right answers are that are so sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from echojax.report.calibration import Bin
from echojax.report.figures import (
    INK,
    QUALITY_STYLES,
    WIDTH,
    canvas,
    enhancement_label,
    enhancement_styles,
)
from echojax.runs.log import LogRow
from echojax.studies.diagnosis.cells import in_order, ordered
from echojax.studies.diagnosis.figures import words
from echojax.studies.diagnosis.super_resolution import curves, job_names


def sr_training(log: Iterable[LogRow], path: Path) -> Path | None:
    """PSNR of the held-out frames over training, beside bicubic and Lanczos."""
    jobs = {job: metrics for job, metrics in curves(log).items() if metrics.get("psnr")}
    if not jobs:
        return None
    protocols = in_order([job_names(job)[1] for job in jobs], "protocol")
    styles = enhancement_styles(job_names(job)[0] for job in jobs)
    with canvas(path, WIDTH, 3.2) as figure:
        grid = figure.subplots(1, len(protocols), squeeze=False, sharey=True)[0]
        for axes, protocol in zip(grid, protocols, strict=True):
            chosen = {job: jobs[job] for job in jobs if job_names(job)[1] == protocol}
            for job, metrics in chosen.items():
                points = np.array(sorted(metrics["psnr"].items()))
                colour, marker = styles[job_names(job)[0]]
                axes.plot(*points.T, color=colour, marker=marker, linewidth=1.3, markersize=4)
            for name, dashes in (("bicubic", "--"), ("lanczos", ":")):
                found = [v for m in chosen.values() for v in m.get(f"psnr_{name}", {}).values()]
                if found:
                    axes.axhline(float(np.mean(found)), color="#666666", linestyle=dashes)
            axes.set_title(f"{protocol} protocol")
            axes.set_xlabel("training step")
            axes.grid(axis="y")
        grid[0].set_ylabel("PSNR, dB")
        handles = [
            Line2D([], [], color=colour, marker=marker, label=enhancement_label(sr))
            for sr, (colour, marker) in styles.items()
        ]
        handles += [
            Line2D([], [], color="#666666", linestyle="--", label="bicubic"),
            Line2D([], [], color="#666666", linestyle=":", label="Lanczos"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return path


def reliability(bins: Mapping[tuple[str, str], Sequence[Bin]], path: Path) -> Path | None:
    """Share of right answers by how sure they were, a panel a task (a reliability diagram).

    Args:
        bins: by task and the stratum tested.
        path: where to draw.
    """
    if not bins:
        return None
    tasks = in_order((task for task, _ in bins), "task")
    tests = [test for _, test in ordered(bins, "task", "test")]
    with canvas(path, WIDTH, 3.9) as figure:
        grid = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
        for axes, task in zip(grid, tasks, strict=True):
            axes.plot([0.5, 1], [0.5, 1], color="#777777", linestyle="--", linewidth=1)
            for (own, test), found in bins.items():
                if own == task:
                    colour, marker = QUALITY_STYLES.get(test, (INK, "x"))
                    axes.plot(
                        [b.confidence for b in found],
                        [b.right for b in found],
                        color=colour,
                        marker=marker,
                        linewidth=1.4,
                        markersize=5,
                    )
            axes.set(xlim=(0.48, 1.02), ylim=(-0.02, 1.02), xlabel="mean confidence")
            axes.set_title(words.task(task))
            axes.grid()
        grid[0].set_ylabel("share of right answers")
        handles = [
            Line2D(
                [],
                [],
                color=QUALITY_STYLES.get(test, (INK, "x"))[0],
                marker=QUALITY_STYLES.get(test, (INK, "x"))[1],
                label=f"tested on {test}",
            )
            for test in dict.fromkeys(tests)
        ]
        handles.append(
            Line2D([], [], color="#777777", linestyle="--", label="as right as it is sure")
        )
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return path
