"""The answer of a run, in words: what poor quality costs, and what enhancement gives back."""

from __future__ import annotations

import math

from echojax.report.figures import enhancement_label
from echojax.report.page import absent, percent, share, signed, text
from echojax.studies.diagnosis.cells import in_order
from echojax.studies.diagnosis.costs import CostRow
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.primary import PrimaryRow
from echojax.vocabulary import MODES

_MODE_MEANINGS = {
    "upscale": "the frame itself is made four times larger, then resized to the classifier's input",
    "restore": "the frame is reduced by 4 and brought back to its size",
}


def answer(run: Material) -> str:
    """What was found, in words."""
    question = (
        "<p class=question>How far does poor image quality hurt a classifier of echo frames, and "
        "how much does super-resolution give back?</p>"
    )
    if not run.accuracy:
        return question + absent("No predictions exist yet, so there is no answer.")
    key = "In parentheses 95 % intervals, over patients and trainings."
    used = {row.mode for row in run.primary}
    key += "".join(
        f" {mode.capitalize()}: {_MODE_MEANINGS[mode]}." for mode in MODES if mode in used
    )
    answers = "".join(_protocol_answer(run, protocol) for protocol in run.protocols)
    return f"{question}<div class=answer>{answers}<p class=key>{text(key)}</p></div>"


def _protocol_answer(run: Material, protocol: str) -> str:
    sentences = "".join(
        f"<li>{text(sentence)}</li>"
        for sentence in [*_cost_sentences(run, protocol), *_primary_sentences(run, protocol)]
    )
    lead = f"<strong>{text(protocol.capitalize())} protocol</strong>"
    return f"<p>{lead}</p><ul>{sentences}</ul>"


def _cost_sentences(run: Material, protocol: str) -> list[str]:
    sentences = [
        f"Trained on good frames, the {row.cell.task} classifier is right on {share(row.home)} of "
        f"good and {share(row.away)} of poor ones, a relative change of {change(row)}."
        for row in run.cost
        if (row.cell.protocol, row.cell.train, row.cell.test) == (protocol, "good", "poor")
    ]
    if sentences:
        return sentences
    asked = {(cell.train, cell.test) for cell in run.asked(protocol, enhanced=False)}
    if asked >= {("good", "good"), ("good", "poor")}:
        return ["What poor quality costs is not known: cells trained on good frames are missing."]
    return ["This run does not ask what poor quality costs a classifier trained on good frames."]


def _primary_sentences(run: Material, protocol: str) -> list[str]:
    rows = [row for row in run.primary if row.protocol == protocol]
    if rows:
        return [
            f"{enhancement_label(sr)} against bicubic interpolation in its place, in points of "
            f"accuracy: {'; '.join(_comparison(row) for row in rows if row.sr == sr)}."
            for sr in in_order([row.sr for row in rows], "sr")
        ]
    there = {row.cell.sr for row in run.gain if row.cell.protocol == protocol}
    if there - {"bicubic"}:
        return ["Super-resolution stands alone here, with no bicubic control to compare."]
    asked = {cell.sr for cell in run.asked(protocol, enhanced=True)} - {"bicubic"}
    return [f"Super-resolution is not {'in this run yet' if asked else 'part of this run'}."]


def _comparison(row: PrimaryRow) -> str:
    bounds = "" if math.isnan(row.low) else f" ({signed(row.low)} to {signed(row.high)})"
    return f"{row.task}, {row.mode} {signed(row.points)}{bounds}, {row.verdict}"


def change(row: CostRow) -> str:
    """A change with its interval, and whether that can be told from none."""
    if math.isnan(row.low):
        return f"{percent(row.change)} (too few trainings or patients for an interval)"
    sure = "" if row.low > 0 or row.high < 0 else ", not distinguishable from none"
    return f"{percent(row.change)} ({signed(row.low)} to {signed(row.high)}{sure})"
