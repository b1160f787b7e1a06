"""What a run leaves open."""

from __future__ import annotations

import math

import numpy as np

from echojax.report.blocks import Block, Code, Heading, Paragraph, Table
from echojax.report.crossed import LEAST_TRAININGS
from echojax.report.numerals import share
from echojax.report.statistics import LEAST_PATIENTS
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.material import Material
from echojax.vocabulary import GENERATORS, MODES, NONE
from echojax.wording import count


def limits(run: Material) -> list[Block]:
    """What the paper leaves open, which of it this run answers, and what stays open."""
    protocols = {row.cell.protocol for row in run.accuracy}
    methods = {(row.cell.protocol, row.cell.sr) for row in run.gain}
    seeds = max((row.seeds for row in run.accuracy), default=0)
    folds = max((row.folds for row in run.accuracy), default=0)
    answers = {
        "leak": "patient" in protocols
        and "the patient protocol keeps a patient on one side" + _diagonal(run),
        "sr_leak": any(p == "patient" and sr in GENERATORS for p, sr in methods)
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
    told: list[str] = [
        "Intervals cover the choice of test patients and the chance of training, and nothing "
        "else: not another hospital, machine or reader of quality, nor another training set. Fewer "
        f"than {LEAST_TRAININGS} trainings or {LEAST_PATIENTS} patients give no interval. ",
        *_seed_spread(run),
        " Many cells are compared without correction, so about one interval in twenty misses zero "
        "where nothing changes.",
    ]
    if not all(row.paired for row in run.cost):
        told.append(
            " Poor frames come mostly from other patients than good ones, so what poor quality "
            "costs is not the effect of quality alone."
        )
    return [
        Heading("Limits"),
        Table(["weak point of the paper", "answered here", "how"], rows),
        Paragraph(tuple(told)),
    ]


def _diagonal(run: Material) -> str:
    asked = [Cell(protocol, "view", "good", "good", NONE, NONE, NONE) for protocol in run.protocols]
    shares = [
        f"{share(row.accuracy)} ({row.cell.protocol})" for row in run.accuracy if row.cell in asked
    ]
    return f"; view, good on good: {', '.join(shares)}" if len(shares) > 1 else ""


def _seed_spread(run: Material) -> tuple[str, ...]:
    deviations = [row.seed_sd for row in run.accuracy if not math.isnan(row.seed_sd)]
    if not deviations:
        return ("With one seed the spread from training to training is not known.",)
    return (
        f"From seed to seed the accuracy of a cell varies by {100 * np.median(deviations):.1f} "
        "points (standard deviation, median over cells; all in ",
        Code("tables/accuracy.csv"),
        ").",
    )
