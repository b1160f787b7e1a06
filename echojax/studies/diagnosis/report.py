"""The report of a run: one HTML file, everything in it recomputed from the run directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from echojax.files import written_whole
from echojax.report import page
from echojax.studies.diagnosis import material, sections
from echojax.studies.diagnosis.answer import answer
from echojax.studies.diagnosis.material import Material

SECTIONS: tuple[Callable[[Material], str | None], ...] = (
    sections.banner,
    answer,
    sections.protocols,
    sections.primary,
    sections.baseline,
    sections.leakage,
    sections.gains,
    sections.fidelity,
    sections.frames,
    sections.limits,
    sections.making,
)


def build(run: Path) -> Path:
    """Write the tables, the figures and `report.html` of a run, complete or not.

    Args:
        run: a run directory (holds `config.toml`).

    Returns:
        The report's path.

    Raises:
        InputError: if `run` is no run directory or one of its files cannot be understood.
    """
    gathered = material.gather(run)
    found = [html for section in SECTIONS if (html := section(gathered)) is not None]
    title = f"Poor echo frames and super-resolution: {gathered.origin.name}"
    report = run / "report.html"
    with written_whole(report) as file:
        file.write_text(page.document(title, found), encoding="utf-8")
    return report
