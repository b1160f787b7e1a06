"""Sections of the report about what was measured: accuracy, its change, and restored frames."""

from __future__ import annotations

import math

from echojax.report.page import MISSING, absent, interval, signed, table, text
from echojax.studies.diagnosis import paper, tables
from echojax.studies.diagnosis.figures import sr_label
from echojax.studies.diagnosis.predictions import Cell, in_order
from echojax.studies.diagnosis.sections import Material
from echojax.studies.diagnosis.tables import AccuracyRow, ordered

SIDES = {"train": "train", "test": "test", "both": "train and test"}


def baseline(run: Material) -> str | None:
    """Accuracy without super-resolution, train by test stratum, beside the paper's."""
    if not run.accuracy:
        return None
    html = "<h2>Without super-resolution</h2>"
    for protocol in run.protocols:
        asked = run.asked(protocol, enhanced=False)
        accuracies = tables.baseline(run.accuracy, asked, protocol)
        html += f"<h3>{text(protocol.capitalize())} protocol</h3>"
        if not any(accuracies.values()):
            html += absent("No accuracy without super-resolution is in this run yet.")
            continue
        tasks = in_order([task for task, _, _ in accuracies], "task")
        pairs = ordered([(train, test) for _, train, test in accuracies], "train", "test")
        rows = []
        for train, test in pairs:
            row = [train, test]
            for task in tasks:
                key = (task, train, test)
                row += _accuracy(accuracies[key]) if key in accuracies else ["", ""]
                row.append(_published(accuracies.get(key)))
            rows.append(row)
        head = ["trained on", "tested on"]
        for task in tasks:
            head += [f"{task}, %", "95 % interval", "paper"]
        html += table(head, rows) + run.figure(
            f"accuracy {protocol}",
            "Accuracy in % without super-resolution, its 95 % interval, and the paper's number.",
        )
    return html


def _accuracy(row: AccuracyRow | None) -> list[str]:
    if row is None:
        return [MISSING, ""]
    return [f"{100 * row.accuracy:.1f}", f"{100 * row.low:.1f} to {100 * row.high:.1f}"]


def _published(row: AccuracyRow | None) -> str:
    value = paper.BASELINE.get((row.task, row.train, row.test)) if row else None
    return "" if value is None else f"{value:.0f}"


def gains(run: Material) -> str | None:
    """What super-resolution changes: figure, means and every cell."""
    asked = any(run.asked(protocol, enhanced=True) for protocol in run.protocols)
    if not run.accuracy or not (run.gain or asked):
        return None
    html = (
        "<h2>With super-resolution</h2><p>Change of accuracy in percent of the accuracy without "
        "enhancement, on the same frames, folds and seeds, with 95 % intervals from resampled "
        "patients. An interval that excludes zero has its change in bold. <em>bicubic</em> is the "
        "control: the same operation without a network.</p>"
    )
    if not run.gain:
        return html + absent(
            "No enhanced cell is in this run yet beside its counterpart without it."
        )
    for protocol in run.protocols:
        html += f"<h3>{text(protocol.capitalize())} protocol</h3>"
        if not any(row.protocol == protocol for row in run.gain):
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
                    f"{sr_label(row.sr)}, {row.mode}",
                    str(row.cells),
                    interval(row.change, row.low, row.high),
                    interval(row.bicubic_change, row.bicubic_low, row.bicubic_high),
                    "" if published is None else f"+{published:g}",
                ]
            )
    head = ["method", "cells", "change, %", "against bicubic, %", "paper"]
    return table(head, rows, "Mean change over all enhanced cells of all tasks.")


def _gain_table(run: Material, protocol: str) -> str:
    found = {Cell(*row[:7]): row for row in run.gain if row.protocol == protocol}
    asked = set(run.asked(protocol, enhanced=True))
    before = tables.baseline(run.accuracy, run.asked(protocol, enhanced=False), protocol)
    cells = asked | set(found)
    methods = ordered([(cell.sr, cell.mode) for cell in cells], "sr", "mode")
    cases = [(cell.task, cell.train, cell.test, cell.sr_on) for cell in cells]
    rows = []
    for task, train, test, sr_on in ordered(cases, "task", "train", "test", "sr_on"):
        base = before.get((task, train, test))
        line = [task, train, test, SIDES.get(sr_on, sr_on)]
        line.append(f"{100 * base.accuracy:.1f}" if base else MISSING)
        any_found = False
        for sr, mode in methods:
            cell = Cell(protocol, task, train, test, sr, mode, sr_on)
            if cell in found:
                any_found = True
                line.append(interval(found[cell].change, found[cell].low, found[cell].high))
            else:
                line.append(MISSING if cell in asked else "")
        published = tables.published_gain(task, train, test, sr_on) if any_found else None
        line.append("" if published is None else signed(published))
        rows.append(line)
    head = ["task", "trained on", "tested on", "enhanced", "before, %"]
    head += [f"{sr_label(sr)}, {mode}" for sr, mode in methods]
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
        rows = [
            [
                sr_label(row.model),
                row.protocol,
                row.fold,
                f"{row.step:,}",
                _closeness(row.psnr, row.ssim),
                _closeness(row.psnr_bicubic, row.ssim_bicubic),
                _closeness(row.psnr_lanczos, row.ssim_lanczos),
            ]
            for row in run.fidelity
        ]
        head = ["model", "protocol", "fold", "step", "PSNR, dB / SSIM", "bicubic", "Lanczos"]
        html += table(head, rows, "Held-out frames, reduced by 4 and brought back; their mean.")
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
        f"{sr_label(sr)} {value.psnr:.2f} dB / {value.ssim:.4f}"
        for sr, value in paper.RESTORATION.items()
        if sr in models
    )
    caption += f" The paper gives for its poor frame: {published}." if published else ""
    return html + run.figure("patches", caption)


def _closeness(psnr: float, ssim: float) -> str:
    return "" if math.isnan(psnr) else f"{psnr:.2f} / {ssim:.4f}"
