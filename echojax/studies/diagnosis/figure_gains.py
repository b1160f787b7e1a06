"""The bars of Fig. 4: what enhancement changes in every cell of a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from echojax.studies.diagnosis.figures import (
    CENTRE,
    INK,
    SOFT,
    TASK_LABELS,
    canvas,
    sr_colours,
    sr_label,
)
from echojax.studies.diagnosis.predictions import in_order
from echojax.studies.diagnosis.tables import GainRow, ordered, published_gain


def gains(rows: Sequence[GainRow], protocol: str, path: Path) -> Path | None:
    """Relative change of every enhanced cell of a protocol (the paper's Fig. 4).

    Bars are grouped by cell, coloured by method and hatched by mode; error bars are 95 %
    intervals, black lines the means that the paper's text gives.
    """
    rows = [row for row in rows if row.protocol == protocol]
    if not rows:
        return None
    tasks = in_order([row.task for row in rows], "task")
    methods = ordered([(row.sr, row.mode) for row in rows], "sr", "mode")
    colours = sr_colours(row.sr for row in rows)
    which = " poor" if {row.train for row in rows if row.sr_on != "test"} <= {"poor"} else ""
    panels = (
        (f"Trained on enhanced{which} frames", "tested on", lambda row: row.sr_on != "test"),
        ("Enhanced at test time only", "trained on", lambda row: row.sr_on == "test"),
    )
    with canvas(path, 9.0, 0.9 + 2.6 * len(tasks)) as figure:
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
        if any(published_gain(r.task, r.train, r.test, r.sr_on) is not None for r in rows):
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
    groups = ordered([(row.train, row.test, row.sr_on) for row in rows], "train", "test", "sr_on")
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
        axes.vlines(centre + offset, row.low, row.high, color=INK, linewidth=1)
    for centre, group in enumerate(groups):
        published = published_gain(rows[0].task, *group)
        if published is not None:
            axes.hlines(published, centre - 0.45, centre + 0.45, color="black", linewidth=2)
    axes.set_xticks(range(len(groups)), [_group_label(*group, side) for group in groups])
    axes.set_xlabel(f"{side} ...")


def _group_label(train: str, test: str, sr_on: str, side: str) -> str:
    if side == "trained on":
        return train if test == "poor" else f"{train},\ntested on {test}"
    name = test if train == "poor" else f"{test},\ntrained on {train}"
    return name + ",\nenhanced too" * (sr_on == "both")
