"""What a run has on disk, read, and what its report makes of it: tables and figures."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from echojax.errors import InputError
from echojax.report import origin, page
from echojax.report import tables as csv_tables
from echojax.report.figures import Image
from echojax.report.origin import Origin
from echojax.runs import log as training_log
from echojax.runs.log import LogRow
from echojax.studies.diagnosis import (
    accuracies,
    classes,
    costs,
    figures,
    gains,
    predictions,
    tables,
)
from echojax.studies.diagnosis.accuracies import AccuracyRow
from echojax.studies.diagnosis.cells import Cell, StudyConfig, all_cells, in_order
from echojax.studies.diagnosis.classes import ClassRow
from echojax.studies.diagnosis.costs import CostRow, LeakRow
from echojax.studies.diagnosis.gains import GainRow, MeanGainRow
from echojax.studies.diagnosis.primary import PrimaryRow, primary_rows
from echojax.studies.diagnosis.restoration import SuperResolutionRow, super_resolution_rows
from echojax.vocabulary import GENERATORS, NONE


@dataclass(frozen=True)
class Material:
    """All a section may draw on: what is on disk, the tables made of it and the figures.

    Attributes:
        origin: of the run.
        study: what it was asked for.
        dataset: lines of the table of frames, its heading first; none if the run has no such table.
        predictions: how many there are.
        accuracy: a row a cell.
        gain: a row an enhanced cell.
        mean_gain: a row an enhancement and mode.
        primary: a row a primary comparison.
        cost: a row a cell off the diagonal.
        leak: a row a cell that both protocols have.
        classes: a row a cell, right and wrong answers by class.
        fidelity: a row a generator.
        figures: PNG files by what they show; one that has no data is absent.
    """

    origin: Origin
    study: StudyConfig
    dataset: list[list[str]]
    predictions: int
    accuracy: list[AccuracyRow]
    gain: list[GainRow]
    mean_gain: list[MeanGainRow]
    primary: list[PrimaryRow]
    cost: list[CostRow]
    leak: list[LeakRow]
    classes: list[ClassRow]
    fidelity: list[SuperResolutionRow]
    figures: dict[str, Path]

    @property
    def protocols(self) -> list[str]:
        """Protocols asked for and protocols found, in reading order."""
        found = (row.cell.protocol for row in self.accuracy)
        return in_order([*self.study.protocols, *found], "protocol")

    @property
    def networks(self) -> list[str]:
        """Super-resolution networks asked for."""
        return [name for name in GENERATORS if name in self.study.sr]

    def asked(self, protocol: str, *, enhanced: bool) -> list[Cell]:
        """Cells of a protocol that the run's configuration asks for."""
        return [
            cell
            for cell in all_cells(self.study)
            if cell.protocol == protocol and (cell.sr != NONE) == enhanced
        ]

    def baseline(self, protocol: str) -> dict[Cell, AccuracyRow | None]:
        """Accuracy without enhancement; None where a cell asked for is missing."""
        return accuracies.baseline(self.accuracy, self.asked(protocol, enhanced=False), protocol)

    def figure(self, key: str, caption: str) -> str:
        """A figure, or a sentence that it is not there."""
        if key not in self.figures:
            subject = caption.split(". ")[0].rstrip(".")
            return page.absent(f"Figure not in this run yet: {subject}.")
        return page.figure(self.figures[key], caption)


def gather(run: Path) -> Material:
    """Read a run directory, write its tables and draw its figures.

    Raises:
        InputError: `run` is no run directory, or one of its files cannot be understood.
    """
    of = origin.read(run)
    study = of.settings("study", StudyConfig)
    found = predictions.read(run / "predictions.csv")
    log = training_log.read(run / "log.csv")
    material = Material(
        origin=of,
        study=study,
        dataset=csv_tables.read(run / "tables" / "dataset.csv"),
        predictions=len(found),
        accuracy=accuracies.accuracy_rows(found, predictions.read(run / "thumbnails.csv")),
        gain=gains.gain_rows(found, study.parts),
        mean_gain=gains.mean_gain_rows(found),
        primary=primary_rows(found),
        cost=costs.cost_rows(found),
        leak=costs.leak_rows(found),
        classes=classes.class_rows(found),
        fidelity=super_resolution_rows(log),
        figures={},
    )
    _write_tables(material, run / "tables")
    return replace(material, figures=_draw(material, log, run / "figures"))


def _write_tables(material: Material, folder: Path) -> None:
    tables.write(folder, "accuracy", material.accuracy)
    tables.write(folder, "gain", material.gain)
    tables.write(folder, "mean_gain", material.mean_gain)
    csv_tables.write(
        folder / "primary.csv", PrimaryRow._fields, map(PrimaryRow._asdict, material.primary)
    )
    tables.write(folder, "quality_cost", material.cost)
    tables.write(folder, "leakage", material.leak)
    tables.write(folder, "classes", material.classes)
    tables.write(folder, "super_resolution", material.fidelity)


def _draw(material: Material, log: list[LogRow], folder: Path) -> dict[str, Path]:
    examples = _examples(folder / "examples.npz")
    drawn = {
        "frames": figures.frames(examples, folder / "fig2_frames.png"),
        "patches": figures.patches(examples, folder / "fig3_patches.png"),
        "sr_training": figures.sr_training(log, folder / "sr_training.png"),
    }
    for protocol in material.protocols:
        name = re.sub(r"[^\w-]", "_", protocol)
        drawn[f"accuracy {protocol}"] = figures.accuracy(
            material.baseline(protocol), folder / f"accuracy_{name}.png"
        )
        drawn[f"gain {protocol}"] = figures.gains(
            material.gain, protocol, folder / f"fig4_gain_{name}.png"
        )
    return {key: path for key, path in drawn.items() if path is not None}


def _examples(path: Path) -> dict[str, Image]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it or run again") from error
