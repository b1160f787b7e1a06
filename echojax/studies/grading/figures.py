"""The figures of a grading report: every one of them values with their intervals, a line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echojax.report.figures import INK, SOFT, WIDTH, canvas, enhancement_label
from echojax.studies.grading import words
from echojax.studies.grading.causes import GAINS, CauseRow
from echojax.studies.grading.changes import ChangeRow
from echojax.studies.grading.labels import MEAN, REFERENCE, WHOLE, LabelRow
from echojax.studies.grading.methods import CONTROLS

_COLOUR, _SOFT, _KNOB = "#0072B2", "#8C8C8C", "#D55E00"
_HEAD, _LINE = 1.1, 0.3  # inches


class _Line(NamedTuple):
    """A value with its interval, as it is drawn."""

    label: str
    value: float
    low: float
    high: float
    colour: str
    marker: str


def areas(rows: Sequence[LabelRow], path: Path) -> Path | None:
    """Areas under the ROC curve, good against poor: whole wall filled, mean of regions hollow."""
    views = list(dict.fromkeys(row.view for row in rows))
    if not views:
        return None
    panels = []
    for view in views:
        own = [row for row in rows if row.view == view]
        panels.append((f"{view}: good against poor", [_area(row) for row in own]))
    method, masks, over = REFERENCE
    beside = [row.auc for row in rows if (row.method, row.masks, row.over) == (method, masks, over)]
    label = "area under the ROC curve (0.5 is chance; the line is contrast ratio in the sector)"
    return _panels(panels, label, path, beside[:1] or [0.5])


def _area(row: LabelRow) -> _Line:
    control = row.method in CONTROLS
    over = "" if row.over == WHOLE else ", mean of regions"
    return _Line(
        words.source(row.method, row.masks) + over,
        row.auc,
        row.auc_low,
        row.auc_high,
        _SOFT if control else _COLOUR,
        "s" if control else "o",
    )


def changes(rows: Sequence[ChangeRow], path: Path) -> Path | None:
    """What enhancement does to measures of all frames, in deviations between frames."""
    own = [row for row in rows if row.quality == "all" and row.masks != "automatic"]
    regional = {(row.enhancement, row.mode, row.method) for row in own if row.over == MEAN}
    shown = [
        row
        for row in own
        if row.over == MEAN or (row.enhancement, row.mode, row.method) not in regional
    ]
    ways = list(dict.fromkeys((row.enhancement, row.mode) for row in shown))
    if not ways:
        return None
    panels = []
    for sr, mode in ways:
        lines = [
            _Line(
                words.method(row.method),
                row.change,
                row.low,
                row.high,
                _SOFT if row.method in CONTROLS else _COLOUR,
                "s" if row.method in CONTROLS else "o",
            )
            for row in shown
            if (row.enhancement, row.mode) == (sr, mode)
        ]
        panels.append((f"After {enhancement_label(sr)}, {mode}", lines))
    return _panels(panels, "change, in deviations between frames before", path, [0])


def causes(rows: Sequence[CauseRow], path: Path) -> Path | None:
    """How far knobs and causes move each measure of the same hearts."""
    methods = list(dict.fromkeys((row.method, row.masks) for row in rows))
    if not methods:
        return None
    panels = []
    for method, masks in methods:
        lines = [
            _Line(
                words.cause(row.changed),
                row.change,
                row.low,
                row.high,
                _KNOB if row.changed in GAINS else _COLOUR,
                "D" if row.changed in GAINS else "o",
            )
            for row in rows
            if (row.method, row.masks) == (method, masks)
        ]
        panels.append((words.method(method), lines))
    return _panels(panels, "change, in deviations between hearts as good frames", path, [0])


def _panels(
    panels: Sequence[tuple[str, list[_Line]]], label: str, path: Path, zero: Sequence[float]
) -> Path:
    """Panels two in a row where labels are alike, else one below the other."""
    labels = [tuple(line.label for line in lines) for _, lines in panels]
    columns = min(3, len(panels)) if len(set(labels)) == 1 and len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    tall = sum(max(len(lines) for _, lines in panels[r::rows]) for r in range(rows))
    with canvas(path, WIDTH, _HEAD * rows + _LINE * tall) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for number, (axes, (title, lines)) in enumerate(zip(grid.flat, panels, strict=False)):
            _draw(axes, lines, zero)
            axes.set_title(title)
            if number % columns:
                axes.set_yticklabels([])
        _below(figure, label)
    return path


def _below(figure: Figure, label: str) -> None:
    figure.supxlabel(label, fontsize=9, color=INK)


def _draw(axes: Axes, lines: Sequence[_Line], zero: Sequence[float]) -> None:
    for place in zero:
        axes.axvline(place, color=SOFT, linewidth=1, linestyle=":")
    for number, line in enumerate(lines):
        hollow = line.label.endswith("mean of regions")
        face = "white" if hollow else line.colour
        if not math.isnan(line.low):
            axes.hlines(number, line.low, line.high, color=line.colour, linewidth=1.8)
        axes.plot(
            line.value,
            number,
            line.marker,
            color=line.colour,
            markerfacecolor=face,
            markersize=6,
        )
    axes.set_yticks(range(len(lines)), [line.label for line in lines])
    axes.tick_params(length=0, axis="y")
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
