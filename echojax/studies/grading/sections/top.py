"""The top of a report: title, what to beware of, and the answer in two sentences."""

from __future__ import annotations

from echojax.report.blocks import Block, Box, Code, Heading, Paragraph, absent
from echojax.report.figures import enhancement_label
from echojax.report.numerals import bounds, plain, points
from echojax.studies.grading import words
from echojax.studies.grading.changes import Accuracy, ChangeRow
from echojax.studies.grading.labels import MEAN, REFERENCE, WHOLE, LabelRow
from echojax.studies.grading.material import Material
from echojax.studies.grading.methods import CONTROLS, METHODS
from echojax.studies.grading.truth import ALL, TruthRow

TITLE = "Grades of echo frames, region by region"
_QUESTION = (
    "Does a grade know a good frame from a poor one, and does a grade that enhancement raises mean "
    "anything for a diagnosis?"
)
_NO_CARDIOLOGIST = (
    "No cardiologist graded regions of these frames: nothing here is agreement with one."
)


def banner(run: Material) -> list[Block]:
    """Title, name, and what to beware of."""
    blocks: list[Block] = [
        Heading(TITLE, 1),
        Paragraph(("Of the run in ", Code(run.origin.name)), "run"),
    ]
    if run.simulated:
        told = "These frames are simulated: what follows says nothing of patients."
        blocks.append(Paragraph(told, "note"))
    if run.grading.note:
        blocks.append(Paragraph(run.grading.note, "note"))
    return blocks


def answer(run: Material) -> list[Block]:
    """The question, and what was found in two sentences."""
    question = Paragraph(_QUESTION, "question")
    if not run.scores:
        return [question, absent("Nothing was graded yet, so there is no answer.")]
    said = " ".join(sentences(run))
    key = "Intervals are of 95 %, by a bootstrap over patients."
    if not run.observer:
        key += f" {_NO_CARDIOLOGIST}"
    return [question, Box([Paragraph(said), Paragraph(key, "key")])]


def sentences(run: Material) -> list[str]:
    """What grades know, and what enhancement does to them."""
    return [_knows(run), _enhanced(run)]


def _knows(run: Material) -> str:
    regional = [row for row in run.truth if row.region == ALL]
    if regional:
        return _of_truth(max(regional, key=lambda row: row.rho))
    view = next(iter(dict.fromkeys(row.view for row in run.label)), None)
    if view is None:
        return (
            "Whether grades know good frames from poor ones is not told here: too few frames of "
            "either are labelled."
        )
    rows = [row for row in run.label if row.view == view]
    beside = next((r for r in rows if (r.method, r.masks, r.over) == REFERENCE), None)
    if beside is None:
        best = max(rows, key=lambda row: row.auc)
        return (
            f"Good {view} frames are told from poor ones best by {_named(best)}, {_area(best)}, "
            "with no contrast ratio on expert masks to compare."
        )
    told = (
        f"Contrast ratio inside the sector, which needs no training, tells good {view} frames from "
        f"poor ones with {_area(beside)}{_control(rows)}"
    )
    others = [row for row in rows if row is not beside and row.method not in CONTROLS]
    better = [row for row in others if row.more_low > 0]
    if better:
        return (
            f"{told}; of {len(others)} other measures, each looked at by itself, "
            f"{len(better)} {'lies' if len(better) == 1 else 'lie'} above that: {_list(better)}."
        )
    closest = max(others, key=lambda row: row.more, default=None)
    if closest is None:
        return f"{told}; no other method is here."
    learned = any(row.method in METHODS[:2] for row in others)
    network = "" if learned else ", and no network is among them"
    return (
        f"{told}, and no other of {len(others)} measures is shown to be better{network}: the "
        f"nearest is {_named(closest)}, {plain(closest.more, sign=True)} "
        f"({plain(closest.more_low, sign=True)} to {plain(closest.more_high, sign=True)})."
    )


def _control(rows: list[LabelRow]) -> str:
    """What learned the labels of other patients from next to no pixels, if it is here."""
    thumbnail = next((row for row in rows if row.method == "thumbnail"), None)
    if thumbnail is None:
        return ""
    return (
        f", and ridge regression of the labels on 8 x 8 pixels, a control that "
        f"sees no wall, with {plain(thumbnail.auc)} ({plain(thumbnail.auc_low)} to "
        f"{plain(thumbnail.auc_high)})"
    )


def _of_truth(best: TruthRow) -> str:
    return (
        f"Against grades that the simulator knows of {best.regions} regions, "
        f"{words.source(best.method, best.masks)} comes closest, with a rank correlation of "
        f"{plain(best.rho)} ({plain(best.rho_low)} to {plain(best.rho_high)}) and a mean error of "
        f"{plain(best.error)} grades."
    )


def _list(rows: list[LabelRow]) -> str:
    ordered = sorted(rows, key=lambda row: -row.more)
    return ", ".join(
        f"{_named(row)} ({plain(row.more, sign=True)}, {plain(row.more_low, sign=True)} to "
        f"{plain(row.more_high, sign=True)})"
        for row in ordered
    )


def _named(row: LabelRow) -> str:
    over = "over the whole wall" if row.over == WHOLE else "over the regions"
    return f"{words.source(row.method, row.masks)}, {over}"


def _area(row: LabelRow) -> str:
    return (
        f"an area under the ROC curve of {plain(row.auc)} ({plain(row.auc_low)} to "
        f"{plain(row.auc_high)})"
    )


def _enhanced(run: Material) -> str:
    rows = [
        row
        for row in run.change
        if row.quality == "all" and row.method not in CONTROLS and row.over == MEAN
    ]
    if not rows:
        return "What enhancement does to grades is not in this run."
    most = max(rows, key=lambda row: row.change)
    sure = [row for row in rows if row.low > 0]
    lead = (
        f"Enhancement raises {len(sure)} of {len(rows)} measures of the same frames, "
        if sure
        else f"Enhancement raises none of {len(rows)} measures for sure, "
    )
    told = (
        f"{lead}at most {words.method(most.method)} by {_way(most)}, "
        f"{plain(most.change, sign=True)} deviations ({plain(most.low, sign=True)} to "
        f"{plain(most.high, sign=True)})"
    )
    accuracy = [
        each for each in run.accuracy if (each.sr, each.mode) == (most.enhancement, most.mode)
    ]
    if accuracy:
        return f"{told}, where accuracy changed by {'; '.join(map(_points, accuracy))}."
    return f"{told}; what that does to a diagnosis is not in this run."


def _way(row: ChangeRow) -> str:
    return f"{enhancement_label(row.enhancement)} {row.mode}"


def _points(each: Accuracy) -> str:
    told = bounds(each.points_low, each.points_high)
    return f"{each.task} {points(each.points)}" + (f" ({told})" if told else "")
