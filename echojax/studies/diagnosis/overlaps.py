"""What masks in a study measure, beside those of experts: one row each, in `overlaps.csv`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from echojax.errors import InputError
from echojax.inference.measures import DISCS, Discs, diameters
from echojax.inference.overlap import STRUCTURES, dice
from echojax.studies.diagnosis import cell_rows
from echojax.studies.diagnosis.cell_rows import FRAME, CellRows
from echojax.studies.diagnosis.cells import Cell

DICE = tuple(f"dice_{name}" for name in STRUCTURES)
COLUMNS = (*FRAME, *Cell._fields, "fold", "seed", "drawn", *DICE, "discs", "expert_discs")

_DTYPES = {"drawn": np.int64, **dict.fromkeys(DICE, np.float64)}
_EXPECTED = (
    f"is no comparison of masks; expected {len(COLUMNS)} values, Dice between 0 and 1, or nan, and "
    f"discs as the length of an axis and {DISCS} diameters"
)


class Overlaps(CellRows):
    """Comparisons of a mask with that of an expert by column, named as in `COLUMNS`.

    `drawn` is 1 for frames of balanced strata, whose Dice counts, and 0 for others of patients
    whose ejection fraction is measured. Dice is nan where neither mask has the structure. Discs are
    text that `discs_of` reads: "" where no ejection fraction is measured, or a mask gives none.
    """


def measured(mask: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """The Dice of each structure, by column, of two masks (rows, columns)."""
    found = (dice(mask == label, truth == label) for label in STRUCTURES.values())
    return {name: f"{value:.6g}" for name, value in zip(DICE, found, strict=True)}


def discs(mask: np.ndarray, spacing: np.ndarray) -> str:
    """Discs of the left ventricle as text; "" of a mask that has no axis.

    Args:
        mask: labels (rows, columns).
        spacing: mm between rows and between columns.
    """
    try:
        found, length = diameters(mask, (float(spacing[0]), float(spacing[1])))
    except InputError:
        return ""
    return " ".join(f"{value:.4g}" for value in (length, *found))


def discs_of(text: str) -> Discs | None:
    """What `discs` wrote; None of ""."""
    if not text:
        return None
    length, *found = map(float, text.split())
    if len(found) != DISCS or not all(0 <= value < math.inf for value in (length, *found)):
        raise ValueError(text)
    return np.array(found), length


def append(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Add rows to a table, as `cell_rows.append`."""
    cell_rows.append(path, COLUMNS, rows, "comparison of masks")


def read(path: Path) -> Overlaps:
    """Read a table, as `cell_rows.read`.

    Raises:
        InputError: if the header or a line is not what `append` writes; names file and line.
    """
    return Overlaps(cell_rows.read(path, COLUMNS, _DTYPES, _sound, _EXPECTED))


def _sound(value: Mapping[str, str]) -> bool:
    for name in ("discs", "expert_discs"):
        discs_of(value[name])
    known = (float(value[name]) for name in DICE)
    return value["drawn"] in ("0", "1") and all(math.isnan(x) or 0 <= x <= 1 for x in known)
