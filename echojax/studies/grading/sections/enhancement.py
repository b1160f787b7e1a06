"""Grades before and after enhancement, beside what a diagnosis study found."""

from __future__ import annotations

from echojax.report.blocks import Block, Heading, Paragraph, Table, Words
from echojax.report.figures import enhancement_label
from echojax.report.numerals import between, bounds, points
from echojax.studies.grading import words
from echojax.studies.grading.changes import ChangeRow
from echojax.studies.grading.labels import MEAN
from echojax.studies.grading.material import Material
from echojax.vocabulary import QUALITIES

_MEANING = (
    "The same frames, measured with the same masks before and after. A change is given in "
    "deviations of the measure between frames before, so that measures of any unit stand side by "
    "side; it is no verdict. Where a measure rises and a classifier gains nothing, the measure was "
    "moved, not the picture improved. Networks enhance only frames of persons from whom they "
    "learned nothing."
)
_ACCURACY = (
    "Accuracy with minus without enhancement of what is tested, of the diagnosis run, in points; "
    "its own report says how sure."
)


def enhancement(run: Material) -> list[Block]:
    """What each enhancement does to every measure."""
    blocks: list[Block] = [Heading("Before and after enhancement")]
    if run.change:
        blocks.append(Paragraph(_MEANING))
        caption = (
            "Change of each measure of all frames, with 95 % intervals over patients; mean of the "
            "regions where a method has some. Gray squares are controls."
        )
        blocks += run.figure("changes", caption)
        blocks.append(_table(run.change))
    if run.accuracy:
        lines: list[list[Words]] = [
            [
                f"{enhancement_label(each.sr)}, {each.mode}",
                f"{each.train} to {each.test}",
                each.task,
                points(each.points),
                bounds(each.points_low, each.points_high),
            ]
            for each in run.accuracy
        ]
        head = ["enhancement", "trained on, tested on", "task", "accuracy", "95 % interval"]
        blocks.append(Table(head, lines, _ACCURACY, "", "diagnosis", "diagnosis"))
    elif run.why("change in accuracy"):
        blocks.append(run.lacking("change in accuracy"))
    missing = [each.what for each in run.absent if each.what.startswith("grades after ")]
    return [*blocks, *map(run.lacking, missing)]


def _table(rows: list[ChangeRow]) -> Table:
    groups = dict.fromkeys(
        (row.enhancement, row.mode, row.method, row.masks, row.over) for row in rows
    )
    ways = list(dict.fromkeys((row.enhancement, row.mode) for row in rows))
    found = {(row[:5], row.quality): row for row in rows}
    regional = {key[:4] for key in groups if key[4] == MEAN}
    lines: list[list[Words]] = []
    for key in sorted(groups, key=lambda key: ways.index(key[:2])):
        if key[4] != MEAN and key[:4] in regional:
            continue
        sr, mode, method, masks, _ = key
        own = [found.get((key, quality)) for quality in ("all", *QUALITIES)]
        changes = [
            "" if row is None else between(row.change, row.low, row.high, sign=True) for row in own
        ]
        up = found[key, "all"].up
        name = words.source(method, masks)
        lines.append([f"{enhancement_label(sr)}, {mode}", name, *changes, f"{100 * up:.0f}"])
    head = ["enhancement", "method", "all", *QUALITIES, "frames that rise, %"]
    caption = "Change in deviations between frames, by the quality of the view."
    return Table(head, lines, caption, "", "changes", "changes")
