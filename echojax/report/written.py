"""A report as files of its run: the page, the same in Markdown, and its tables in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from echojax.files import written_whole
from echojax.report import blocks, latex, markdown, page
from echojax.report.blocks import Block
from echojax.report.origin import Origin


def write(origin: Origin, title: str, found: Sequence[Block]) -> Path:
    """Write `report.html`, `report.md` and `tables/*.tex` into a run.

    Args:
        origin: of the run.
        title: of the page.
        found: what it says.

    Returns:
        The page's path.
    """
    run = origin.path
    for table in blocks.tables(found):
        _write(run / "tables" / f"{table.name}.tex", latex.table(table))
    _write(run / "report.md", markdown.document(found, run))
    report = run / "report.html"
    _write(report, page.document(f"{title}: {origin.name}", found, run))
    return report


def _write(path: Path, text: str) -> None:
    with written_whole(path) as file:
        file.write_text(text, encoding="utf-8")
