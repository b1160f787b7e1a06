"""A report in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from echojax import text_table
from echojax.report.blocks import (
    Block,
    Box,
    Bullets,
    Code,
    Details,
    Emphasis,
    Figure,
    Heading,
    Lack,
    Listing,
    Paragraph,
    Strong,
    Table,
    Words,
    pieces,
)

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&$])")


def document(blocks: Iterable[Block], home: Path) -> str:
    """The whole text.

    Args:
        blocks: what it is made of.
        home: where it will lie; figures are linked from there.
    """
    return "\n\n".join(_block(block, home) for block in blocks) + "\n"


def words(of: Words) -> str:
    """Words on one line."""
    return "".join(map(_piece, pieces(of)))


def _piece(text: str) -> str:
    if isinstance(text, Code):
        return f"`{text.replace('`', chr(39))}`"
    plain = _SPECIAL.sub(r"\\\1", " ".join(re.split(r"[\r\n]+", text)))
    if isinstance(text, Strong):
        return f"**{plain}**"
    return f"*{plain}*" if isinstance(text, Emphasis | Lack) else plain


def _block(block: Block, home: Path) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {words(text)}"
        case Paragraph(text, kind):
            return f"> **{words(text)}**" if kind == "note" else words(text)
        case Bullets(items):
            return "\n".join(f"- {words(item)}" for item in items)
        case Table():
            return _table(block)
        case Figure(path, caption):
            link = path.relative_to(home).as_posix()
            return f"![{words(caption)}]({link})\n\n*{words(caption)}*"
        case Listing(text):
            return f"````\n{text}\n````"
        case Details(summary, blocks):
            return "\n\n".join([f"**{words(summary)}**", *(_block(part, home) for part in blocks)])
        case Box(blocks):
            return "\n\n".join(_block(part, home) for part in blocks)


def _table(table: Table) -> str:
    cells = [[words(cell) for cell in row] for row in (table.head, *table.rows)]
    told = [words(table.caption)] if table.caption else []
    told.append(text_table.markdown(cells))
    if table.note:
        told.append(words(table.note))
    if table.numbers:
        told.append(f"[numbers](tables/{table.numbers}.csv), [LaTeX](tables/{table.name}.tex)")
    return "\n\n".join(told)
