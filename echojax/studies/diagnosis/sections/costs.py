"""What leakage adds, and what poor quality costs."""

from __future__ import annotations

from echojax.report.blocks import Block, Emphasis, Heading, Paragraph, Table
from echojax.report.numerals import interval, signed
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.outcomes import ACCURACY


def leakage(run: Material) -> list[Block]:
    """What the paper's protocol shows beyond one that keeps patients apart."""
    if not run.leak:
        return []
    rows = [
        [
            row.task,
            row.train,
            row.test,
            f"{100 * row.patient:.1f}",
            f"{100 * row.paper:.1f}",
            interval(row.points, row.low, row.high),
        ]
        for row in run.leak
    ]
    head = ["task", "trained on", "tested on", "patient, %", "paper, %", "difference, points"]
    told = (
        *("Protocol ", Emphasis("paper"), " minus protocol ", Emphasis("patient")),
        ", without super-resolution. Exploratory; the two also test on other frames.",
    )
    return [
        Heading("What leakage adds"),
        Paragraph(told),
        Table(
            head,
            rows,
            f"{ACCURACY.name.capitalize()} under both protocols.",
            "Without an interval where either protocol was trained with one seed.",
            "leakage",
            "leakage",
        ),
    ]


def quality(run: Material) -> list[Block]:
    """What testing on another quality than the trained one costs."""
    if not run.cost:
        return []
    paired = [row.paired for row in run.cost]
    causal = (
        "The same persons, seen alike, are in every quality, so the difference is caused by "
        "quality; it is computed person by person."
    )
    association = (
        "Strata of different quality are mostly of other patients: the difference is an "
        "association with quality, not its effect."
    )
    if all(paired):
        told = causal
    elif any(paired):
        told = f"Where the table says cause: {causal} Elsewhere: {association}"
    else:
        told = association
    rows = [
        [
            row.cell.protocol,
            row.cell.task,
            row.cell.train,
            row.cell.test,
            f"{100 * row.home:.1f}",
            f"{100 * row.away:.1f}",
            interval(row.points, row.points_low, row.points_high),
            f"{signed(row.change)} %",
            "cause" if row.paired else "association",
        ]
        for row in run.cost
    ]
    head = [
        *("protocol", "task", "trained on", "tested on", "on its own quality, %"),
        *("on the other, %", f"difference, {ACCURACY.step}", "relative change", "read as"),
    ]
    caption = (
        f"{ACCURACY.name.capitalize()} on another quality than the trained one, minus that on it."
    )
    return [
        Heading("What quality costs"),
        Paragraph(f"{told} Without super-resolution. Exploratory."),
        Table(head, rows, caption, "", "quality_cost", "quality_cost"),
    ]
