"""How far enhancement moves what a classifier sees, and its answers."""

from __future__ import annotations

import math

from echojax.report.blocks import Block, Heading, Paragraph, Table
from echojax.report.figures import enhancement_label
from echojax.studies.diagnosis.material import Material


def manipulation(run: Material) -> list[Block]:
    """Whether anything was manipulated at all, and what else changes as many answers."""
    if not run.manipulation:
        return []
    several = len(run.protocols) > 1
    rows = [
        [
            *([row.protocol] if several else []),
            f"{enhancement_label(row.sr)}, {row.mode}",
            row.quality,
            f"{row.rms:.1f}",
            _percent(row.changed),
            _percent(row.seed_changed),
        ]
        for row in run.manipulation
    ]
    head = [
        *(["protocol"] if several else []),
        *("method", "frames", "change of the input, gray levels"),
        *("answers changed, %", "by another seed, %"),
    ]
    return [
        Heading("How much enhancement changes"),
        Paragraph(
            "Enhancing what is tested and nothing else: root mean square change of a classifier's "
            "input inside the sector, of 255 gray levels, and answers that are others than without "
            "enhancement. Beside them, the answers that are others where the classifier was "
            "trained with another seed and nothing is enhanced. What moves less than a gray level "
            "is less than rounding; what changes fewer answers than a seed has little to give."
        ),
        Table(
            head,
            rows,
            "All tasks and training strata together.",
            "",
            "manipulation",
            "manipulation",
        ),
    ]


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"
