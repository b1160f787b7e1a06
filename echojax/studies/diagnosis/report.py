"""The report of a run, as a page and in Markdown, everything recomputed from the run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from echojax.report import written
from echojax.report.blocks import Block
from echojax.studies.diagnosis import material
from echojax.studies.diagnosis.answer import answer
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.sections import (
    accuracy,
    certainty,
    costs,
    fidelity,
    frames,
    gains,
    limits,
    making,
    manipulation,
    masks,
    primary,
    top,
)

SECTIONS: tuple[Callable[[Material], Sequence[Block]], ...] = (
    top.banner,
    answer,
    primary.primary,
    accuracy.baseline,
    costs.leakage,
    costs.quality,
    gains.gains,
    masks.masks,
    manipulation.manipulation,
    fidelity.fidelity,
    certainty.certainty,
    frames.changed,
    frames.frames,
    limits.limits,
    making.protocols,
    making.data,
    making.making,
)


def build(run: Path) -> Path:
    """Write the tables, the figures, `report.html` and `report.md` of a run, complete or not.

    Args:
        run: a run directory (holds `config.toml`).

    Returns:
        The page's path.

    Raises:
        InputError: if `run` is no run directory or one of its files cannot be understood.
    """
    return write(material.gather(run))


def write(gathered: Material) -> Path:
    """Write the report of what a run has; gives the page's path."""
    found = [block for section in SECTIONS for block in section(gathered)]
    return written.write(gathered.origin, top.TITLE, found)
