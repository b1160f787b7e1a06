"""Sections of the report about the run as a whole: answer, protocols, frames, limits, making.

A section takes the material and returns HTML, or None where it has nothing to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echojax.report import page
from echojax.report.page import Html, absent, percent, share, signed, table, text
from echojax.runs.log import SuperResolutionRow
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import all_cells
from echojax.studies.diagnosis.config import StudyConfig
from echojax.studies.diagnosis.figures import sr_label
from echojax.studies.diagnosis.predictions import Cell, in_order
from echojax.studies.diagnosis.tables import AccuracyRow, CostRow, GainRow, MeanGainRow
from echojax.vocabulary import QUALITIES
from echojax.wording import count

PROTOCOLS = {
    "paper": "As in the paper: balanced strata, each split frame by frame at random; a classifier "
    "is tested on the held-out part of its own stratum and on every frame of the others; "
    "super-resolution learns from all good frames. This leaks: ED and ES of one recording can be "
    "on both sides (the view task gains by it, as both have one label; the phase task may lose, as "
    "their labels are opposite), and super-resolution has seen good frames that are tested. It is "
    "here to be set beside the paper and does not tell what a new patient may expect.",
    "patient": "No patient is on both sides, neither for the classifier nor for super-resolution; "
    "recordings that appear under two names count as one patient. This is what a new patient may "
    "expect.",
}
MODES = {
    "upscale": "the frame itself is made four times larger, then resized to the classifier's input",
    "restore": "the frame is reduced by 4 and brought back to its size",
}


@dataclass(frozen=True)
class Material:
    """All a section may draw on: what is on disk, the tables made of it and the figures."""

    path: Path
    config_text: str
    study: StudyConfig
    environment: dict[str, str]
    dataset: list[list[str]]
    predictions: int
    accuracy: list[AccuracyRow]
    gain: list[GainRow]
    mean_gain: list[MeanGainRow]
    cost: list[CostRow]
    fidelity: list[SuperResolutionRow]
    figures: dict[str, Path]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def protocols(self) -> list[str]:
        """Protocols asked for and protocols found, in reading order."""
        found = (row.protocol for row in self.accuracy)
        return in_order([*self.study.protocols, *found], "protocol")

    @property
    def networks(self) -> list[str]:
        """Super-resolution networks asked for."""
        return in_order(set(self.study.sr) - {"none", "bicubic"}, "sr")

    def asked(self, protocol: str, *, enhanced: bool) -> list[Cell]:
        """Cells of a protocol that the run's configuration asks for."""
        return [
            cell
            for cell in all_cells(self.study)
            if cell.protocol == protocol and (cell.sr != "none") == enhanced
        ]

    def figure(self, key: str, caption: str) -> str:
        """A figure, or a sentence that it is not there."""
        if key not in self.figures:
            subject = caption.split(". ")[0].rstrip(".")
            return absent(f"Figure not in this run yet: {subject}.")
        return page.figure(self.figures[key], caption)


def banner(run: Material) -> str:
    """Title, name and note."""
    note = f"<p class=note>{text(run.study.note)}</p>" if run.study.note else ""
    return (
        f"<h1>Poor echo frames and super-resolution</h1><p class=run>Run {text(run.name)}</p>{note}"
    )


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
    key += "".join(f" {mode.capitalize()}: {MODES[mode]}." for mode in MODES if mode in used)
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
        f"Trained on good frames, the {row.task} classifier is right on {share(row.home)} of good "
        f"and {share(row.away)} of poor ones: a change of {change(row)}."
        for row in run.cost
        if (row.protocol, row.train, row.test) == (protocol, "good", "poor")
    ]
    if sentences:
        return sentences
    asked = {cell[2:4] for cell in run.asked(protocol, enhanced=False)}
    if asked >= {("good", "good"), ("good", "poor")}:
        return ["What poor quality costs is not known: cells trained on good frames are missing."]
    return ["This run does not ask what poor quality costs a classifier trained on good frames."]


def _gain_sentences(run: Material, protocol: str) -> list[str]:
    rows = [row for row in run.mean_gain if row.protocol == protocol]
    networks = in_order([row.sr for row in rows if row.sr != "bicubic"], "sr")
    sentences = [
        f"{sr_label(row.sr)} in {row.mode} mode changes accuracy by {change(row)}, mean of "
        f"{count(row.cells, 'enhanced cell')}{control(row)}."
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
        return f"{percent(row.change)} (too few patients for an interval)"
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


def protocols(run: Material) -> str:
    """How frames were split, and how much of each protocol is here."""
    rows = []
    for protocol in run.protocols:
        cells = [row for row in run.accuracy if row.protocol == protocol]
        amount = (
            f"{count(len(cells), 'cell')}, {count(max(r.seeds for r in cells), 'seed')}, "
            f"{count(max(r.folds for r in cells), 'fold')}"
            if cells
            else "asked for, no predictions yet"
        )
        meaning = PROTOCOLS.get(protocol, "This report has no description of it.")
        rows.append([Html(f"<strong>{text(protocol)}</strong>"), meaning, amount])
    return "<h2>How frames were split</h2>" + table(["protocol", "meaning", "here"], rows)


def frames(run: Material) -> str:
    """Examples of the frames, and how many there are."""
    html = "<h2>The frames</h2>"
    html += run.figure("frames", "One frame of each quality, view and phase.")
    if len(run.dataset) > 1:
        html += table(run.dataset[0], run.dataset[1:], "Frames by view, phase and quality.")
    else:
        html += absent("The table of frames is not in this run.")
    rows = [[*kind, *map(str, counts), str(sum(counts))] for kind, counts in paper.COUNTS.items()]
    published = table(["view", "phase", *QUALITIES, "total"], rows)
    return f"{html}<details><summary>The paper's frames (CAMUS)</summary>{published}</details>"


def limits(run: Material) -> str:
    """What the paper leaves open, which of it this run answers, and what stays open."""
    protocols = {row.protocol for row in run.accuracy}
    methods = {(row.protocol, row.sr) for row in run.gain}
    seeds = max((row.seeds for row in run.accuracy), default=0)
    folds = max((row.folds for row in run.accuracy), default=0)
    answers = {
        "leak": "patient" in protocols
        and "the patient protocol keeps a patient on one side" + _diagonal(run),
        "sr_leak": any(p == "patient" and sr != "bicubic" for p, sr in methods)
        and "under the patient protocol every fold has its own "
        "super-resolution, trained without the test patients",
        "control": any(sr == "bicubic" for _, sr in methods)
        and "bicubic interpolation goes the same way as super-resolution",
        "once": seeds > 1
        and f"intervals over patients; {count(seeds, 'seed')} and {count(folds, 'fold')}",
        "operation": {row.mode for row in run.gain} >= set(MODES)
        and "both operations are measured, side by side",
    }
    rows = [
        [weakness, "yes" if answers[key] else "no", answers[key] or ""]
        for key, weakness in paper.WEAK_POINTS.items()
    ]
    return (
        "<h2>Limits</h2>"
        + table(["weak point of the paper", "answered here", "how"], rows)
        + "<p>Intervals cover the choice of test patients, and nothing else: not another hospital, "
        "machine or reader of quality, nor another training set. "
        f"{_seed_spread(run)} Many cells are compared without correction, so about "
        "one interval in twenty misses zero where nothing changes. Poor frames come mostly from "
        "other patients than good ones, so what poor quality costs is not the effect of quality "
        "alone.</p>"
    )


def _diagonal(run: Material) -> str:
    shares = [
        f"{share(row.accuracy)} ({row.protocol})"
        for row in run.accuracy
        if (row.task, row.train, row.test, row.sr) == ("view", "good", "good", "none")
    ]
    return f"; view, good on good: {', '.join(shares)}" if len(shares) > 1 else ""


def _seed_spread(run: Material) -> str:
    deviations = [row.seed_sd for row in run.accuracy if not math.isnan(row.seed_sd)]
    if not deviations:
        return "With one seed the spread from training to training is not known."
    return (
        f"From seed to seed the accuracy of a cell varies by {100 * np.median(deviations):.1f} "
        "points (standard deviation, median over cells; all in <code>tables/accuracy.csv</code>)."
    )


def making(run: Material) -> str:
    """Files, environment, configuration, and how to build the report again."""
    if run.environment:
        environment = table(["environment", ""], sorted(run.environment.items()))
    else:
        environment = absent("environment.json is not in this run.")
    # A report travels: it names the run as seen from where the command was given, or by name.
    here, home = run.path.resolve(), Path.cwd()
    where = here.relative_to(home).as_posix() if here.is_relative_to(home) else here.name
    return (
        f"<h2>How this was made</h2><p>Computed from {run.predictions:,} predictions in "
        "<code>predictions.csv</code> and from <code>log.csv</code>; the numbers are in "
        "<code>tables/</code>, the images in <code>figures/</code>. All of it is rebuilt by "
        f"<code>echojax report --run {text(where)}</code>.</p>{environment}"
        f"<details><summary>Configuration</summary><pre>{text(run.config_text)}</pre></details>"
        f"<p class=source>The paper: {text(paper.SOURCE)}.</p>"
    )
