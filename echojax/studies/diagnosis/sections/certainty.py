"""How sure answers were, and which class was told from which."""

from __future__ import annotations

import math

from echojax.report.blocks import Block, Heading, Paragraph, Table
from echojax.report.numerals import shares
from echojax.studies.diagnosis.material import Material, slug
from echojax.vocabulary import NONE


def certainty(run: Material) -> list[Block]:
    """Reliability diagram, confusion matrices, sensitivity and specificity without enhancement."""
    if not run.accuracy:
        return []
    blocks: list[Block] = [
        Heading("How sure, and of which class"),
        Paragraph(
            "Calibration compares how sure answers were with how often they were right; the "
            "expected calibration error is the mean distance of the two. Sensitivity is the share "
            "right of the second class of a task, specificity that of the first. Without "
            "super-resolution; over all folds and seeds."
        ),
    ]
    for protocol in run.protocols:
        rows = [
            [
                row.cell.task,
                row.cell.train,
                row.cell.test,
                f"{row.true_negative} / {row.false_positive}",
                f"{row.false_negative} / {row.true_positive}",
                shares(row.sensitivity, row.sensitivity_low, row.sensitivity_high),
                shares(row.specificity, row.specificity_low, row.specificity_high),
                "" if math.isnan(row.calibration) else f"{100 * row.calibration:.1f}",
            ]
            for row in run.classes
            if (row.cell.protocol, row.cell.sr) == (protocol, NONE)
        ]
        if not rows:
            continue
        classes = {
            row.cell.task: f"{row.cell.task} {row.negative} and {row.positive}"
            for row in run.classes
            if row.cell.protocol == protocol
        }
        head = [
            *("task", "trained on", "tested on", "of the first class, called first / second"),
            *("of the second class, called first / second", "sensitivity, %", "specificity, %"),
            "calibration error, %",
        ]
        blocks += [
            run.figure(
                f"reliability {protocol}",
                f"Reliability of answers without super-resolution, {protocol} protocol: below the "
                "broken line they are surer than they are right.",
            ),
            Table(
                head,
                rows,
                f"Confusion matrix of every cell, {protocol} protocol.",
                f"First and second class: {'; '.join(classes.values())}.",
                f"classes_{slug(protocol)}",
                "classes",
            ),
        ]
    return blocks
