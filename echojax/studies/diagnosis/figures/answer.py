"""The one figure that shows the answer: networks against bicubic interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from echojax.report.figures import INK, SOFT, WIDTH, canvas, enhancement_styles
from echojax.report.numerals import bounds, signed
from echojax.studies.diagnosis.figures import words
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.studies.diagnosis.primary import MARGIN, PrimaryRow

_BAND = "#E4ECF3"


def primary(rows: Sequence[PrimaryRow], path: Path) -> Path | None:
    """Primary comparisons in points with their intervals, the band of equivalence behind them."""
    if not rows:
        return None
    styles = enhancement_styles(row.sr for row in rows)
    with canvas(path, WIDTH, 1.0 + 0.36 * len(rows)) as figure:
        axes = figure.subplots()
        axes.axvspan(-MARGIN, MARGIN, color=_BAND, linewidth=0)
        axes.axvline(0, color="#555555", linewidth=1)
        for place, row in enumerate(rows):
            _line(axes, place, row, *styles[row.sr])
        labels = [f"{row.task}: {words.method(row.sr, row.mode)}" for row in rows]
        axes.set_yticks(range(len(rows)), labels)
        axes.tick_params(length=0)
        axes.set_ylim(len(rows) - 0.4, -0.9)
        low, high = _reach(rows)
        axes.set_xlim(low, high)
        band = f"\N{PLUS-MINUS SIGN}{MARGIN:g} {ACCURACY.step}"
        axes.text(
            *(0, -0.62, band), ha="center", va="center", color=SOFT, backgroundcolor=_BAND, zorder=3
        )
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(
            f"{ACCURACY.name} minus that with bicubic interpolation, {ACCURACY.step} "
            f"({ACCURACY.better} is better)"
        )
    return path


def _line(axes: Axes, place: int, row: PrimaryRow, colour: str, marker: str) -> None:
    face = "white" if row.at_chance else colour
    axes.hlines(place, row.low, row.high, color=colour, linewidth=2.2)
    axes.plot(row.points, place, marker, color=colour, markerfacecolor=face, markersize=8)
    shown = signed(row.points)
    if not math.isnan(row.low):
        shown += f" ({bounds(row.low, row.high)})"
    note = ", at chance" if row.at_chance else ""
    axes.text(
        1.01,
        place,
        shown + note,
        ha="left",
        va="center",
        color=INK,
        transform=axes.get_yaxis_transform(),
    )


def _reach(rows: Sequence[PrimaryRow]) -> tuple[float, float]:
    ends = [value for row in rows for value in (row.points, row.low, row.high)]
    known = [value for value in ends if not math.isnan(value)]
    return min([*known, -MARGIN]) - 1, max([*known, MARGIN]) + 1
