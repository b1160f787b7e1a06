"""The files of a run's `tables` folder: their columns, and how rows are written to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from echojax.report import tables
from echojax.studies.diagnosis.accuracies import TrainingRow
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.classes import ClassRow
from echojax.studies.diagnosis.costs import LeakRow
from echojax.studies.diagnosis.gains import MeanGainRow
from echojax.studies.diagnosis.manipulation import ManipulationRow
from echojax.studies.diagnosis.mask_outcomes import OutcomeGainRow, OutcomeMeanRow, OutcomeRow
from echojax.studies.diagnosis.primary import PrimaryRow
from echojax.studies.diagnosis.restored import RestoredRow
from echojax.studies.diagnosis.super_resolution import SuperResolutionRow

# The files of a run's `tables` folder and their columns.
COLUMNS: dict[str, tuple[str, ...]] = {
    "accuracy": (
        *("protocol", "task", "train", "test", "sr", "sr_on", "accuracy", "low", "high"),
        *("frames", "seeds", "mode", "folds", "patients", "seed_sd", "chance"),
        *("balanced", "balanced_low", "balanced_high", "auc", "auc_low", "auc_high"),
        *("thumbnail", "thumbnail_low", "thumbnail_high"),
        *("over_thumbnail", "over_thumbnail_low", "over_thumbnail_high", "paper"),
    ),
    "gain": (
        *Cell._fields,
        *("before", "after", "change", "low", "high", "frames", "patients", "seeds", "p"),
        *("points", "points_low", "points_high", "trainings"),
        *("corrected_low", "corrected_high", "corrected_p"),
    ),
    "mean_gain": MeanGainRow._fields,
    "quality_cost": (
        *("protocol", "task", "train", "test", "home", "away", "change", "low", "high"),
        *("points", "points_low", "points_high", "paired"),
    ),
    "leakage": LeakRow._fields,
    "trainings": (*Cell._fields, *TrainingRow._fields[1:]),
    "primary": PrimaryRow._fields,
    "restoration": RestoredRow._fields,
    "manipulation": ManipulationRow._fields,
    "classes": (*Cell._fields, *ClassRow._fields[1:]),
    "super_resolution": SuperResolutionRow._fields,
    "outcomes": ("outcome", *Cell._fields, *OutcomeRow._fields[2:]),
    "outcome_gain": ("outcome", *Cell._fields, *OutcomeGainRow._fields[2:]),
    "outcome_mean_gain": OutcomeMeanRow._fields,
}
_CHANGE = ("change", "low", "high", "points", "points_low", "points_high")
_OF_MASKS = ("change", "low", "high", "bicubic_change", "bicubic_low", "bicubic_high")
_PERCENT = {
    "accuracy": ("over_thumbnail", "over_thumbnail_low", "over_thumbnail_high"),
    "gain": (*_CHANGE, "corrected_low", "corrected_high"),
    "mean_gain": (*_CHANGE, *(name for name in MeanGainRow._fields if "bicubic" in name)),
    "quality_cost": _CHANGE,
    "leakage": ("points", "low", "high"),
    "outcome_gain": ("before", "after", *_OF_MASKS),
    "outcome_mean_gain": _OF_MASKS,
}


def write(folder: Path, name: str, rows: Iterable[NamedTuple]) -> None:
    """Write rows as the table `name` of `COLUMNS` into a folder."""
    values = (_values(row) for row in rows)
    tables.write(folder / f"{name}.csv", COLUMNS[name], values, _PERCENT.get(name, ()))


def _values(row: NamedTuple) -> Mapping[str, object]:
    """A row by column, its cell taken apart."""
    named = row._asdict()
    cell: Cell | None = named.get("cell")
    return named | cell._asdict() if cell else named
