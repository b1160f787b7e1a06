"""The report of a run, as a page and in Markdown, everything recomputed from the run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from echojax.files import written_whole
from echojax.report import blocks, latex, markdown, page
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
    run = gathered.origin.path
    found = [block for section in SECTIONS for block in section(gathered)]
    for table in blocks.tables(found):
        _write(run / "tables" / f"{table.name}.tex", latex.table(table))
    _write(run / "report.md", markdown.document(found, run))
    report = run / "report.html"
    _write(report, page.document(f"{top.TITLE}: {gathered.origin.name}", found, run))
    return report


def _write(path: Path, text: str) -> None:
    with written_whole(path) as file:
        file.write_text(text, encoding="utf-8")
