"""The observers' round: people against people, and methods against people."""

from __future__ import annotations

from echojax.report.blocks import Block, Code, Heading, Paragraph, Table, Words
from echojax.report.numerals import between, plain, probability
from echojax.studies.grading.material import Material

_MEANING = (
    "Differences of all pairs of observers on the same regions, pooled; of a method, those to each "
    "observer, pooled, its grades by a line that learned from other patients. p is Wilcoxon's "
    "signed-rank test of patients, not adjusted."
)


def observers(run: Material) -> list[Block]:
    """How far people agree, and methods with them."""
    blocks: list[Block] = [Heading("Observers")]
    if not run.observer:
        return [
            *blocks,
            run.lacking("observers"),
            Paragraph(
                (
                    "To add some, have people fill in the file of ",
                    Code("echojax grading --template FILE"),
                    " without seeing what this page says, and name their files in ",
                    Code("grading.observers"),
                    ".",
                )
            ),
        ]
    lines: list[list[Words]] = [
        [
            row.who,
            between(row.error, row.low, row.high),
            plain(row.rho, sign=True),
            plain(row.kappa, sign=True),
            between(row.minus, row.minus_low, row.minus_high, sign=True),
            probability(row.p),
            str(row.pairs),
            str(row.regions),
            str(row.patients),
        ]
        for row in run.observer
    ]
    head = ["", "error, grades", "correlation", "kappa", "minus that between observers", "p"]
    caption = "Mean absolute differences in grades, 1 to 5."
    head += ["pairs", "differences", "patients"]
    return [
        *blocks,
        Paragraph(_MEANING),
        Table(head, lines, caption, "", "agreement", "agreement"),
    ]
