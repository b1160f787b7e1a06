"""What a run has on disk, read, and what its report makes of it: tables and figures."""

from __future__ import annotations

import math
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from echojax.errors import InputError
from echojax.report import origin
from echojax.report import tables as csv_tables
from echojax.report.blocks import Block, Figure, absent
from echojax.report.figures import Image
from echojax.report.origin import Origin
from echojax.runs import frame_facts
from echojax.runs import log as training_log
from echojax.runs.frame_facts import FrameFacts
from echojax.runs.log import LogRow
from echojax.studies.diagnosis import (
    accuracies,
    changed,
    classes,
    costs,
    gains,
    manipulation,
    overlaps,
    predictions,
    restored,
    tables,
)
from echojax.studies.diagnosis.accuracies import AccuracyRow, TrainingRow
from echojax.studies.diagnosis.cells import Cell, StudyConfig, all_cells, in_order, mask_cells
from echojax.studies.diagnosis.changed import ChangedFrame
from echojax.studies.diagnosis.classes import ClassRow
from echojax.studies.diagnosis.costs import CostRow, LeakRow
from echojax.studies.diagnosis.figures import accuracy as accuracy_figures
from echojax.studies.diagnosis.figures import answer as answer_figures
from echojax.studies.diagnosis.figures import curves as curve_figures
from echojax.studies.diagnosis.figures import frames as frame_figures
from echojax.studies.diagnosis.figures import gains as gain_figures
from echojax.studies.diagnosis.figures import masks as mask_figures
from echojax.studies.diagnosis.gains import GainRow, MeanGainRow
from echojax.studies.diagnosis.manipulation import ManipulationRow
from echojax.studies.diagnosis.mask_outcomes import MaskOutcomes, mask_outcomes
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.primary import PrimaryRow, primary_rows
from echojax.studies.diagnosis.restored import RestoredRow
from echojax.studies.diagnosis.super_resolution import SuperResolutionRow, super_resolution_rows
from echojax.vocabulary import GENERATORS, NONE


@dataclass(frozen=True)
class Material:
    """All a section may draw on: what is on disk, the tables made of it and the figures.

    Attributes:
        origin: of the run.
        study: what it was asked for.
        facts: what its frames are; None where it, of an older version, does not say.
        dataset: lines of the table of frames, its heading first; none if the run has no such table.
        predictions: how many there are.
        accuracy: a row a cell.
        trainings: a row a training of a cell.
        gain: a row an enhanced cell.
        mean_gain: a row an enhancement and mode.
        primary: a row a primary comparison.
        cost: a row a cell off the diagonal.
        leak: a row a cell that both protocols have.
        classes: a row a cell, right and wrong answers by class.
        fidelity: a row a generator.
        restored: a row a protocol and way to restore.
        changed: the frames that enhancement changed most.
        manipulation: a row an enhancement, mode and quality.
        masks: what segmenters are worth; no rows where they are no outcome.
        figures: PNG files by what they show; one that has no data is absent.
    """

    origin: Origin
    study: StudyConfig
    facts: FrameFacts | None
    dataset: list[list[str]]
    predictions: int
    accuracy: list[AccuracyRow]
    trainings: list[TrainingRow]
    gain: list[GainRow]
    mean_gain: list[MeanGainRow]
    primary: list[PrimaryRow]
    cost: list[CostRow]
    leak: list[LeakRow]
    classes: list[ClassRow]
    fidelity: list[SuperResolutionRow]
    restored: list[RestoredRow]
    changed: list[ChangedFrame]
    manipulation: list[ManipulationRow]
    masks: MaskOutcomes
    figures: dict[str, Path]

    @property
    def protocols(self) -> list[str]:
        """Protocols asked for and protocols found, in reading order."""
        return in_order([*self.study.protocols, *self._found], "protocol")

    @property
    def leading(self) -> str:
        """The protocol that the answer is of: one that keeps patients apart, if the run has it."""
        names = ("patient", *self.protocols)
        return next((name for name in names if name in self._found), "patient")

    @property
    def _found(self) -> set[str]:
        """Protocols found."""
        of_masks = {row.cell.protocol for row in self.masks.rows}
        return {row.cell.protocol for row in self.accuracy} | of_masks

    @property
    def networks(self) -> list[str]:
        """Super-resolution networks asked for."""
        return [name for name in GENERATORS if name in self.study.sr]

    @property
    def simulated(self) -> bool:
        """Whether the frames are known to be simulated."""
        return self.facts is not None and self.facts.simulated

    def asked(self, protocol: str, *, enhanced: bool) -> list[Cell]:
        """Cells of a protocol that the run's configuration asks for."""
        return [
            cell
            for cell in all_cells(self.study)
            if cell.protocol == protocol and (cell.sr != NONE) == enhanced
        ]

    def asked_for_masks(self, protocol: str) -> list[Cell]:
        """Cells of a protocol, without enhancement, that segmenters are asked in."""
        cells = mask_cells(self.study)
        return [cell for cell in cells if cell.protocol == protocol and cell.sr == NONE]

    def baseline(self, protocol: str) -> dict[Cell, AccuracyRow | None]:
        """Accuracy without enhancement; None where a cell asked for is missing."""
        return accuracies.baseline(self.accuracy, self.asked(protocol, enhanced=False), protocol)

    def figure(self, key: str, caption: str) -> Block:
        """A figure, or a sentence that it is not there."""
        if key not in self.figures:
            subject = caption.split(". ")[0].rstrip(".")
            return absent(f"Figure not in this run yet: {subject}.")
        return Figure(self.figures[key], caption)


def gather(run: Path) -> Material:
    """Read a run directory, write its tables and draw its figures.

    Raises:
        InputError: `run` is no run directory, or one of its files cannot be understood.
    """
    of = origin.read(run)
    study = of.settings("study", StudyConfig)
    facts = frame_facts.read(run)
    found = predictions.read(run / "predictions.csv")
    log = training_log.read(run / "log.csv")
    accuracy = accuracies.accuracy_rows(found, predictions.read(run / "thumbnails.csv"))
    if facts is not None and facts.simulated:
        accuracy = [row._replace(paper=math.nan) for row in accuracy]
    material = Material(
        origin=of,
        study=study,
        facts=facts,
        dataset=csv_tables.read(run / "tables" / "dataset.csv"),
        predictions=len(found),
        accuracy=accuracy,
        trainings=accuracies.training_rows(found),
        gain=gains.gain_rows(found, study.parts),
        mean_gain=gains.mean_gain_rows(found),
        primary=primary_rows(found),
        cost=costs.cost_rows(found),
        leak=costs.leak_rows(found),
        classes=classes.class_rows(found),
        fidelity=super_resolution_rows(log),
        restored=restored.restored_rows(restored.read(run)),
        changed=changed.read(run),
        manipulation=manipulation.manipulation_rows(
            manipulation.read(run / "manipulation.csv"), found
        ),
        masks=mask_outcomes(overlaps.read(run / "overlaps.csv")),
        figures={},
    )
    _write_tables(material, run / "tables")
    return replace(material, figures=_draw(material, found, log, run / "figures"))


def _write_tables(material: Material, folder: Path) -> None:
    tables.write(folder, "accuracy", material.accuracy)
    tables.write(folder, "trainings", material.trainings)
    tables.write(folder, "gain", material.gain)
    tables.write(folder, "mean_gain", material.mean_gain)
    tables.write(folder, "primary", material.primary)
    tables.write(folder, "quality_cost", material.cost)
    tables.write(folder, "leakage", material.leak)
    tables.write(folder, "classes", material.classes)
    tables.write(folder, "super_resolution", material.fidelity)
    tables.write(folder, "restoration", material.restored)
    tables.write(folder, "manipulation", material.manipulation)
    if material.masks.rows:
        tables.write(folder, "outcomes", material.masks.rows)
        tables.write(folder, "outcome_gain", material.masks.gains)
        tables.write(folder, "outcome_mean_gain", material.masks.means)


def _draw(
    material: Material, found: Predictions, log: list[LogRow], folder: Path
) -> dict[str, Path]:
    examples = _examples(folder / "examples.npz")
    drawn = {
        "primary": answer_figures.primary(
            [row for row in material.primary if row.protocol == material.leading],
            folder / "answer.png",
        ),
        "frames": frame_figures.frames(examples, folder / "fig2_frames.png"),
        "patches": frame_figures.patches(examples, folder / "fig3_patches.png"),
        "changed": frame_figures.changed(material.changed, examples, folder / "changed_frames.png"),
        "sr_training": curve_figures.sr_training(log, folder / "sr_training.png"),
    }
    for protocol in material.protocols:
        name = slug(protocol)
        drawn[f"accuracy {protocol}"] = accuracy_figures.accuracy(
            material.baseline(protocol), material.trainings, folder / f"accuracy_{name}.png"
        )
        drawn[f"gain {protocol}"] = gain_figures.gains(
            material.gain,
            protocol,
            folder / f"fig4_gain_{name}.png",
            published=not material.simulated,
        )
        drawn[f"reliability {protocol}"] = curve_figures.reliability(
            classes.reliability(found, protocol), folder / f"reliability_{name}.png"
        )
        drawn[f"masks {protocol}"] = mask_figures.gains(
            material.masks.means, protocol, folder / f"masks_{name}.png"
        )
    return {key: path for key, path in drawn.items() if path is not None}


def slug(name: str) -> str:
    """A name as part of a file's."""
    return re.sub(r"[^\w-]", "_", name)


def _examples(path: Path) -> dict[str, Image]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it or run again") from error
