"""The frames: what enhancement changed most, and one of each kind."""

from __future__ import annotations

from echojax.report.blocks import Block, Details, Heading, Table, absent
from echojax.report.figures import enhancement_label
from echojax.report.numerals import signed
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.material import Material
from echojax.vocabulary import QUALITIES


def changed(run: Material) -> list[Block]:
    """The frames of the largest gain and the largest harm."""
    if not run.changed:
        return []
    first = run.changed[0]
    caption = (
        f"Frames whose answers enhancement changed most, as classifiers see them ({first.protocol} "
        "protocol): the probability given to the true class, without and with it, mean over "
        "trainings."
    )
    rows = [
        [
            row.task,
            row.kind,
            row.frame,
            row.true_class,
            f"{row.train}, {row.test}",
            f"{enhancement_label(row.sr)}, {row.mode}",
            f"{100 * row.without:.1f}",
            f"{100 * row.enhanced:.1f}",
            signed(100 * (row.enhanced - row.without)),
        ]
        for row in run.changed
    ]
    head = [
        *("task", "kind", "frame", "true class", "trained, tested on", "enhanced by"),
        *("without, %", "with, %", "difference, points"),
    ]
    table = Table(head, rows, "Those frames.", "", "changed_frames", "changed_frames")
    return [
        Heading("Largest gain and largest harm"),
        run.figure("changed", caption),
        table,
    ]


def frames(run: Material) -> list[Block]:
    """Examples of the frames, and how many there are."""
    blocks: list[Block] = [
        Heading("The frames"),
        run.figure("frames", "One frame of each quality, view and phase."),
    ]
    if len(run.dataset) > 1:
        head, *rows = run.dataset
        caption = "Frames by view, phase and quality."
        blocks.append(Table(head, rows, caption, "", "dataset", "dataset"))
    else:
        blocks.append(absent("The table of frames is not in this run."))
    if run.simulated:
        return blocks
    counts = [[*kind, *map(str, n), str(sum(n))] for kind, n in paper.COUNTS.items()]
    published = Table(["view", "phase", *QUALITIES, "total"], counts)
    return [*blocks, Details("The paper's frames (CAMUS)", [published])]
