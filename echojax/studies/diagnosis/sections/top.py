"""The top of a report: its title, and what must be known before any number is read."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from echojax.report.blocks import Block, Code, Heading, Paragraph
from echojax.report.figures import enhancement_label
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.super_resolution import SuperResolutionRow
from echojax.wording import count

TITLE = "Poor echo frames and super-resolution"


def banner(run: Material) -> list[Block]:
    """Title, name, and what to beware of."""
    blocks: list[Block] = [
        Heading(TITLE, 1),
        Paragraph(("Of the run in ", Code(run.origin.name)), "run"),
    ]
    if run.simulated:
        blocks.append(
            Paragraph("These frames are simulated: what follows says nothing of patients.", "note")
        )
    if run.study.note:
        blocks.append(Paragraph(run.study.note, "note"))
    worse = list(_worse_than_interpolation(run))
    if worse:
        told = (
            f"Worse than interpolation at restoring held-out frames: {'; '.join(worse)}. What such "
            "a network does to a classifier is no judgement of super-resolution."
        )
        blocks.append(Paragraph(told, "note"))
    return blocks


def _worse_than_interpolation(run: Material) -> Iterator[str]:
    """Networks that have not learned what they are judged by."""
    groups: dict[tuple[str, str], list[SuperResolutionRow]] = {}
    for row in run.fidelity:
        groups.setdefault((row.model, row.protocol), []).append(row)
    for (model, protocol), rows in groups.items():
        inside = not any(math.isnan(row.psnr_sector) for row in rows)
        own, *others = (
            float(np.mean([getattr(row, f"psnr{'_sector' * inside}{way}") for row in rows]))
            for way in ("", "_bicubic", "_lanczos")
        )
        above = [
            f"{name} {value:.2f}"
            for name, value in zip(("bicubic", "Lanczos"), others, strict=True)
            if value > own
        ]
        if above:
            yield (
                f"{enhancement_label(model)}, {protocol} protocol, after "
                f"{count(max(row.step for row in rows), 'step')} ({own:.2f} dB"
                f"{' inside the sector' * inside}, {', '.join(above)})"
            )
