"""Several runs side by side: their accuracies, their primary gains, and what differs in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from echojax.errors import InputError
from echojax.report import crossed, measures, origin
from echojax.report.blocks import Block, Heading, Paragraph, Table, Words, absent
from echojax.report.crossed import Estimate, Scores
from echojax.report.figures import enhancement_label
from echojax.report.numerals import interval, shares
from echojax.studies.diagnosis import predictions
from echojax.studies.diagnosis.accuracies import accuracy_rows
from echojax.studies.diagnosis.cells import Cell, ordered
from echojax.studies.diagnosis.outcomes import ACCURACY
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.primary import CELLS, PrimaryRow, compared, primary_rows
from echojax.studies.diagnosis.scoring import contrasts, differences, scores, unless_single
from echojax.vocabulary import NONE

_Comparison = tuple[str, str, str, str]  # protocol, task, network, mode


@dataclass(frozen=True)
class _Run:
    """A run to be compared, its settings by `section.key`."""

    name: str
    settings: Mapping[str, str]
    found: Predictions


def compare(runs: Sequence[Path]) -> list[Block]:
    """Runs side by side; differences are those from the first of them.

    Raises:
        InputError: fewer than two runs, one that is none, or one without predictions.
    """
    if len(set(map(Path.resolve, runs))) < 2:
        raise InputError("give two different runs at least, as in `echojax compare RUN RUN`")
    first, *others = every = [_read(run) for run in runs]
    names = [run.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [f"run {number}" for number in range(1, len(every) + 1)]
    labels = [f"{label} ({run.name})" for label, run in zip(names, every, strict=True)]
    return [
        Heading("Runs side by side", 1),
        Paragraph(
            f"{'; '.join(labels)}. In parentheses 95 % intervals over patients and trainings; "
            "a difference has one where both runs were trained with two seeds at least."
        ),
        Heading("Without super-resolution"),
        _accuracies(first, others, names),
        Heading("More than interpolation?"),
        _primaries(first, others, names),
        Heading("Settings that differ"),
        _settings(every, names),
    ]


def _read(run: Path) -> _Run:
    of = origin.read(run)
    found = predictions.read(run / "predictions.csv")
    if not len(found):
        raise InputError(f"{run}: has no predictions yet; `echojax matrix` makes them")
    try:
        settings = dict(_flat(tomllib.loads(of.config)))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{run / 'config.toml'}: cannot be read as TOML ({error})") from error
    return _Run(of.name, settings, found)


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, str(value)


def _accuracies(first: _Run, others: Sequence[_Run], names: Sequence[str]) -> Table:
    rows = [
        {row.cell: row for row in accuracy_rows(run.found) if row.cell.sr == NONE}
        for run in (first, *others)
    ]
    moved = [_accuracy_differences(first, other) for other in others]
    cells = ordered([cell for own in rows for cell in own], *Cell._fields)
    lines: list[list[Words]] = []
    for cell in cells:
        line: list[Words] = [f"{cell.protocol} {cell.task}", cell.train, cell.test]
        for own in rows:
            row = own.get(cell)
            line.append("" if row is None else shares(row.accuracy, row.low, row.high))
        line += [_points(found.get(cell)) for found in moved]
        lines.append(line)
    heads = [f"{name}, {ACCURACY.unit}" for name in names]
    return Table(
        ["protocol, task", "trained on", "tested on", *heads, *_difference_heads(names)],
        lines,
        f"{ACCURACY.name.capitalize()}, and differences in {ACCURACY.step}.",
    )


def _difference_heads(names: Sequence[str]) -> list[str]:
    return [f"{name} minus {names[0]}" for name in names[1:]]


def _accuracy_differences(first: _Run, other: _Run) -> dict[Cell, Estimate]:
    before, after = first.found.cells(), other.found.cells()
    return contrasts(
        {
            cell: (_of_run(scores(cell, before[cell]), "first"), scores(cell, after[cell]))
            for cell in before
            if cell.sr == NONE and cell in after
        }
    )


def _of_run(answers: Scores, run: str) -> Scores:
    """Answers whose trainings are not those of another run, though they have the same names."""
    repeated, sort = (np.char.add(f"{run}/", names) for names in (answers.repeated, answers.sort))
    return answers._replace(repeated=repeated, sort=sort)


def _points(found: Estimate | None) -> Words:
    return "" if found is None else interval(100 * found.value, 100 * found.low, 100 * found.high)


def _primaries(first: _Run, others: Sequence[_Run], names: Sequence[str]) -> Block:
    rows = [
        {(row.protocol, row.task, row.sr, row.mode): row for row in primary_rows(run.found)}
        for run in (first, *others)
    ]
    keys = ordered([key for own in rows for key in own], "protocol", "task", "sr", "mode")
    if not keys:
        return absent("No run has a network beside bicubic interpolation.")
    lines: list[list[Words]] = []
    for key in keys:
        protocol, task, sr, mode = key
        line: list[Words] = [f"{protocol} {task}", f"{enhancement_label(sr)}, {mode}"]
        line += [_gain(own.get(key)) for own in rows]
        line += [_points(_primary_difference(first, other, key)) for other in others]
        lines.append(line)
    return Table(
        ["protocol, task", "network", *names, *_difference_heads(names)],
        lines,
        f"Networks against bicubic interpolation, in {ACCURACY.step}.",
    )


def _gain(row: PrimaryRow | None) -> Words:
    return "" if row is None else interval(row.points, row.low, row.high)


def _primary_difference(first: _Run, other: _Run, key: _Comparison) -> Estimate | None:
    """The other run's gain minus the first one's, where both have every cell of it."""
    sides = [
        {cell: differences(cell, *pair) for cell, *pair in compared(run.found.cells(), *key)}
        for run in (first, other)
    ]
    if any(len(side) < len(CELLS) for side in sides):
        return None
    before, after = sides
    joined = [measures.difference(_of_run(before[cell], "first"), after[cell]) for cell in after]
    every = [own for side in sides for own in side.values()]
    return unless_single(crossed.estimate(joined), every)


def _settings(runs: Sequence[_Run], names: Sequence[str]) -> Block:
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    rows = [
        [key, *(run.settings.get(key, "not set") for run in runs)]
        for key in keys
        if len({run.settings.get(key) for run in runs}) > 1
    ]
    return Table(["setting", *names], rows) if rows else Paragraph("None.")
