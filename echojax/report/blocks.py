"""What a report is made of, whatever it is written as: paragraphs, tables, figures.

`page` writes blocks as HTML, `markdown` as Markdown, `latex` their tables as LaTeX. Text is plain;
a kind of `str` says where it is not, and several pieces in a row are a tuple.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias


class Strong(str):
    """Words that matter."""

    __slots__ = ()


class Emphasis(str):
    """Words that are meant as words."""

    __slots__ = ()


class Code(str):
    """Names of files, commands and keys."""

    __slots__ = ()


class Aside(str):
    """Small print within a line, as an interval behind its value."""

    __slots__ = ()


class Lack(str):
    """What the run does not have."""

    __slots__ = ()


Words: TypeAlias = str | tuple[str, ...]

MISSING = Lack("missing")


@dataclass(frozen=True)
class Heading:
    """A heading; the page's own is of level 1."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; its kind decides how it stands out."""

    words: Words
    kind: Literal["", "run", "question", "note", "key", "missing"] = ""


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[Words]


@dataclass(frozen=True)
class Table:
    """A table as it is shown.

    Attributes:
        head: its headings.
        rows: its rows.
        caption: stands above it.
        note: stands below it.
        name: of its LaTeX file in `tables/`; without one, it has no files.
        numbers: name of the CSV file in `tables/` that has its numbers in full.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Words]]
    caption: str = ""
    note: str = ""
    name: str = ""
    numbers: str = ""


@dataclass(frozen=True)
class Figure:
    """A PNG file, beside which the same figure lies as SVG and PDF."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Listing:
    """Text as it is, such as a configuration."""

    text: str


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away on a page."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Box:
    """Blocks that stand out together."""

    blocks: Sequence[Block]


Block: TypeAlias = "Heading | Paragraph | Bullets | Table | Figure | Listing | Details | Box"


def tables(blocks: Sequence[Block]) -> Iterator[Table]:
    """Every table with a name, in reading order."""
    for block in blocks:
        if isinstance(block, Table) and block.name:
            yield block
        elif isinstance(block, Details | Box):
            yield from tables(block.blocks)


def absent(sentence: str) -> Paragraph:
    """A paragraph that says what the run does not have."""
    return Paragraph(sentence, "missing")


def pieces(words: Words) -> tuple[str, ...]:
    """Words as pieces of one kind each."""
    return words if isinstance(words, tuple) else (words,)
