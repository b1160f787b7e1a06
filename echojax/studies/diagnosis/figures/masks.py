"""What enhancement of tested frames changes in masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from echojax.report.figures import INK, WIDTH, canvas, enhancement_styles
from echojax.studies.diagnosis.cells import ordered
from echojax.studies.diagnosis.figures import words
from echojax.studies.diagnosis.mask_outcomes import OutcomeMeanRow
from echojax.studies.diagnosis.outcomes import OF_MASKS

_SHOWN = ("dice", "ef_error")
_APART = 0.16  # lines of a method: against none, and against bicubic


def gains(rows: Sequence[OutcomeMeanRow], protocol: str, path: Path) -> Path | None:
    """Mean change of Dice and of the error of the EF where tested frames alone are enhanced.

    A line a method; filled dots are against none, hollow ones against bicubic interpolation, with
    95 % intervals.

    Args:
        rows: of any protocols.
        protocol: whose.
        path: where to draw.
    """
    rows = [r for r in rows if (r.protocol, r.sr_on) == (protocol, "test") and r.outcome in _SHOWN]
    if not rows:
        return None
    methods = ordered([(row.sr, row.mode) for row in rows], "sr", "mode")
    shown = [name for name in _SHOWN if any(row.outcome == name for row in rows)]
    with canvas(path, WIDTH, 1.2 + 0.42 * len(methods)) as figure:
        panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
        for axes, name in zip(panels, shown, strict=True):
            _panel(axes, [row for row in rows if row.outcome == name], methods)
            outcome = OF_MASKS[name]
            axes.set_title(f"{outcome.name[0].upper()}{outcome.name[1:]}")
            axes.set_xlabel(f"change in {outcome.step}; {outcome.better} is better")
        panels[0].set_yticks(range(len(methods)), [words.method(*each) for each in methods])
        panels[0].set_ylim(len(methods) - 0.5, -0.5)
        handles = [
            Line2D([], [], color=INK, marker="o", linewidth=0, markerfacecolor=fill, label=label)
            for fill, label in ((INK, "against none"), ("white", "against bicubic"))
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8.5)
    return path


def _panel(axes: Axes, rows: Sequence[OutcomeMeanRow], methods: Sequence[tuple[str, str]]) -> None:
    styles = enhancement_styles(sr for sr, _ in methods)
    axes.axvline(0, color="#555555", linewidth=0.9)
    axes.grid(axis="x")
    axes.tick_params(length=0)
    for row in rows:
        colour, marker = styles[row.sr]
        place = methods.index((row.sr, row.mode))
        for value, low, high, fill, aside in (
            (row.change, row.low, row.high, colour, -_APART),
            (row.bicubic_change, row.bicubic_low, row.bicubic_high, "white", _APART),
        ):
            if not np.isnan(value):
                axes.hlines(place + aside, low, high, color=colour, linewidth=1.4)
                axes.plot(
                    value, place + aside, marker, color=colour, markerfacecolor=fill, markersize=6
                )
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -1), max(high, 1))  # where nothing changes, too
