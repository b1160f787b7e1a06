"""The sections of a run's report beside its answer.

A section takes the material and returns HTML, or None where it has nothing to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from echojax.report import origin
from echojax.report.crossed import LEAST_TRAININGS
from echojax.report.figures import enhancement_label
from echojax.report.page import MISSING, Html, absent, interval, share, signed, table, text
from echojax.report.statistics import LEAST_PATIENTS
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.accuracies import AccuracyRow, published_accuracy
from echojax.studies.diagnosis.cells import Cell, in_order, ordered
from echojax.studies.diagnosis.gains import published_gain
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.primary import LEVEL, MARGIN
from echojax.studies.diagnosis.restoration import SuperResolutionRow
from echojax.vocabulary import MODES, NONE, QUALITIES
from echojax.wording import count

_PROTOCOL_MEANINGS = {
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
_SIDE_LABELS = {"train": "train", "test": "test", "both": "train and test"}


def banner(run: Material) -> str:
    """Title, name and note."""
    note = f"<p class=note>{text(run.study.note)}</p>" if run.study.note else ""
    return (
        "<h1>Poor echo frames and super-resolution</h1>"
        f"<p class=run>Run {text(run.origin.name)}</p>{note}"
    )


def protocols(run: Material) -> str:
    """How frames were split, and how much of each protocol is here."""
    rows = []
    for protocol in run.protocols:
        cells = [row for row in run.accuracy if row.cell.protocol == protocol]
        amount = (
            f"{count(len(cells), 'cell')}, {count(max(r.seeds for r in cells), 'seed')}, "
            f"{count(max(r.folds for r in cells), 'fold')}"
            if cells
            else "asked for, no predictions yet"
        )
        meaning = _PROTOCOL_MEANINGS.get(protocol, "This report has no description of it.")
        rows.append([Html(f"<strong>{text(protocol)}</strong>"), meaning, amount])
    return "<h2>How frames were split</h2>" + table(["protocol", "meaning", "here"], rows)


def baseline(run: Material) -> str | None:
    """Accuracy without super-resolution, train by test stratum, beside the paper's."""
    if not run.accuracy:
        return None
    html = "<h2>Without super-resolution</h2>"
    for protocol in run.protocols:
        accuracies = run.baseline(protocol)
        html += f"<h3>{text(protocol.capitalize())} protocol</h3>"
        if not any(accuracies.values()):
            html += absent("No accuracy without super-resolution is in this run yet.")
            continue
        tasks = in_order((cell.task for cell in accuracies), "task")
        rows = []
        for train, test in ordered([(c.train, c.test) for c in accuracies], "train", "test"):
            line = [train, test]
            for task in tasks:
                line += _accuracy(Cell(protocol, task, train, test, NONE, NONE, NONE), accuracies)
            rows.append(line)
        head = ["trained on", "tested on"]
        for task in tasks:
            head += [f"{task}, %", "95 % interval", "thumbnail", "paper"]
        html += table(head, rows, _chance(accuracies)) + run.figure(
            f"accuracy {protocol}",
            "Accuracy in % without super-resolution, its 95 % interval, and the paper's number.",
        )
        html += _other_measures(accuracies)
    return html


def _chance(accuracies: Mapping[Cell, AccuracyRow | None]) -> str:
    """What always the more frequent class would get."""
    by_task: dict[str, list[float]] = {}
    for cell, row in accuracies.items():
        if row is not None:
            by_task.setdefault(cell.task, []).append(100 * row.chance)
    told = [
        f"{task} {min(shares):.1f}" + (f" to {max(shares):.1f}" if np.ptp(shares) >= 0.05 else "")
        for task, shares in by_task.items()
    ]
    return (
        f"Always the more frequent class would be right on, in %: {', '.join(told)}. Thumbnail: "
        "ridge regression on 8 x 8 pixels, which needs no network."
    )


def _other_measures(accuracies: Mapping[Cell, AccuracyRow | None]) -> str:
    rows = [
        [
            cell.task,
            cell.train,
            cell.test,
            *(
                f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"
                if not math.isnan(low)
                else ("" if math.isnan(value) else f"{100 * value:.1f}")
                for value, low, high in (
                    (row.balanced, row.balanced_low, row.balanced_high),
                    (row.auc, row.auc_low, row.auc_high),
                )
            ),
        ]
        for cell, row in accuracies.items()
        if row is not None
    ]
    head = [
        "task",
        "trained on",
        "tested on",
        "balanced accuracy, %",
        "area under the ROC curve, %",
    ]
    summary = "<summary>Balanced accuracy and area under the ROC curve</summary>"
    return f"<details>{summary}{table(head, rows)}</details>"


def _accuracy(cell: Cell, accuracies: Mapping[Cell, AccuracyRow | None]) -> list[str]:
    """Accuracy, its interval, what needs no network, and the paper's number beside them."""
    row = accuracies.get(cell)
    if row is None:
        return [MISSING if cell in accuracies else "", "", "", ""]
    published = published_accuracy(cell)
    return [
        f"{100 * row.accuracy:.1f}",
        "" if math.isnan(row.low) else f"{100 * row.low:.1f} to {100 * row.high:.1f}",
        "" if math.isnan(row.thumbnail) else f"{100 * row.thumbnail:.1f}",
        "" if published is None else f"{published:.0f}",
    ]


def primary(run: Material) -> str | None:
    """Networks against bicubic interpolation: what the study was made to answer."""
    if not run.networks and not run.primary:
        return None
    html = (
        "<h2>More than interpolation?</h2><p>The primary question, fixed before any result: "
        "accuracy with a network minus accuracy with bicubic interpolation in its place, in "
        "points, mean of the four cells of the paper's Fig. 4 (trained on enhanced poor frames "
        "and tested on good and medium ones; trained on good and on medium frames and tested on "
        "enhanced poor ones). The p values are adjusted for the family of these comparisons "
        f"(Holm); within {MARGIN:g} points it is where two one-sided tests say so; what would have "
        "been found, with a power of 80 %, is told where nothing can be said. Everything below "
        "this table is exploratory.</p>"
    )
    rows = [
        [
            row.protocol,
            row.task,
            f"{enhancement_label(row.sr)}, {row.mode}",
            interval(row.points, row.low, row.high, sure=row.holm < LEVEL),
            "" if math.isnan(row.holm) else f"{row.holm:.3f}",
            row.verdict,
            signed(row.percent),
        ]
        for row in run.primary
    ]
    if not rows:
        return html + absent("No network is in this run beside bicubic interpolation yet.")
    head = ["protocol", "task", "network", "points", "p (Holm)", "verdict", "relative, %"]
    return html + table(head, rows)


def leakage(run: Material) -> str | None:
    """What the paper's protocol shows beyond one that keeps patients apart."""
    if not run.leak:
        return None
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
    return (
        "<h2>What leakage adds</h2><p>Protocol <em>paper</em> minus protocol <em>patient</em>, "
        "without super-resolution. Exploratory; the two also test on other frames.</p>"
        + table(head, rows)
    )


def gains(run: Material) -> str | None:
    """What super-resolution changes: figure, means and every cell."""
    asked = any(run.asked(protocol, enhanced=True) for protocol in run.protocols)
    if not run.accuracy or not (run.gain or asked):
        return None
    html = (
        "<h2>With super-resolution, cell by cell</h2><p>Exploratory. Change of accuracy in percent "
        "of the accuracy without enhancement, on the same frames, folds and seeds, with 95 % "
        "intervals over patients and trainings. <em>bicubic</em> is the control: the same "
        "operation without a network.</p>"
    )
    if not run.gain:
        return html + absent(
            "No enhanced cell is in this run yet beside its counterpart without it."
        )
    for protocol in run.protocols:
        html += f"<h3>{text(protocol.capitalize())} protocol</h3>"
        if not any(row.cell.protocol == protocol for row in run.gain):
            html += absent("No enhanced cell of this protocol is in this run.")
            continue
        html += run.figure(
            f"gain {protocol}",
            "Change of accuracy by super-resolution; error bars are 95 % intervals, black lines "
            "the means over SRResNet and SRGAN in the paper's text.",
        )
        html += _mean_table(run, protocol) + _gain_table(run, protocol)
    return html


def _mean_table(run: Material, protocol: str) -> str:
    rows: list[list[str]] = []
    for row in run.mean_gain:
        if row.protocol == protocol:
            published = paper.MEAN_GAIN.get(row.sr)
            rows.append(
                [
                    f"{enhancement_label(row.sr)}, {row.mode}",
                    str(row.cells),
                    interval(row.change, row.low, row.high),
                    interval(row.bicubic_change, row.bicubic_low, row.bicubic_high),
                    "" if published is None else f"+{published:g}",
                ]
            )
    head = ["method", "cells", "change, %", "against bicubic, %", "paper"]
    return table(head, rows, "Mean change over all enhanced cells of all tasks.")


def _gain_table(run: Material, protocol: str) -> str:
    found = {row.cell: row for row in run.gain if row.cell.protocol == protocol}
    asked = set(run.asked(protocol, enhanced=True))
    before = run.baseline(protocol)
    cells = asked | set(found)
    methods = ordered([(cell.sr, cell.mode) for cell in cells], "sr", "mode")
    rows = []
    for case in ordered([cell._replace(sr=NONE, mode=NONE) for cell in cells], *Cell._fields):
        base = before.get(case.baseline())
        line = [case.task, case.train, case.test, _SIDE_LABELS.get(case.sr_on, case.sr_on)]
        line.append(f"{100 * base.accuracy:.1f}" if base else MISSING)
        columns = [case._replace(sr=sr, mode=mode) for sr, mode in methods]
        for cell in columns:
            if cell in found:
                line.append(interval(found[cell].change, found[cell].low, found[cell].high))
            else:
                line.append(MISSING if cell in asked else "")
        any_found = any(cell in found for cell in columns)
        published = published_gain(case) if any_found else None
        line.append("" if published is None else signed(published))
        rows.append(line)
    head = ["task", "trained on", "tested on", "enhanced", "before, %"]
    head += [f"{enhancement_label(sr)}, {mode}" for sr, mode in methods]
    return table(
        [*head, "paper"],
        rows,
        "Change in %, each cell; the paper's are means over SRResNet and SRGAN.",
    )


def fidelity(run: Material) -> str | None:
    """How close restored frames come to the originals."""
    shown = {"sr_training", "patches"} & set(run.figures)
    if not (run.networks or run.fidelity or shown):
        return None
    html = "<h2>How well super-resolution restores</h2>"
    if run.fidelity:
        for suffix, where in (("", "over the whole frame"), ("_sector", "inside the sector")):
            rows = [
                [
                    enhancement_label(row.model),
                    row.protocol,
                    row.fold,
                    f"{row.step:,}",
                    *(_closeness(row, suffix + way) for way in ("", "_bicubic", "_lanczos")),
                ]
                for row in run.fidelity
                if not math.isnan(getattr(row, f"psnr{suffix}"))
            ]
            head = ["model", "protocol", "fold", "step", "PSNR, dB / SSIM", "bicubic", "Lanczos"]
            if rows:
                html += table(
                    head, rows, f"Held-out frames, reduced and brought back, {where}; their mean."
                )
    elif run.networks:
        html += absent("No super-resolution training is in this run's log yet.")
    if run.networks or "sr_training" in shown:
        html += run.figure("sr_training", "PSNR of held-out frames during training.")
    caption = (
        "A patch of a test frame of the lowest quality in this run. "
        "Above: the frame reduced by 4 and restored, PSNR / SSIM over the whole frame. Below: the "
        "frame itself enlarged by 4, for which no reference exists."
    )
    models = {row.model for row in run.fidelity}
    published = "; ".join(
        f"{enhancement_label(sr)} {value.psnr:.2f} dB / {value.ssim:.4f}"
        for sr, value in paper.RESTORATION.items()
        if sr in models
    )
    caption += f" The paper gives for its poor frame: {published}." if published else ""
    return html + run.figure("patches", caption)


def _closeness(row: SuperResolutionRow, suffix: str) -> str:
    psnr, ssim = (getattr(row, f"{name}{suffix}") for name in ("psnr", "ssim"))
    return "" if math.isnan(psnr) else f"{psnr:.2f} / {ssim:.4f}"


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
    protocols = {row.cell.protocol for row in run.accuracy}
    methods = {(row.cell.protocol, row.cell.sr) for row in run.gain}
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
        and f"intervals over patients and trainings: {count(seeds, 'seed')}, "
        f"{count(folds, 'fold')}",
        "operation": {row.cell.mode for row in run.gain} >= set(MODES)
        and "both operations are measured, side by side",
    }
    rows = [
        [weakness, "yes" if answers[key] else "no", answers[key] or ""]
        for key, weakness in paper.WEAK_POINTS.items()
    ]
    return (
        "<h2>Limits</h2>"
        + table(["weak point of the paper", "answered here", "how"], rows)
        + "<p>Intervals cover the choice of test patients and the chance of training, and nothing "
        "else: not another hospital, machine or reader of quality, nor another training set. Fewer "
        f"than {LEAST_TRAININGS} trainings or {LEAST_PATIENTS} patients give no interval. "
        f"{_seed_spread(run)} Many cells are compared without correction, so about "
        "one interval in twenty misses zero where nothing changes. Poor frames come mostly from "
        "other patients than good ones, so what poor quality costs is not the effect of quality "
        "alone.</p>"
    )


def _diagonal(run: Material) -> str:
    asked = [Cell(protocol, "view", "good", "good", NONE, NONE, NONE) for protocol in run.protocols]
    shares = [
        f"{share(row.accuracy)} ({row.cell.protocol})" for row in run.accuracy if row.cell in asked
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
    """Files, environment, configuration, and how to build the report again; the paper."""
    sources = (
        f"{run.predictions:,} predictions in <code>predictions.csv</code> and from "
        "<code>log.csv</code>"
    )
    made = origin.section(run.origin, sources, "echojax report --run")
    return f"{made}<p class=source>The paper: {text(paper.SOURCE)}.</p>"
