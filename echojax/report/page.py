"""A report as one HTML page, which needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path

from echojax.report.blocks import (
    Aside,
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
from echojax.report.style import CSS

_ELEMENTS = {Strong: "b", Emphasis: "em", Code: "code", Aside: "small"}
_SCALE = 0.64  # pixels of the page for one of a figure
_WIDE = 7  # columns; a table of more is printed in smaller letters


def document(title: str, blocks: Iterable[Block], home: Path) -> str:
    """The whole page.

    Args:
        title: of the page.
        blocks: what it is made of.
        home: where it will lie; files beside it are linked from there.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(_block(block, home) for block in blocks)
        + "\n</main></body></html>\n"
    )


def words(of: Words) -> str:
    """Words as HTML; all that is not ours is escaped."""
    return "".join(map(_piece, pieces(of)))


def _piece(text: str) -> str:
    if isinstance(text, Lack):
        return f"<span class=missing>{escape(text)}</span>"
    element = _ELEMENTS.get(type(text))
    return f"<{element}>{escape(text)}</{element}>" if element else escape(text)


def _block(block: Block, home: Path) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{words(text)}</h{level}>"
        case Paragraph(text, kind):
            return f"<p class={kind}>{words(text)}</p>" if kind else f"<p>{words(text)}</p>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{words(item)}</li>" for item in items) + "</ul>"
        case Table():
            return _table(block)
        case Figure():
            return _figure(block, home)
        case Listing(text):
            return f"<pre>{escape(text)}</pre>"
        case Details(summary, blocks):
            inner = "".join(_block(part, home) for part in blocks)
            return f"<details><summary>{words(summary)}</summary>{inner}</details>"
        case Box(blocks):
            return f"<div class=answer>{''.join(_block(part, home) for part in blocks)}</div>"


def _table(table: Table) -> str:
    heads = "".join(f"<th>{words(name)}</th>" for name in table.head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{words(value)}</td>" for value in row) + "</tr>"
        for row in table.rows
    )
    title = f"<caption>{words(table.caption)}</caption>" if table.caption else ""
    below = [words(table.note)] if table.note else []
    if table.numbers:
        below.append(
            f'<a href="tables/{table.numbers}.csv">CSV</a>, '
            f'<a href="tables/{table.name}.tex">LaTeX</a>'
        )
    wide = " wide" if len(table.head) > _WIDE else ""
    return (
        f'<div class="scroll{wide}"><table>{title}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
        + (f"<p class=files>{' '.join(below)}</p>" if below else "")
    )


def _figure(figure: Figure, home: Path) -> str:
    png = figure.path.read_bytes()
    # All by one measure, so that letters are of one size in every figure.
    width = round(_SCALE * int.from_bytes(png[16:20]))
    link = escape(figure.path.relative_to(home).with_suffix("").as_posix())
    caption = words(figure.caption)
    return (
        f'<figure><img alt="{caption}" width={width} '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        f'<figcaption>{caption} <a href="{link}.svg">SVG</a>, <a href="{link}.pdf">PDF</a>'
        "</figcaption></figure>"
    )
