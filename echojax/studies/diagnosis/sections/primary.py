"""The primary question, every comparison of its family."""

from __future__ import annotations

from echojax.report.blocks import Block, Heading, Paragraph, Table, absent
from echojax.report.figures import enhancement_label
from echojax.report.numerals import interval, probability, signed
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.studies.diagnosis.primary import LEVEL, MARGIN


def primary(run: Material) -> list[Block]:
    """Networks against bicubic interpolation: what the study was made to answer."""
    if not run.networks and not run.primary:
        return []
    question = (
        f"The primary question, fixed before any result: {ACCURACY.name} with a network minus "
        f"{ACCURACY.name} with bicubic interpolation in its place, in {ACCURACY.step}, mean of the "
        "four cells of the paper's Fig. 4 (trained on enhanced poor frames and tested on good and "
        "medium ones; trained on good and on medium frames and tested on enhanced poor ones). The "
        "p values are adjusted for the family of these comparisons (Holm); within "
        f"{MARGIN:g} {ACCURACY.step} it is where two one-sided tests say so; what would have been "
        "found, with a power of 80 %, is told where nothing can be said. Where, with either, the "
        "classifiers cannot be told from always saying the more frequent class, there is no "
        "verdict. Everything below this table is exploratory."
    )
    blocks: list[Block] = [Heading("More than interpolation?"), Paragraph(question)]
    if not run.primary:
        return [
            *blocks,
            absent("No network is in this run beside bicubic interpolation yet."),
        ]
    rows = [
        [
            row.protocol,
            row.task,
            f"{enhancement_label(row.sr)}, {row.mode}",
            interval(
                row.points,
                row.low,
                row.high,
                sure=row.holm < LEVEL and row.finding in ("more", "less"),
            ),
            f"{signed(row.percent)} %",
            signed(row.above),
            probability(row.holm),
            row.verdict,
        ]
        for row in run.primary
    ]
    head = [
        "protocol",
        "task",
        "network",
        ACCURACY.step,
        "relative change",
        "above chance, points",
        "p (Holm)",
        "verdict",
    ]
    caption = f"Networks against bicubic interpolation, difference of {ACCURACY.name}."
    return [*blocks, Table(head, rows, caption, name="primary", numbers="primary")]
