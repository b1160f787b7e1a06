"""Tables as CSV: written whole or not at all, and read back as text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_type_hints

from echojax.errors import InputError
from echojax.files import written_whole

Row = TypeVar("Row")


def write(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    percent: Collection[str] = (),
) -> None:
    """Write rows as CSV, whole or not at all.

    Shares have four decimals, percentages two; nan is an empty value.

    Args:
        path: the file.
        columns: what to write, in this order.
        rows: mappings from every column, and perhaps more names, to a value.
        percent: columns that are in percent; all other floats count as shares.

    Raises:
        KeyError: a row lacks a column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(_text(row[name], 2 if name in percent else 4) for name in columns)
    with written_whole(path) as file:
        file.write_text(text.getvalue(), encoding="utf-8")


def read(path: Path) -> list[list[str]]:
    """Lines of a CSV file, its heading first; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def read_rows(path: Path, kind: Callable[..., Row]) -> list[Row]:
    """Read what `write` wrote of named tuples whose fields are str, int and float.

    A missing file gives no rows.

    Raises:
        InputError: the file cannot be understood.
    """
    if not path.is_file():
        return []
    types = get_type_hints(kind)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                kind(**{name: types[name](value) for name, value in line.items()})
                for line in csv.DictReader(file)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: cannot be understood ({error}); delete it") from error


def _text(value: object, decimals: int) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{decimals}f}"
    return str(value)
