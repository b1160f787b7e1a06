"""What enhancement changes, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from echojax.report.figures import CENTRE, INK, SOFT, WIDTH, canvas, enhancement_styles
from echojax.studies.diagnosis.cells import Cell, in_order, ordered
from echojax.studies.diagnosis.figures import words
from echojax.studies.diagnosis.gains import GainRow, published_points
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.vocabulary import MODES, NONE


def gains(
    rows: Sequence[GainRow], protocol: str, path: Path, *, published: bool = True
) -> Path | None:
    """Change of every enhanced cell of a protocol in points (the paper's Fig. 4).

    A dot a cell and method, its colour and marker those of the enhancement, filled in one mode and
    hollow in another; lines are 95 % intervals.

    Args:
        rows: of any protocols.
        protocol: whose.
        path: where to draw.
        published: whether the paper's changes stand beside them.
    """
    rows = [row for row in rows if row.cell.protocol == protocol]
    if not rows:
        return None
    cells = [row.cell for row in rows]
    tasks = in_order((cell.task for cell in cells), "task")
    methods = ordered([(cell.sr, cell.mode) for cell in cells], "sr", "mode")
    which = " poor" if {cell.train for cell in cells if cell.sr_on != "test"} <= {"poor"} else ""
    panels = (
        (f"Trained on enhanced{which} frames", "tested on", lambda cell: cell.sr_on != "test"),
        ("Enhanced at test time only", "trained on", lambda cell: cell.sr_on == "test"),
    )
    with canvas(path, WIDTH, 1.0 + 2.6 * len(tasks)) as figure:
        grid = figure.subplots(len(tasks), 2, squeeze=False, sharey="row")
        for line, task in zip(grid, tasks, strict=True):
            for axes, (title, side, belongs) in zip(line, panels, strict=True):
                chosen = [row for row in rows if row.cell.task == task and belongs(row.cell)]
                _dots(axes, chosen, methods, side, published=published)
                axes.set_title(f"{title}\n{words.task(task)}")
            low, high = line[0].get_ylim()
            line[0].set_ylim(min(low, -1), max(high, 1))  # where nothing changes, too
            line[0].set_ylabel(f"change of {ACCURACY.name}, {ACCURACY.step}")
        handles = [
            Line2D([], [], linewidth=0, label=words.method(*method), **look)
            for method, look in _looks(methods).items()
        ]
        if published and any(published_points(cell) is not None for cell in cells):
            handles.append(Line2D([], [], label="paper, mean of its two", **_PAPER))
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8.5)
    return path


_PAPER: dict[str, Any] = {"color": INK, "marker": "_", "markersize": 14, "linewidth": 0}


def _looks(methods: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """How each method is drawn."""
    styles = enhancement_styles(sr for sr, _ in methods)
    looks = {}
    for sr, mode in methods:
        colour, marker = styles[sr]
        hollow = mode == MODES[0]
        looks[sr, mode] = {
            "color": colour,
            "marker": marker,
            "markerfacecolor": "white" if hollow else colour,
            "markersize": 6,
        }
    return looks


def _dots(
    axes: Axes,
    rows: Sequence[GainRow],
    methods: Sequence[tuple[str, str]],
    side: str,
    *,
    published: bool,
) -> None:
    axes.axhline(0, color="#555555", linewidth=0.9)
    axes.grid(axis="y")
    axes.tick_params(length=0)
    if not rows:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "not in this run", color=SOFT, **CENTRE, transform=axes.transAxes)
        return
    groups = ordered([_group(row.cell) for row in rows], *Cell._fields)
    looks: Mapping[tuple[str, str], dict[str, Any]] = _looks(methods)
    step = 0.8 / len(methods)
    for row in rows:
        method = row.cell.sr, row.cell.mode
        x = groups.index(_group(row.cell)) + (methods.index(method) - (len(methods) - 1) / 2) * step
        axes.vlines(x, row.points_low, row.points_high, color=looks[method]["color"], linewidth=1.4)
        axes.plot(x, row.points, linewidth=0, **looks[method])
    for centre, group in enumerate(groups):
        paper = published_points(group) if published else None
        if paper is not None:
            axes.plot(centre - 0.47, paper, **_PAPER)
    for edge in range(1, len(groups)):
        axes.axvline(edge - 0.5, color="#E3E3E3", linewidth=0.8)
    axes.set_xticks(range(len(groups)), [_group_label(group, side) for group in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_xlabel(f"{side} ...")


def _group(cell: Cell) -> Cell:
    """What dots of several methods have in common."""
    return cell._replace(sr=NONE, mode=NONE)


def _group_label(group: Cell, side: str) -> str:
    if side == "trained on":
        return group.train if group.test == "poor" else f"{group.train},\ntested on {group.test}"
    name = group.test if group.train == "poor" else f"{group.test},\ntrained on {group.train}"
    return name + ",\nenhanced too" * (group.sr_on == "both")
