"""What enhancement changes, cell by cell."""

from __future__ import annotations

import math

from echojax.report.blocks import (
    MISSING,
    Block,
    Details,
    Emphasis,
    Heading,
    Paragraph,
    Table,
    Words,
    absent,
)
from echojax.report.corrected import LEAST_DIFFERENCES
from echojax.report.figures import enhancement_label
from echojax.report.numerals import bounds, interval, probability, signed
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.gains import GainRow, published_gain, published_points
from echojax.studies.diagnosis.material import Material, slug
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.vocabulary import GENERATORS

_SIDE_LABELS = {"train": "train", "test": "test", "both": "train and test"}


def gains(run: Material) -> list[Block]:
    """What super-resolution changes: figure, means and every cell."""
    asked = any(run.asked(protocol, enhanced=True) for protocol in run.protocols)
    if not run.accuracy or not (run.gain or asked):
        return []
    told = (
        f"Exploratory. Change of {ACCURACY.name} in {ACCURACY.step} against none, on the same "
        "frames, folds and seeds, with 95 % intervals over patients and trainings; a relative "
        f"change is in percent of the {ACCURACY.name} before. ",
        Emphasis("bicubic"),
        " is the control: the same operation without a network.",
    )
    blocks: list[Block] = [Heading("With enhancement, cell by cell"), Paragraph(told)]
    if not run.gain:
        return [
            *blocks,
            absent("No enhanced cell is in this run yet beside its counterpart without it."),
        ]
    for protocol in run.protocols:
        blocks.append(Heading(f"{protocol.capitalize()} protocol", 3))
        if not any(row.cell.protocol == protocol for row in run.gain):
            blocks.append(absent("No enhanced cell of this protocol is in this run."))
            continue
        caption = f"Change of {ACCURACY.name} by enhancement; lines are 95 % intervals."
        if not run.simulated:
            caption += " Black bars: the means over SRResNet and SRGAN in the paper's text."
        blocks += [
            run.figure(f"gain {protocol}", caption),
            mean_table(run, protocol),
            Details("Every enhanced cell", [_gain_table(run, protocol)]),
        ]
    return blocks


def mean_table(run: Material, protocol: str) -> Table:
    """The mean change by each enhancement and mode under a protocol."""
    rows: list[list[Words]] = []
    for row in run.mean_gain:
        if row.protocol == protocol:
            published = paper.MEAN_GAIN.get(row.sr)
            line: list[Words] = [
                f"{enhancement_label(row.sr)}, {row.mode}",
                str(row.cells),
                interval(row.points, row.points_low, row.points_high),
                f"{signed(row.change)} %",
                interval(row.bicubic_points, row.bicubic_points_low, row.bicubic_points_high),
            ]
            if not run.simulated:
                line.append("" if published is None else f"+{published:g} %")
            rows.append(line)
    head = ["method", "cells", ACCURACY.step, "relative change", f"{ACCURACY.step} over bicubic"]
    return Table(
        head if run.simulated else [*head, "paper, relative"],
        rows,
        f"Mean change over all enhanced cells of all tasks, {protocol} protocol.",
        "",
        f"mean_gain_{slug(protocol)}",
        "mean_gain",
    )


def _gain_table(run: Material, protocol: str) -> Table:
    found = {row.cell: row for row in run.gain if row.cell.protocol == protocol}
    asked = set(run.asked(protocol, enhanced=True))
    columns = ("task", "train", "test", "sr_on", "sr", "mode")
    keys = [tuple(getattr(cell, name) for name in columns) for cell in asked | set(found)]
    rows: list[list[Words]] = []
    for key in ordered(keys, *columns):
        cell = Cell(protocol=protocol, **dict(zip(columns, key, strict=True)))
        rows.append(_gain_line(cell, found.get(cell), published=not run.simulated))
    head = [
        *("task", "trained on", "tested on", "enhanced", "method", "before, %", ACCURACY.step),
        *("relative change", "p", "corrected t test"),
    ]
    return Table(
        head if run.simulated else [*head, "paper"],
        rows,
        f"Change of {ACCURACY.name}, each cell, {protocol} protocol.",
        _note(list(found.values())),
        f"gain_{slug(protocol)}",
        "gain",
    )


def _gain_line(cell: Cell, row: GainRow | None, *, published: bool) -> list[Words]:
    side = _SIDE_LABELS.get(cell.sr_on, cell.sr_on)
    method = f"{enhancement_label(cell.sr)}, {cell.mode}"
    line: list[Words] = [cell.task, cell.train, cell.test, side, method]
    if row is None:
        return [*line, MISSING, *[""] * (4 + published)]
    line += [
        f"{100 * row.before:.1f}",
        interval(row.points, row.points_low, row.points_high),
        f"{signed(row.change)} %",
        probability(row.p),
        ""
        if math.isnan(row.corrected_low)
        else f"{bounds(row.corrected_low, row.corrected_high)}, p {probability(row.corrected_p)}",
    ]
    if published:
        line.append(_published(cell))
    return line


def _published(cell: Cell) -> str:
    """The paper's change, which is a mean over its two networks."""
    points, percent = published_points(cell), published_gain(cell)
    if cell.sr not in GENERATORS or points is None or percent is None:
        return ""
    return f"{signed(points)} ({signed(percent)} %)"


def _note(rows: list[GainRow]) -> str:
    note = (
        f"Corrected t test: interval in {ACCURACY.step} over the differences of folds and seeds, "
        "by Nadeau and Bengio, beside that of the variance components. Empty at the test side, "
        "where the classifier is the same"
    )
    short = [row.trainings for row in rows if row.trainings < LEAST_DIFFERENCES]
    if short:
        note += f", and where fewer than {LEAST_DIFFERENCES} such differences exist (here: "
        note += f"{min(short)})" if min(short) == max(short) else f"{min(short)} to {max(short)})"
    return f"{note}."
