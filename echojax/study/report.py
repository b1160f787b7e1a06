"""The report of a run: one HTML file, everything in it recomputed from the run directory."""

from __future__ import annotations

import base64
import csv
import json
import math
import os
import re
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from echojax.errors import InputError
from echojax.study import figures, paper, tables
from echojax.study.figures import sr_label
from echojax.study.predictions import STRATA, TASKS, Predictions, in_order, place, read
from echojax.study.tables import AccuracyRow, CostRow, GainRow, MeanGainRow, SuperResolutionRow

PROTOCOLS = {
    "paper": "As in the paper: balanced strata, frames split at random (80 % to train there); off "
    "the diagonal every frame of the other stratum is tested; super-resolution learns from all "
    "good frames. This leaks: ED and ES of one patient can be on both sides, and super-resolution "
    "has seen good frames that are tested. Read its numbers as a repetition of the paper, not as "
    "what a new patient may expect.",
    "patient": "No patient is on both sides, neither for the classifier nor for super-resolution; "
    "recordings that appear under two names count as one patient. This is what a new patient may "
    "expect.",
}
MODES = {
    "upscale": "the frame itself four times larger, then resized to the classifier's input",
    "restore": "the frame reduced by 4 and brought back to its size",
}
SIDES = {"train": "train", "test": "test", "both": "train and test"}


@dataclass(frozen=True)
class Run:
    """All a section may draw on: what is on disk, the tables made of it and the figures."""

    path: Path
    config_text: str
    study: dict[str, Any]
    environment: dict[str, str]
    dataset: list[list[str]]
    predictions: Predictions
    accuracy: list[AccuracyRow]
    gain: list[GainRow]
    mean_gain: list[MeanGainRow]
    cost: list[CostRow]
    fidelity: list[SuperResolutionRow]
    figures: dict[str, Path]

    @property
    def protocols(self) -> list[str]:
        """Protocols asked for and protocols found, in reading order."""
        asked = _strings(self.study.get("protocols"))
        return in_order([*asked, *(row.protocol for row in self.accuracy)], "protocol")

    @property
    def tasks(self) -> list[str]:
        """Tasks asked for (both where the configuration says nothing) and tasks found."""
        asked = _strings(self.study.get("tasks")) or list(TASKS)
        return in_order([*asked, *(row.task for row in self.accuracy)], "task")


class Html(str):
    """Text that is HTML already; all other text is escaped."""

    __slots__ = ()


def build(run: Path) -> Path:
    """Write the tables, the figures and `report.html` of a run, complete or not.

    Args:
        run: a run directory (holds `config.toml`).

    Returns:
        The report's path.

    Raises:
        InputError: if `run` is no run directory or one of its files cannot be understood.
    """
    found = _load(run)
    sections = [html for section in SECTIONS if (html := section(found)) is not None]
    title = f"Poor echo frames and super-resolution: {_name(run)}"
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head>\n<body><main>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )
    report = run / "report.html"
    temporary = report.with_name(f".report.html.{os.getpid()}")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(report)
    return report


def _load(run: Path) -> Run:
    config_file = run / "config.toml"
    if not config_file.is_file():
        raise InputError(f"{run}: no config.toml, so this is no run directory")
    config_text = config_file.read_text(encoding="utf-8")
    try:
        config = tomllib.loads(config_text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{config_file}: cannot be read as TOML ({error})") from error
    predictions = read(run / "predictions.csv")
    log = tables.read_log(run / "log.csv")
    accuracy, gain = tables.accuracy_rows(predictions), tables.gain_rows(predictions)
    mean_gain, cost = tables.mean_gain_rows(predictions), tables.cost_rows(predictions)
    fidelity = tables.super_resolution_rows(log)
    folder = run / "tables"
    tables.write(folder / "accuracy.csv", AccuracyRow._fields, accuracy)
    tables.write(folder / "gain.csv", GainRow._fields, gain)
    tables.write(folder / "mean_gain.csv", MeanGainRow._fields, mean_gain)
    tables.write(folder / "quality_cost.csv", CostRow._fields, cost)
    tables.write(folder / "super_resolution.csv", SuperResolutionRow._fields, fidelity)
    study = config.get("study")
    found = Run(
        path=run,
        config_text=config_text,
        study=study if isinstance(study, dict) else {},
        environment=_environment(run / "environment.json"),
        dataset=_csv(folder / "dataset.csv"),
        predictions=predictions,
        accuracy=accuracy,
        gain=gain,
        mean_gain=mean_gain,
        cost=cost,
        fidelity=fidelity,
        figures={},
    )
    return replace(found, figures=_draw(found, log))


def _draw(run: Run, log: list[tables.LogRow]) -> dict[str, Path]:
    folder = run.path / "figures"
    examples = _examples(folder / "examples.npz")
    drawn = {
        "frames": figures.frames(examples, folder / "fig2_frames.png"),
        "patches": figures.patches(examples, folder / "fig3_patches.png"),
        "sr_training": figures.sr_training(log, folder / "sr_training.png"),
    }
    for protocol in run.protocols:
        name = re.sub(r"[^\w-]", "_", protocol)
        gain, accuracy = folder / f"fig4_gain_{name}.png", folder / f"accuracy_{name}.png"
        drawn[f"gain {protocol}"] = figures.gains(run.gain, protocol, gain)
        drawn[f"accuracy {protocol}"] = figures.accuracy(
            run.accuracy, protocol, run.tasks, accuracy
        )
    return {key: path for key, path in drawn.items() if path is not None}


def _examples(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it or run again") from error


def _environment(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: expected a JSON object ({error})") from error


def _csv(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _name(run: Path) -> str:
    return run.resolve().name


# Sections: each returns HTML, or None where it has nothing to say.


def _banner(run: Run) -> str | None:
    note = run.study.get("note")
    name = _text(_name(run.path))
    head = f"<h1>Poor echo frames and super-resolution</h1><p class=run>Run {name}</p>"
    return head + (f"<p class=note>{_text(note)}</p>" if isinstance(note, str) and note else "")


def _answer(run: Run) -> str:
    question = (
        "<p class=question>How far does poor image quality hurt a classifier of echo frames, and "
        "how much does super-resolution give back?</p>"
    )
    if not run.accuracy:
        return question + "<p class=missing>No predictions exist yet, so there is no answer.</p>"
    answers = [_protocol_answer(run, protocol) for protocol in run.protocols]
    key = (
        "<p class=key>Changes are in percent of the accuracy before, in parentheses their 95 % "
        "intervals.</p>"
    )
    return f"{question}<div class=answer>{''.join(answers)}{key}</div>"


def _protocol_answer(run: Run, protocol: str) -> str:
    costs = [row for row in run.cost if row.protocol == protocol]
    gains = [row for row in run.mean_gain if row.protocol == protocol]
    sentences = [
        f"Trained on good frames, the {row.task} classifier is right on {_share(row.home)} of good "
        f"and {_share(row.away)} of poor ones: a change of {_change(row)}."
        for row in costs
        if (row.train, row.test) == ("good", "poor")
    ] or ["What poor quality costs is not known: the cells trained on good frames are missing."]
    for sr in in_order([row.sr for row in gains if row.sr != "bicubic"], "sr"):
        modes = [row for row in gains if row.sr == sr]
        effects = "; ".join(f"by {_change(row)} in {row.mode} mode{_control(row)}" for row in modes)
        cells = " and ".join(sorted({_count(row.cells, "enhanced cell") for row in modes}))
        sentences.append(f"{sr_label(sr)} changes accuracy, mean of {cells}, {effects}.")
    if all(row.sr == "bicubic" for row in gains):
        sentences.append("Super-resolution is not in this run yet.")
    control = [
        f"{_change(row)} in {row.mode} mode, mean of {_count(row.cells, 'cell')}"
        for row in gains
        if row.sr == "bicubic"
    ]
    if control:
        sentences.append(f"The control, bicubic interpolation alone, gives {'; '.join(control)}.")
    lead = f"<strong>{_text(protocol.capitalize())} protocol.</strong>"
    return f"<p>{lead} {_text(' '.join(sentences))}</p>"


def _change(row: CostRow | MeanGainRow) -> str:
    if math.isnan(row.low):
        return f"{_percent(row.change)} (too few patients for an interval)"
    sure = "" if row.low > 0 or row.high < 0 else ", not distinguishable from none"
    return f"{_percent(row.change)} ({_signed(row.low)} to {_signed(row.high)}{sure})"


def _control(row: MeanGainRow) -> str:
    if math.isnan(row.bicubic_low):
        return ", with no bicubic control to compare"
    if row.bicubic_low > 0:
        verdict = "more than interpolation explains"
    elif row.bicubic_high < 0:
        verdict = "less than plain interpolation gives"
    else:
        verdict = "so nothing beyond interpolation is shown"
    interval = f"{_signed(row.bicubic_low)} to {_signed(row.bicubic_high)}"
    return f", which is {_percent(row.bicubic_change)} ({interval}) against bicubic, {verdict}"


def _protocols(run: Run) -> str:
    rows = []
    for protocol in run.protocols:
        cells = [row for row in run.accuracy if row.protocol == protocol]
        amount = (
            f"{len(cells)} cells, {_count(max(r.seeds for r in cells), 'seed')}, "
            f"{_count(max(r.folds for r in cells), 'fold')}"
            if cells
            else "asked for, no predictions yet"
        )
        meaning = PROTOCOLS.get(protocol, "This report has no description of it.")
        rows.append([Html(f"<strong>{_text(protocol)}</strong>"), meaning, amount])
    return "<h2>How frames were split</h2>" + _table(["protocol", "meaning", "here"], rows)


def _dataset(run: Run) -> str:
    html = "<h2>The frames</h2>"
    if len(run.dataset) > 1:
        html += _table(run.dataset[0], run.dataset[1:], "Frames by view, phase and quality.")
    else:
        html += "<p class=missing>The table of frames is not in this run.</p>"
    rows = [[*kind, *map(str, counts), str(sum(counts))] for kind, counts in paper.COUNTS.items()]
    columns = ["view", "phase", *STRATA, "total"]
    html += (
        "<details><summary>The paper's frames (CAMUS)</summary>"
        + _table(columns, rows)
        + "</details>"
    )
    return html + _figure(run, "frames", "One frame of each quality, view and phase.")


def _baseline(run: Run) -> str | None:
    if not run.accuracy:
        return None
    html = "<h2>Without super-resolution</h2>"
    strata = tables.strata_in(run.accuracy)
    for protocol in run.protocols:
        found = {
            (row.task, row.train, row.test): row
            for row in run.accuracy
            if row.protocol == protocol and row.sr == "none"
        }
        html += f"<h3>{_text(protocol.capitalize())} protocol</h3>"
        rows: list[list[str]] = []
        for train in strata:
            for test in strata:
                line: list[str] = [train, test]
                for task in run.tasks:
                    published = paper.BASELINE.get((task, train, test))
                    line.append(_accuracy(found.get((task, train, test))))
                    line.append("" if published is None else f"{published:.0f}")
                rows.append(line)
        head = ["trained on", "tested on"]
        head += [name for task in run.tasks for name in (f"{task}, % (95 % interval)", "paper")]
        html += _figure(
            run,
            f"accuracy {protocol}",
            "Accuracy in %, its 95 % interval, and the paper's number.",
        ) + _table(head, rows)
    return html


def _gains(run: Run) -> str | None:
    if not run.accuracy:
        return None
    html = (
        "<h2>With super-resolution</h2><p>Change of accuracy in percent of the accuracy without "
        "enhancement, on the same frames, folds and seeds, with 95 % intervals from resampled "
        "patients. An interval that excludes zero is set in bold. "
        + " ".join(f"<em>{_text(mode)}</em>: {_text(text)}." for mode, text in MODES.items())
        + " <em>bicubic</em> is the control: the same operation without a network.</p>"
    )
    if not run.gain:
        return html + "<p class=missing>No enhanced cell is in this run yet.</p>"
    for protocol in run.protocols:
        rows = [row for row in run.gain if row.protocol == protocol]
        html += f"<h3>{_text(protocol.capitalize())} protocol</h3>"
        html += _figure(
            run,
            f"gain {protocol}",
            "Change of accuracy by super-resolution; error bars are 95 % intervals, black lines "
            "the means over SRResNet and SRGAN in the paper's text.",
        )
        html += _gain_table(run, protocol, rows) + _mean_table(run, protocol)
    return html


def _gain_table(run: Run, protocol: str, rows: Sequence[GainRow]) -> str:
    methods = sorted(
        {(row.sr, row.mode) for row in run.gain},
        key=lambda method: (place("sr", method[0]), place("mode", method[1])),
    )
    found = {(r.task, r.train, r.test, r.sr_on, r.sr, r.mode): r for r in rows}
    before = {
        (row.task, row.train, row.test): row.accuracy
        for row in run.accuracy
        if row.protocol == protocol and row.sr == "none"
    }
    # The cells that the paper reports are expected; others are shown where they exist.
    cases = {
        (task, train, test, "train" if train == "poor" else "test")
        for _, train, test in paper.GAIN
        for task in run.tasks
    }
    cases |= {(row.task, row.train, row.test, row.sr_on) for row in rows}
    lines: list[list[str]] = []
    columns = ("task", "train", "test", "sr_on")
    for case in sorted(cases, key=lambda c: [place(*p) for p in zip(columns, c, strict=True)]):
        task, train, test, sr_on = case
        base, published = before.get((task, train, test)), paper.GAIN.get((task, train, test))
        lines.append(
            [
                task,
                train,
                test,
                SIDES.get(sr_on, sr_on),
                _MISSING if base is None else f"{100 * base:.1f}",
                *(_gain(found.get((*case, *method))) for method in methods),
                f"{published:+.1f}" if published is not None else "",
            ]
        )
    head = ["task", "trained on", "tested on", "enhanced", "before, %"]
    head += [f"{sr_label(sr)}, {mode}" for sr, mode in methods]
    return _table(
        [*head, "paper"],
        lines,
        "Change in %, each cell; the paper's are means over SRResNet and SRGAN.",
    )


def _mean_table(run: Run, protocol: str) -> str:
    rows: list[list[str]] = []
    for row in run.mean_gain:
        if row.protocol == protocol:
            published = paper.MEAN_GAIN.get(row.sr)
            rows.append(
                [
                    f"{sr_label(row.sr)}, {row.mode}",
                    str(row.cells),
                    _interval(row.change, row.low, row.high),
                    _interval(row.bicubic_change, row.bicubic_low, row.bicubic_high),
                    "" if published is None else f"+{published:g}",
                ]
            )
    head = ["method", "cells", "change, %", "against bicubic, %", "paper"]
    return _table(head, rows, "Mean change over all enhanced cells of all tasks.")


def _fidelity(run: Run) -> str:
    html = "<h2>How well super-resolution restores</h2>"
    if run.fidelity:
        rows: list[list[str]] = []
        for row in run.fidelity:
            fidelity = [
                _fidelity_text(row.psnr, row.ssim),
                _fidelity_text(row.psnr_bicubic, row.ssim_bicubic),
                _fidelity_text(row.psnr_lanczos, row.ssim_lanczos),
            ]
            rows.append([sr_label(row.model), row.protocol, row.fold, f"{row.step:,}", *fidelity])
        head = ["model", "protocol", "fold", "step", "PSNR, dB / SSIM", "bicubic", "Lanczos"]
        html += _table(head, rows, "Held-out frames, reduced by 4 and brought back; their mean.")
    else:
        html += "<p class=missing>No super-resolution training is in this run's log yet.</p>"
    html += _figure(run, "sr_training", "PSNR of held-out frames during training.")
    published = "; ".join(
        f"{sr_label(sr)} {value.psnr:.2f} dB / {value.ssim:.4f}"
        for sr, value in paper.RESTORATION.items()
    )
    return html + _figure(
        run,
        "patches",
        "A patch of a poor frame. Above: the frame reduced by 4 and restored, PSNR / SSIM over the "
        "whole frame. Below: the frame itself enlarged by 4, for which no reference exists. The "
        f"paper gives for its poor frame: {published}.",
    )


def _limits(run: Run) -> str:
    strict = any(row.protocol == "patient" for row in run.accuracy)
    strict_sr = any(r.protocol == "patient" and r.sr not in ("none", "bicubic") for r in run.gain)
    bicubic = any(row.sr == "bicubic" for row in run.gain)
    seeds = max((row.seeds for row in run.accuracy), default=0)
    folds = max((row.folds for row in run.accuracy), default=0)
    modes = {row.mode for row in run.gain}
    deviations = [row.seed_sd for row in run.accuracy if not math.isnan(row.seed_sd)]
    deviation = (
        f"From seed to seed the accuracy of a cell varies by {100 * np.median(deviations):.1f} "
        "points (standard deviation, median over cells; all in <code>tables/accuracy.csv</code>). "
        if deviations
        else "With one seed the spread from training to training is not known. "
    )
    spread = f"intervals over patients; {_count(seeds, 'seed')} and {_count(folds, 'fold')}"
    answers = {
        "leak": strict and "the patient protocol keeps a patient on one side" + _diagonal(run),
        "sr_leak": strict_sr
        and "under the patient protocol every fold has its own "
        "super-resolution, trained without the test patients",
        "control": bicubic and "bicubic interpolation goes the same way as super-resolution",
        "once": seeds > 1 and spread,
        "operation": set(MODES) <= modes and "both operations are measured, side by side",
    }
    rows = [
        [text, "yes" if answers[key] else "no", answers[key] or ""]
        for key, text in paper.WEAK_POINTS.items()
    ]
    return (
        "<h2>Limits</h2>"
        + _table(["weak point of the paper", "answered here", "how"], rows)
        + "<p>Intervals cover the choice of test patients, and nothing else: not another hospital, "
        "machine or reader of quality, nor another training set. "
        f"{deviation}Many cells are compared without correction, so about "
        "one interval in twenty misses zero where nothing changes. Frames rated poor come from "
        "other patients than frames rated good, so what poor quality costs is not the effect of "
        "quality alone.</p>"
    )


def _diagonal(run: Run) -> str:
    shares = {
        row.protocol: f"{_share(row.accuracy)} ({row.protocol})"
        for row in run.accuracy
        if (row.task, row.train, row.test, row.sr) == ("view", "good", "good", "none")
    }
    return f"; view, good on good: {', '.join(shares.values())}" if len(shares) > 1 else ""


def _making(run: Run) -> str:
    rows: list[list[str]] = [[key, value] for key, value in sorted(run.environment.items())]
    html = "<h2>How this was made</h2>" + _file_list(run)
    if rows:
        html += _table(["environment", ""], rows)
    else:
        html += "<p class=missing>environment.json is not in this run.</p>"
    # A report travels: it names the run as seen from where the command was given, or by name.
    here, home = run.path.resolve(), Path.cwd()
    where = here.relative_to(home).as_posix() if here.is_relative_to(home) else here.name
    return (
        f"{html}<details open><summary>Configuration</summary><pre>{_text(run.config_text)}</pre>"
        f"</details><p>Tables, figures and this report are rebuilt by "
        f"<code>echojax report --run {_text(where)}</code>.</p>"
        f"<p class=source>The paper: {_text(paper.SOURCE)}.</p>"
    )


def _file_list(run: Run) -> str:
    count = len(run.predictions)
    return (
        f"<p>Computed from {count:,} predictions in <code>predictions.csv</code> and from "
        "<code>log.csv</code>; the numbers are in <code>tables/</code>, the images in "
        "<code>figures/</code>.</p>"
    )


SECTIONS: tuple[Callable[[Run], str | None], ...] = (
    _banner,
    _answer,
    _protocols,
    _dataset,
    _baseline,
    _gains,
    _fidelity,
    _limits,
    _making,
)

# Words, numbers and tables.

_MISSING = Html("<span class=missing>missing</span>")


def _text(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value))


def _signed(value: float) -> str:
    rounded = round(value, 1)
    return f"{rounded:+.1f}".replace("-", "\N{MINUS SIGN}") if rounded else "0.0"


def _percent(value: float) -> str:
    return f"{_signed(value)}\N{NO-BREAK SPACE}%"


def _share(value: float) -> str:
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _accuracy(row: AccuracyRow | None) -> str:
    if row is None:
        return _MISSING
    low, high = 100 * row.low, 100 * row.high
    return Html(f"{100 * row.accuracy:.1f} <small>({low:.1f} to {high:.1f})</small>")


def _gain(row: GainRow | None) -> str:
    return _MISSING if row is None else _interval(row.change, row.low, row.high)


def _interval(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return ""
    bounds = "" if math.isnan(low) else f" <small>({_signed(low)} to {_signed(high)})</small>"
    kind = "b" if low > 0 or high < 0 else "span"
    return Html(f"<{kind}>{_signed(value)}</{kind}>{bounds}")


def _fidelity_text(psnr: float, ssim: float) -> str:
    return "" if math.isnan(psnr) else f"{psnr:.2f} / {ssim:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    heads = "".join(f"<th>{_text(name)}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{_text(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    title = f"<caption>{_text(caption)}</caption>" if caption else ""
    return (
        f"<div class=scroll><table>{title}<thead><tr>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _figure(run: Run, key: str, caption: str) -> str:
    path = run.figures.get(key)
    if path is None:
        subject = caption.split(". ")[0].rstrip(".")
        return f"<p class=missing>Figure not in this run yet: {_text(subject)}.</p>"
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{_text(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


_CSS = """
:root{color-scheme:light dark;--ink:#1c1e21;--paper:#fff;--soft:#5f6670;--line:#d9dce0;
--wash:#f5f6f8;--accent:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--paper:#17191c;--soft:#a2a9b3;
--line:#3a3f46;--wash:#212429;--accent:#6cb8ea}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
h1{font-size:2rem;line-height:1.2;margin:0}
h2{font-size:1.4rem;margin:3.2rem 0 .8rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.1rem;margin:2rem 0 .5rem}
p{max-width:48rem}
.run,.source,figcaption,caption,summary{color:var(--soft)}
.run{margin:.3rem 0 1.5rem}
.question{font-size:1.15rem;font-style:italic}
.note{border-left:4px solid #e69f00;background:var(--wash);padding:.7rem 1rem;font-weight:600}
.answer{border-left:4px solid var(--accent);background:var(--wash);padding:.3rem 1.2rem}
.key{color:var(--soft);font-size:.9rem}
.missing{color:var(--soft);font-style:italic}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.4rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom;border-bottom:2px solid var(--soft)}
small{color:var(--soft);white-space:nowrap}
figure{margin:1.5rem 0}
img{max-width:100%;height:auto;background:#fff;border-radius:6px;padding:.6rem;
border:1px solid var(--line)}
figcaption,summary{font-size:.9rem}
summary{cursor:pointer}
pre,code{font:.85rem/1.5 ui-monospace,monospace}
pre{background:var(--wash);padding:1rem;overflow-x:auto}
"""
