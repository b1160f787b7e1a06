"""Masks as outcomes: Dice, and the error of the ejection fraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from echojax.report.blocks import (
    MISSING,
    Block,
    Details,
    Heading,
    Paragraph,
    Table,
    Words,
    absent,
)
from echojax.report.figures import enhancement_label
from echojax.report.numerals import interval, probability, shares
from echojax.studies.diagnosis.cells import Cell, in_order, ordered
from echojax.studies.diagnosis.mask_outcomes import OutcomeGainRow, OutcomeMeanRow, OutcomeRow
from echojax.studies.diagnosis.material import Material, slug
from echojax.studies.diagnosis.outcomes import DICE, EF_ERROR, OF_MASKS
from echojax.vocabulary import NONE
from echojax.wording import count

_SIDES = {"train": "train", "test": "test", "both": "train and test"}
_TOLD = (
    "Exploratory: the questions fixed in advance are of view and phase. Segmenters, U-Nets that "
    "begin from random weights, are trained on the frames that classifiers are trained on, and "
    "asked about those that classifiers are tested on; their masks are compared with those of "
    f"experts in the frame's own geometry. {DICE.name} is the mean over left ventricle, myocardium "
    "and left atrium. "
)
_EF = (
    f"The {EF_ERROR.name} is the absolute difference, in {EF_ERROR.unit}, between biplane discs in "
    "the segmenter's masks and in the expert's. It takes four frames, and so counts patients whose "
    "two views are of one quality and who trained no segmenter of the fold, drawn for the balanced "
    "strata or not; all four are enhanced, or none. A lower error is better. "
)


def masks(run: Material) -> list[Block]:
    """Outcomes of masks by cell, and what enhancement changes in them."""
    if not run.study.segments and not run.masks.rows:
        return []
    blocks: list[Block] = [Heading("Masks of the left heart")]
    if not run.masks.rows:
        return [*blocks, Paragraph(_TOLD.strip()), absent("No masks are in this run yet.")]
    ef = any(row.outcome == "ef_error" for row in run.masks.rows)
    blocks.append(Paragraph((_TOLD + _EF * ef).strip()))
    if "ef" in run.study.outcomes and not ef:
        blocks.append(absent("No ejection fraction could be measured in this run."))
    for protocol in run.protocols:
        blocks.append(Heading(f"{protocol.capitalize()} protocol", 3))
        if not any(row.cell.protocol == protocol for row in run.masks.rows):
            blocks.append(absent("No masks of this protocol are in this run."))
            continue
        blocks += _of_protocol(run, protocol)
    return blocks


def _of_protocol(run: Material, protocol: str) -> list[Block]:
    blocks: list[Block] = [_table(run, protocol)]
    means = [row for row in run.masks.means if row.protocol == protocol]
    if not means:
        return blocks
    if f"masks {protocol}" in run.figures:
        caption = (
            "Mean change of outcomes of masks where tested frames alone are enhanced; lines are "
            "95 % intervals."
        )
        blocks.append(run.figure(f"masks {protocol}", caption))
    each = [row for row in run.masks.gains if row.cell.protocol == protocol]
    return [
        *blocks,
        _mean_table(means, protocol),
        Details("Masks, every enhanced cell", [_gain_table(each, protocol)]),
    ]


def _table(run: Material, protocol: str) -> Table:
    """The outcomes without enhancement, training by test stratum."""
    found = {
        (row.cell, row.outcome): row
        for row in run.masks.rows
        if row.cell.protocol == protocol and row.cell.sr == NONE
    }
    cells = ordered([*run.asked_for_masks(protocol), *(cell for cell, _ in found)], *Cell._fields)
    names = [name for name in OF_MASKS if any(name == outcome for _, outcome in found)]
    rows: list[list[Words]] = [
        [cell.train, cell.test, *(_value(found.get((cell, name))) for name in names)]
        for cell in cells
    ]
    return Table(
        ["trained on", "tested on", *(OF_MASKS[name].head for name in names)],
        rows,
        f"Masks without enhancement, {protocol} protocol; in parentheses 95 % intervals over "
        "patients and trainings.",
        _counts(found),
        f"outcomes_{slug(protocol)}",
        "outcomes",
    )


def _value(row: OutcomeRow | None) -> Words:
    if row is None:
        return MISSING
    scale = OF_MASKS[row.outcome].factor / 100
    return shares(scale * row.value, scale * row.low, scale * row.high)


def _counts(found: Mapping[tuple[Cell, str], OutcomeRow]) -> str:
    """How many patients an error is of, and what gave none."""
    rows = {cell: row for (cell, outcome), row in found.items() if outcome == "ef_error"}
    if not rows:
        return ""
    tests = in_order((cell.test for cell in rows), "test")
    told = []
    for test in tests:
        numbers = sorted({row.counted for cell, row in rows.items() if cell.test == test})
        told.append(f"{test} {' to '.join(map(str, numbers[:: max(1, len(numbers) - 1)]))}")
    note = f"Patients whose {EF_ERROR.name} is known, by tested stratum: {', '.join(told)}."
    lost = sum(row.unmeasured for row in rows.values())
    if lost:
        note += f" Left out, as the segmenter's masks cannot be measured: {count(lost, 'answer')}."
    return note


def _mean_table(means: Sequence[OutcomeMeanRow], protocol: str) -> Table:
    rows: list[list[Words]] = [
        [
            OF_MASKS[row.outcome].name,
            _SIDES.get(row.sr_on, row.sr_on),
            f"{enhancement_label(row.sr)}, {row.mode}",
            str(row.cells),
            interval(row.change, row.low, row.high),
            interval(row.bicubic_change, row.bicubic_low, row.bicubic_high),
        ]
        for row in means
    ]
    head = ["outcome", "enhanced", "method", "cells", "points", "points over bicubic"]
    return Table(
        head,
        rows,
        f"Mean change of outcomes of masks over enhanced cells, {protocol} protocol.",
        f"A fall of the {EF_ERROR.name} is for the better." * _has_ef(means),
        f"outcome_mean_gain_{slug(protocol)}",
        "outcome_mean_gain",
    )


def _has_ef(rows: Sequence[OutcomeMeanRow] | Sequence[OutcomeGainRow]) -> bool:
    return any(row.outcome == "ef_error" for row in rows)


def _gain_table(gains: Sequence[OutcomeGainRow], protocol: str) -> Table:
    rows: list[list[Words]] = [
        [
            OF_MASKS[row.outcome].name,
            row.cell.train,
            row.cell.test,
            _SIDES.get(row.cell.sr_on, row.cell.sr_on),
            f"{enhancement_label(row.cell.sr)}, {row.cell.mode}",
            f"{row.before:.1f}",
            interval(row.change, row.low, row.high),
            interval(row.bicubic_change, row.bicubic_low, row.bicubic_high),
            probability(row.p),
        ]
        for row in gains
    ]
    head = [
        *("outcome", "trained on", "tested on", "enhanced", "method", "before"),
        *("points", "points over bicubic", "p"),
    ]
    return Table(
        head,
        rows,
        f"Change of outcomes of masks, each cell, {protocol} protocol.",
        f"p: against none. {DICE.name} before is in {DICE.unit}."
        + f" A fall of the {EF_ERROR.name} is for the better." * _has_ef(gains),
        f"outcome_gain_{slug(protocol)}",
        "outcome_gain",
    )
