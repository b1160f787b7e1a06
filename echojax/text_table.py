"""Tables as text: a heading and rows of cells, the first of each at the left, the others right."""

from collections.abc import Sequence

Cells = Sequence[Sequence[str]]


def markdown(cells: Cells) -> str:
    """A table in Markdown; the first of the rows is its heading."""
    header, *rows = cells
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def plain(cells: Cells) -> str:
    """A table for a terminal, its columns aligned."""
    first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
    return "\n".join(
        "  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]) for row in cells
    )
