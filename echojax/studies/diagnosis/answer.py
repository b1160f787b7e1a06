"""The answer of a run, in two sentences made from its numbers, and the figure that shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from echojax.report.blocks import Block, Box, Paragraph, absent
from echojax.report.crossed import LEAST_TRAININGS
from echojax.report.figures import enhancement_label
from echojax.report.numerals import bounds, points
from echojax.report.statistics import LEAST_PATIENTS
from echojax.studies.diagnosis.costs import CostRow
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.studies.diagnosis.primary import CELLS, MARGIN, Finding, PrimaryRow
from echojax.vocabulary import GENERATORS
from echojax.wording import count

_MODE_MEANINGS = {
    "upscale": "the frame itself is made four times larger, then resized to the classifier's input",
    "restore": "the frame is reduced by 4 and brought back to its size",
}
_QUESTION = (
    "How far does poor image quality hurt a classifier of echo frames, and how much does "
    "super-resolution give back?"
)
_NEEDED = f"{LEAST_TRAININGS} trainings, {LEAST_PATIENTS} patients and all {len(CELLS)} cells"
# What is said of one comparison, and of several, in this order.
_FINDINGS: dict[Finding, tuple[str, str]] = {
    "more": ("gives more", "give more"),
    "less": ("gives less", "give less"),
    "within": (f"is within {MARGIN:g} {ACCURACY.step}", f"are within {MARGIN:g} {ACCURACY.step}"),
    "same": ("changes not a single answer", "change not a single answer"),
    "open": ("is not decided", "are not decided"),
    "at chance": (
        "has no verdict, as classifiers at chance make every gain meaningless",
        "have no verdict, as classifiers at chance make every gain meaningless",
    ),
    "unanswered": (
        f"has no answer, which needs {_NEEDED}",
        f"have no answer, which needs {_NEEDED}",
    ),
}


def answer(run: Material) -> list[Block]:
    """What was found: two sentences and one figure."""
    question = Paragraph(_QUESTION, "question")
    if not run.accuracy:
        return [question, absent("No predictions exist yet, so there is no answer.")]
    protocol, said = run.leading, " ".join(sentences(run))
    key = (
        f"Protocol {protocol}. Intervals are of 95 %, over patients and trainings; "
        f"{ACCURACY.step} are of {ACCURACY.name}."
    )
    used = dict.fromkeys(row.mode for row in run.primary)
    key += "".join(
        f" {mode.capitalize()}: {_MODE_MEANINGS[mode]}." for mode in used if mode in _MODE_MEANINGS
    )
    blocks: list[Block] = [question, Box([Paragraph(said), Paragraph(key, "key")])]
    if any(row.protocol == protocol for row in run.primary):
        caption = (
            "Networks against bicubic interpolation in their place; lines are 95 % intervals, the "
            f"band is \N{PLUS-MINUS SIGN}{MARGIN:g} {ACCURACY.step}, within which a difference is "
            "none to anybody. Hollow: the classifiers are at chance."
        )
        blocks.append(run.figure("primary", caption))
    return blocks


def sentences(run: Material) -> list[str]:
    """What poor quality costs and what super-resolution gives back; none without predictions."""
    if not run.accuracy:
        return []
    return [_cost_sentence(run, run.leading), _primary_sentence(run, run.leading)]


def _cost_sentence(run: Material, protocol: str) -> str:
    rows = [
        row
        for row in run.cost
        if (row.cell.protocol, row.cell.train, row.cell.test) == (protocol, "good", "poor")
    ]
    if not rows:
        asked = {(cell.train, cell.test) for cell in run.asked(protocol, enhanced=False)}
        if asked >= {("good", "good"), ("good", "poor")}:
            return (
                "What poor quality costs is not known, as cells trained on good frames are missing."
            )
        return "This run does not ask what poor quality costs a classifier trained on good frames."
    at_chance = {row.cell for row in run.accuracy if row.at_chance}
    told = "; ".join(
        f"{row.cell.task} {change(row)}"
        + ", at chance already on good ones" * (row.cell._replace(test="good") in at_chance)
        for row in rows
    )
    if all(row.paired for row in rows):
        return (
            "Poor quality changes the accuracy of classifiers trained on good frames, on the same "
            f"persons, by: {told}."
        )
    return (
        "Between good and poor frames, of mostly other patients, the accuracy of classifiers "
        f"trained on good ones changes by: {told}."
    )


def _primary_sentence(run: Material, protocol: str) -> str:
    rows = [row for row in run.primary if row.protocol == protocol]
    if not rows:
        there = {row.cell.sr for row in run.gain if row.cell.protocol == protocol}
        if there.intersection(GENERATORS):
            return "Super-resolution stands alone here, with no bicubic control to compare."
        asked = {cell.sr for cell in run.asked(protocol, enhanced=True)}.intersection(GENERATORS)
        return f"Super-resolution is not {'in this run yet' if asked else 'part of this run'}."
    clauses = []
    for finding, verbs in _FINDINGS.items():
        own = [row for row in rows if row.finding == finding]
        if own:
            clauses.append(f"{len(own)} {verbs[len(own) > 1]}{_list(own, finding)}")
    gained = any(row.finding == "more" for row in rows)
    lead = (
        "Super-resolution gives more than bicubic interpolation"
        if gained
        else "That super-resolution gives more than bicubic interpolation is not shown"
    )
    return f"{lead}: of {count(len(rows), 'comparison')}, {'; '.join(clauses)}."


def _list(rows: Sequence[PrimaryRow], finding: Finding) -> str:
    if finding in ("at chance", "unanswered"):
        return ""
    told = [
        f"{row.task} by {enhancement_label(row.sr)} {row.mode} {points(row.points)}, "
        f"{bounds(row.low, row.high)}"
        for row in rows
    ]
    return f" ({'; '.join(told)})"


def change(row: CostRow) -> str:
    """A cost in points with its interval, and whether that can be told from none."""
    if math.isnan(row.points_low):
        return f"{points(row.points)} (too few trainings or patients for an interval)"
    sure = "" if row.points_low > 0 or row.points_high < 0 else ", not distinguishable from none"
    return f"{points(row.points)} ({bounds(row.points_low, row.points_high)}{sure})"
