"""Against what is known for sure: grades of simulated regions, and causes varied alone."""

from __future__ import annotations

from echojax.report.blocks import Block, Details, Heading, Paragraph, Table, Words
from echojax.report.numerals import between, plain, probability
from echojax.studies.grading import words
from echojax.studies.grading.causes import GAINS, WORSE
from echojax.studies.grading.material import Material
from echojax.studies.grading.truth import ALL

_TRUTH = (
    "The simulator knows how far the echo of a region stands above stray echo and noise, how "
    "coherent it is and how much of it the sector has, and grades it from 1 to 5 by thresholds "
    "that were fixed beforehand. Errors are of grades by a line that learned from other patients."
)
_CAUSES = (
    "The same simulated hearts, as a good frame shows them, one thing changed at a time. A measure "
    "of quality goes down with every cause, and stays where it is when only a knob is turned. "
    "Changes are in deviations of the measure between the unchanged hearts."
)


def truth(run: Material) -> list[Block]:
    """Methods against grades of simulated regions."""
    blocks: list[Block] = [Heading("Against grades known for sure")]
    if not run.truth:
        return [*blocks, run.lacking("grades known for sure")]
    lines: list[list[Words]] = [
        [
            words.source(row.method, row.masks),
            row.region,
            between(row.rho, row.rho_low, row.rho_high, sign=True),
            between(row.error, row.error_low, row.error_high),
            between(row.kappa, row.kappa_low, row.kappa_high, sign=True),
            str(row.regions),
        ]
        for row in run.truth
    ]
    head = ["method", "regions", "correlation", "error, grades", "kappa", "number"]
    pooled = [line for line in lines if line[1] == ALL]
    pairs: list[list[Words]] = [
        [
            row.one,
            row.other,
            between(row.difference, row.low, row.high, sign=True),
            probability(row.p),
            probability(row.holm),
        ]
        for row in run.pairs
    ]
    blocks += [
        Paragraph(_TRUTH),
        Table(head, pooled, "All regions together.", "", "truth", "truth"),
        Details("Region by region", [Table(head, lines, "", "", "truth_regions", "truth")]),
    ]
    if pairs:
        head = ["one", "other", "difference of errors, grades", "p", "p, adjusted (Holm)"]
        caption = "Methods against each other on the same regions; Wilcoxon's test, of patients."
        blocks.append(
            Details("Methods in pairs", [Table(head, pairs, caption, "", "pairs", "pairs")])
        )
    return blocks


def causes(run: Material) -> list[Block]:
    """Whether measures move with causes and not with gain."""
    if not run.cause:
        return []
    found = {(row.method, row.masks, row.changed): row for row in run.cause}
    methods = list(dict.fromkeys((row.method, row.masks) for row in run.cause))
    lines: list[list[Words]] = []
    for changed in (*GAINS, *WORSE):
        own = [found.get((*method, changed)) for method in methods]
        cells = [
            "" if row is None else between(row.change, row.low, row.high, sign=True) for row in own
        ]
        lines.append([words.cause(changed), "no" if changed in GAINS else "yes", *cells])
    head = ["changed", "a cause", *(words.method(name) for name, _ in methods)]
    moved = _moved(run)
    caption = (
        "Change of each measure under one change at a time, with 95 % intervals over hearts. "
        "Diamonds: knobs, which should leave it alone."
    )
    return [
        Heading("Gain alone, and each cause alone"),
        Paragraph(_CAUSES),
        *([Paragraph(moved)] if moved else []),
        *run.figure("causes", caption),
        Table(
            head,
            lines,
            f"{max(row.hearts for row in run.cause)} simulated hearts.",
            "",
            "moved_by",
            "moved_by",
        ),
    ]


def _moved(run: Material) -> str:
    """Which measures a knob moves farther than the typical cause does."""
    told = []
    for method in dict.fromkeys(row.method for row in run.cause):
        own = [row for row in run.cause if row.method == method]
        knobs = [abs(row.change) for row in own if row.changed in GAINS]
        causes = sorted(abs(row.change) for row in own if row.changed in WORSE)
        if knobs and causes and max(knobs) > causes[len(causes) // 2]:
            told.append(f"{words.method(method)} ({plain(max(knobs))})")
    if not told:
        return "No measure is moved farther by a knob than by the median cause."
    return f"Moved farther by a knob than by the median cause: {', '.join(told)}."
