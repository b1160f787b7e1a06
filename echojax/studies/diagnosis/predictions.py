"""Every prediction of a run, one row each, in `predictions.csv`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from echojax.studies.diagnosis import cell_rows
from echojax.studies.diagnosis.cell_rows import FRAME, CellRows
from echojax.studies.diagnosis.cell_rows import match as match
from echojax.studies.diagnosis.cells import Cell

COLUMNS = (*FRAME, *Cell._fields, "fold", "seed", "probability", "label")

_DTYPES = {"probability": np.float64, "label": np.int64}
_EXPECTED = (
    f"is not a prediction; expected {len(COLUMNS)} values, a probability between 0 and 1 and a "
    "label 0 or 1 at the end."
)


class Predictions(CellRows):
    """Predictions by column, named as in `COLUMNS`.

    `fold`, `seed` and `label` (0 or 1) are integers; `probability` is that of class 1, in [0, 1].
    """

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is right; a probability of 0.5 and more predicts class 1."""
        return (self["probability"] >= 0.5) == (self["label"] == 1)


def append(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Add rows to a predictions file, as `cell_rows.append`.

    Args:
        path: the file.
        rows: mappings from every name in `COLUMNS` to its value.

    Raises:
        InputError: if the file has another header.
        ValueError: if a row lacks a column, has one too many, or a probability that is none.
    """
    cell_rows.append(path, COLUMNS, map(_written, rows), "prediction")


def _written(row: Mapping[str, object]) -> Mapping[str, object]:
    if "probability" not in row:
        return row
    # Nine digits carry a float32 exactly, so that a class never flips at 0.5.
    probability = float(cast(float, row["probability"]))
    if not 0 <= probability <= 1:
        raise ValueError(f"a probability is {probability}")
    return {**row, "probability": f"{probability:.9g}"}


def read(path: Path) -> Predictions:
    """Read a predictions file, as `cell_rows.read`.

    Raises:
        InputError: if the header or a line is not what `append` writes; names file and line.
    """
    return Predictions(cell_rows.read(path, COLUMNS, _DTYPES, _sound, _EXPECTED))


def _sound(value: Mapping[str, str]) -> bool:
    return 0.0 <= float(value["probability"]) <= 1.0 and value["label"] in ("0", "1")
