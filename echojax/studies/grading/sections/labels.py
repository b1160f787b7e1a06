"""Methods against the quality of views, whole and region by region."""

from __future__ import annotations

from collections.abc import Sequence

from echojax.inference.regions import REGIONS
from echojax.report.blocks import Block, Heading, Paragraph, Table, Words, absent
from echojax.report.numerals import between, plain
from echojax.studies.grading import words
from echojax.studies.grading.labels import LabelRow, RegionRow
from echojax.studies.grading.material import Material
from echojax.studies.grading.methods import NETWORKS

_MEANING = (
    "An expert called each view good, medium or poor, one word for all of its regions and both "
    "phases. Area under the ROC curve: how often a good frame's measure lies above a poor one's. "
    "Correlation: Spearman's, with all three words. Error and kappa: of grades by a line that "
    "learned from other patients, where good stands for 4, medium for 3 and poor for 2; always 3 "
    "would be wrong by less than one, and by a line a weak measure says little else than the mean."
)


def against_labels(run: Material) -> list[Block]:
    """Every method on the frames whose quality is known."""
    blocks: list[Block] = [Heading("Against the quality of the view")]
    if not run.label:
        blocks.append(absent("Too few frames are called good or poor for a comparison."))
        return blocks
    blocks.append(Paragraph(_MEANING))
    caption = (
        "Good against poor frames, with 95 % intervals by patient. Filled: over the whole wall; "
        "hollow: mean of the regions; gray squares: controls, which nobody would call a grade."
    )
    blocks += run.figure("labels", caption)
    for view in dict.fromkeys(row.view for row in run.label):
        blocks.append(_table(view, [row for row in run.label if row.view == view]))
    blocks += [run.lacking(f"method {name}") for name in NETWORKS if run.why(f"method {name}")]
    return blocks


def _table(view: str, rows: Sequence[LabelRow]) -> Table:
    lines: list[list[Words]] = [
        [
            words.source(row.method, row.masks),
            row.over if row.method not in ("sector", "thumbnail") else "frame",
            between(row.auc, row.auc_low, row.auc_high),
            between(row.more, row.more_low, row.more_high, sign=True),
            between(row.rho, row.rho_low, row.rho_high, sign=True),
            plain(row.error),
            plain(row.kappa, sign=True),
            str(row.frames),
        ]
        for row in rows
    ]
    head = ["method", "of", "area", "more than contrast ratio", "correlation", "error", "kappa"]
    patients = max(row.patients for row in rows)
    return Table(
        [*head, "frames"],
        lines,
        f"{view} frames of {patients} patients against the quality of the view.",
        "More than contrast ratio: the area minus that of contrast ratio inside the sector over "
        "the whole wall, expert masks, on the same frames.",
        f"labels_{view}",
        "labels",
    )


def by_region(run: Material) -> list[Block]:
    """Which regions' measures know the quality of the view."""
    if not run.region:
        return []
    blocks: list[Block] = [
        Heading("Region by region"),
        Paragraph(
            "Area under the ROC curve, good against poor, of each region's measure alone. The word "
            "is of the whole view: a region that agrees less may be measured worse, or be as good "
            "in a poor view. A region of which less than half lies in the sector is not assessed."
        ),
    ]
    views = dict.fromkeys(row.view for row in run.region)
    tables = (_regions(view, [r for r in run.region if r.view == view]) for view in views)
    return [*blocks, *tables]


def _regions(view: str, rows: Sequence[RegionRow]) -> Table:
    found = {(row.method, row.masks, row.region): row for row in rows}
    lines: list[list[Words]] = []
    for method, masks in dict.fromkeys((row.method, row.masks) for row in rows):
        own = [found.get((method, masks, region)) for region in REGIONS]
        lines.append(
            [
                words.source(method, masks),
                *(
                    "" if row is None else between(row.auc, row.auc_low, row.auc_high)
                    for row in own
                ),
            ]
        )
    return Table(["method", *REGIONS], lines, f"{view} frames.", "", f"regions_{view}", "regions")
