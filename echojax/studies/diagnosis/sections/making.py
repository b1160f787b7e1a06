"""What was run, on which data, and how the report was made."""

from __future__ import annotations

from echojax.report import origin
from echojax.report.blocks import Block, Bullets, Code, Heading, Strong, Table, Words
from echojax.runs.frame_facts import CAMUS, SIMULATOR
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.outcomes import OF_MASKS, OUTCOMES
from echojax.wording import count

_SPLITS = {
    "paper": "As in the paper: balanced strata, each split frame by frame at random; a classifier "
    "is tested on the held-out part of its own stratum and on every frame of the others; "
    "super-resolution learns from all good frames. This leaks: ED and ES of one recording can be "
    "on both sides (the view task gains by it, as both have one label; the phase task may lose, as "
    "their labels are opposite), and super-resolution has seen good frames that are tested.",
    "patient": "No patient is on both sides, neither for the classifier nor for super-resolution; "
    "recordings that appear under two names count as one patient.",
}
_EXPECTATIONS = {
    "paper": " It is here to be set beside the paper and does not tell what a new patient may "
    "expect.",
    "patient": " This is what a new patient may expect.",
}


def protocols(run: Material) -> list[Block]:
    """How frames were split, how much of each protocol is here, and what was measured."""
    rows: list[list[Words]] = []
    for protocol in run.protocols:
        cells = [row for row in run.accuracy if row.cell.protocol == protocol]
        amount = (
            f"{count(len(cells), 'cell')}, {count(max(r.seeds for r in cells), 'seed')}, "
            f"{count(max(r.folds for r in cells), 'fold')}"
            if cells
            else "asked for, no predictions yet"
        )
        meaning = _SPLITS.get(protocol, "This report has no description of it.")
        if not run.simulated:
            meaning += _EXPECTATIONS.get(protocol, "")
        rows.append([Strong(protocol), meaning, amount])
    of_masks = dict.fromkeys(row.outcome for row in run.masks.rows)
    outcomes = [*OUTCOMES, *(OF_MASKS[name] for name in of_masks)]
    measured = [[o.name, o.unit, o.step, o.better, f"per {o.per}"] for o in outcomes]
    return [
        Heading("What was run"),
        Table(["protocol", "how frames were split", "here"], rows),
        Table(["outcome", "unit", "differences in", "better is", "counted"], measured),
    ]


def data(run: Material) -> list[Block]:
    """Citation and licence of the frames."""
    if run.facts is None:
        told = ["This run does not say whether its frames are simulated.", f"If real, {CAMUS}"]
    else:
        told = [run.facts.described(), SIMULATOR if run.facts.simulated else CAMUS]
    return [
        Heading("The data"),
        Bullets([*told, f"The paper: {paper.SOURCE}."]),
    ]


def making(run: Material) -> list[Block]:
    """Files, environment, configuration, and how to build the report again."""
    sources = (
        f"{run.predictions:,} predictions in ",
        Code("predictions.csv"),
        " and from ",
        Code("log.csv"),
    )
    return origin.section(run.origin, sources, "echojax report --run")
