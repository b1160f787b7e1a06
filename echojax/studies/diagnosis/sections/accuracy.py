"""Accuracy without enhancement, and what stands beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from echojax.report.blocks import MISSING, Block, Details, Heading, Table, Words, absent
from echojax.report.numerals import interval, shares
from echojax.studies.diagnosis.accuracies import AccuracyRow
from echojax.studies.diagnosis.cells import Cell, in_order, ordered
from echojax.studies.diagnosis.material import Material, slug
from echojax.studies.diagnosis.outcomes import ACCURACY, AREA, BALANCED
from echojax.vocabulary import NONE


def baseline(run: Material) -> list[Block]:
    """Accuracy without super-resolution, train by test stratum."""
    if not run.accuracy:
        return []
    blocks: list[Block] = [Heading("Without super-resolution")]
    for protocol in run.protocols:
        accuracies = run.baseline(protocol)
        blocks.append(Heading(f"{protocol.capitalize()} protocol", 3))
        if not any(accuracies.values()):
            blocks.append(absent("No accuracy without super-resolution is in this run yet."))
            continue
        blocks += [
            run.figure(
                f"accuracy {protocol}",
                f"{ACCURACY.name.capitalize()} without super-resolution, with 95 % intervals; "
                "every training of a fold and seed is a dot, and the thumbnail's line is what "
                "needs no network.",
            ),
            _table(protocol, accuracies, published=not run.simulated),
            _other_measures(protocol, accuracies),
        ]
    return blocks


def _table(
    protocol: str, accuracies: Mapping[Cell, AccuracyRow | None], *, published: bool
) -> Table:
    tasks = in_order((cell.task for cell in accuracies), "task")
    rows: list[list[Words]] = []
    for train, test in ordered([(c.train, c.test) for c in accuracies], "train", "test"):
        line: list[Words] = [train, test]
        for task in tasks:
            cell = Cell(protocol, task, train, test, NONE, NONE, NONE)
            line += _values(cell, accuracies)[: 3 + published]
        rows.append(line)
    head = ["trained on", "tested on"]
    for task in tasks:
        columns = (f"{task}: {ACCURACY.head}", "95 % interval", "thumbnail", "paper")
        head += columns[: 3 + published]
    return Table(
        head,
        rows,
        f"{ACCURACY.name.capitalize()} without super-resolution, {protocol} protocol.",
        _chance(accuracies),
        f"accuracy_{slug(protocol)}",
        "accuracy",
    )


def _values(cell: Cell, accuracies: Mapping[Cell, AccuracyRow | None]) -> list[Words]:
    """Accuracy, its interval, what needs no network, and the paper's number beside them."""
    row = accuracies.get(cell)
    if row is None:
        return [MISSING if cell in accuracies else "", "", "", ""]
    return [
        f"{ACCURACY.factor * row.accuracy:.1f}",
        "" if math.isnan(row.low) else f"{100 * row.low:.1f} to {100 * row.high:.1f}",
        "" if math.isnan(row.thumbnail) else f"{100 * row.thumbnail:.1f}",
        "" if math.isnan(row.paper) else f"{100 * row.paper:.0f}",
    ]


def _chance(accuracies: Mapping[Cell, AccuracyRow | None]) -> str:
    """What always the more frequent class would get, and which cells are no better."""
    by_task: dict[str, list[float]] = {}
    for cell, row in accuracies.items():
        if row is not None:
            by_task.setdefault(cell.task, []).append(100 * row.chance)
    told = [
        f"{task} {min(levels):.1f}" + (f" to {max(levels):.1f}" if np.ptp(levels) >= 0.05 else "")
        for task, levels in by_task.items()
    ]
    low = [
        f"{row.cell.task} {row.cell.train} to {row.cell.test}"
        for row in accuracies.values()
        if row is not None and row.at_chance
    ]
    if low and len(low) == sum(row is not None for row in accuracies.values()):
        low = ["every cell"]
    note = (
        f"Always the more frequent class would be right on, in %: {', '.join(told)}. Thumbnail: "
        "ridge regression on 8 x 8 pixels, which needs no network."
    )
    return note + (f" At chance, by their intervals: {', '.join(low)}." if low else "")


def _other_measures(protocol: str, accuracies: Mapping[Cell, AccuracyRow | None]) -> Details:
    rows = [
        [
            cell.task,
            cell.train,
            cell.test,
            shares(row.balanced, row.balanced_low, row.balanced_high),
            shares(row.auc, row.auc_low, row.auc_high),
            interval(row.over_thumbnail, row.over_thumbnail_low, row.over_thumbnail_high),
        ]
        for cell, row in accuracies.items()
        if row is not None
    ]
    above = f"above the thumbnail, {ACCURACY.step}"
    head = ["task", "trained on", "tested on", BALANCED.head, AREA.head, above]
    title = f"{BALANCED.name.capitalize()}, {AREA.name}, and {ACCURACY.name} above the thumbnail's"
    name = f"measures_{slug(protocol)}"
    table = Table(head, rows, f"{title}, {protocol} protocol.", "", name, "accuracy")
    return Details(title, [table])
