"""The answer of a run, in words: what poor quality costs, and what enhancement gives back."""

from __future__ import annotations

import math

from echojax.report.figures import enhancement_label
from echojax.report.page import absent, percent, share, signed, text
from echojax.studies.diagnosis.cells import in_order
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.tables import CostRow, MeanGainRow
from echojax.vocabulary import MODES
from echojax.wording import count

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
    key = "Changes are in percent of the accuracy before, in parentheses their 95 % intervals."
    used = {row.mode for row in run.mean_gain}
    key += "".join(
        f" {mode.capitalize()}: {_MODE_MEANINGS[mode]}." for mode in MODES if mode in used
    )
    answers = "".join(_protocol_answer(run, protocol) for protocol in run.protocols)
    return f"{question}<div class=answer>{answers}<p class=key>{text(key)}</p></div>"


def _protocol_answer(run: Material, protocol: str) -> str:
    sentences = "".join(
        f"<li>{text(sentence)}</li>"
        for sentence in [*_cost_sentences(run, protocol), *_gain_sentences(run, protocol)]
    )
    lead = f"<strong>{text(protocol.capitalize())} protocol</strong>"
    return f"<p>{lead}</p><ul>{sentences}</ul>"


def _cost_sentences(run: Material, protocol: str) -> list[str]:
    sentences = [
        f"Trained on good frames, the {row.cell.task} classifier is right on {share(row.home)} of "
        f"good and {share(row.away)} of poor ones: a change of {change(row)}."
        for row in run.cost
        if (row.cell.protocol, row.cell.train, row.cell.test) == (protocol, "good", "poor")
    ]
    if sentences:
        return sentences
    asked = {(cell.train, cell.test) for cell in run.asked(protocol, enhanced=False)}
    if asked >= {("good", "good"), ("good", "poor")}:
        return ["What poor quality costs is not known: cells trained on good frames are missing."]
    return ["This run does not ask what poor quality costs a classifier trained on good frames."]


def _gain_sentences(run: Material, protocol: str) -> list[str]:
    rows = [row for row in run.mean_gain if row.protocol == protocol]
    networks = in_order([row.sr for row in rows if row.sr != "bicubic"], "sr")
    sentences = [
        f"{enhancement_label(row.sr)} in {row.mode} mode changes accuracy by {change(row)}, mean "
        f"of {count(row.cells, 'enhanced cell')}{control(row)}."
        for sr in networks
        for row in rows
        if row.sr == sr
    ]
    if not networks:
        asked = {cell.sr for cell in run.asked(protocol, enhanced=True)} - {"bicubic"}
        state = "is not in this run yet" if asked else "is not part of this run"
        sentences.append(f"Super-resolution {state}.")
    controls = [
        f"{change(row)} in {row.mode} mode, mean of {count(row.cells, 'cell')}"
        for row in rows
        if row.sr == "bicubic"
    ]
    if controls:
        sentences.append(f"The control, bicubic interpolation alone, gives {'; '.join(controls)}.")
    return sentences


def change(row: CostRow | MeanGainRow) -> str:
    """A change with its interval, and whether that can be told from none."""
    if math.isnan(row.low):
        return f"{percent(row.change)} (too few trainings or patients for an interval)"
    sure = "" if row.low > 0 or row.high < 0 else ", not distinguishable from none"
    return f"{percent(row.change)} ({signed(row.low)} to {signed(row.high)}{sure})"


def control(row: MeanGainRow) -> str:
    """How a network compares with bicubic interpolation."""
    if math.isnan(row.bicubic_low):
        return ", with no bicubic control to compare"
    if row.bicubic_low > 0:
        verdict = "more than interpolation explains"
    elif row.bicubic_high < 0:
        verdict = "less than plain interpolation gives"
    else:
        verdict = "so nothing beyond interpolation is shown"
    bounds = f"{signed(row.bicubic_low)} to {signed(row.bicubic_high)}"
    return f"; against bicubic it is {percent(row.bicubic_change)} ({bounds}), {verdict}"
