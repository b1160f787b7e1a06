"""What a run has on disk, read, and what its report makes of it: tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from echojax.report import origin, tables
from echojax.report.blocks import Block, Figure, absent
from echojax.report.origin import Origin
from echojax.runs import frame_facts
from echojax.runs.frame_facts import FrameFacts
from echojax.studies.grading import (
    beside,
    boundary,
    causes,
    changes,
    ejection,
    figures,
    grades,
    interobserver,
    labels,
    observers,
    truth,
)
from echojax.studies.grading.beside import Absent
from echojax.studies.grading.boundary import BorderRow
from echojax.studies.grading.causes import CauseRow
from echojax.studies.grading.changes import Accuracy, ChangeRow
from echojax.studies.grading.config import GradingConfig
from echojax.studies.grading.ejection import EjectionRow
from echojax.studies.grading.grades import Grades
from echojax.studies.grading.interobserver import ObserverRow
from echojax.studies.grading.labels import LabelRow, RegionRow
from echojax.studies.grading.truth import PairRow, TruthRow


@dataclass(frozen=True)
class Material:
    """All a section may draw on.

    Attributes:
        origin: of the run.
        grading: what it was asked for.
        facts: what its frames are; None where it was stopped before it said so.
        scores: how many rows `grades.csv` has.
        undivided: frames whose expert mask cannot be divided, and why, one each.
        label: methods against the quality of views.
        region: the same in each region.
        truth: methods against grades that the simulator knows.
        pairs: those methods against each other.
        change: grades after enhancement minus before.
        accuracy: what a diagnosis study found of the same enhancements.
        ejection: automatic ejection fractions against those of expert masks.
        border: borders of automatic masks against those of experts.
        cause: measures under one change at a time.
        observer: people and methods against people.
        absent: what the run lacks.
        figures: PNG files by what they show.
    """

    origin: Origin
    grading: GradingConfig
    facts: FrameFacts | None
    scores: int
    undivided: dict[str, str]
    label: list[LabelRow]
    region: list[RegionRow]
    truth: list[TruthRow]
    pairs: list[PairRow]
    change: list[ChangeRow]
    accuracy: list[Accuracy]
    ejection: list[EjectionRow]
    border: list[BorderRow]
    cause: list[CauseRow]
    observer: list[ObserverRow]
    absent: list[Absent]
    figures: dict[str, Path]

    @property
    def simulated(self) -> bool:
        """Whether the frames are known to be simulated."""
        return self.facts is not None and self.facts.simulated

    def why(self, what: str) -> str:
        """Why the run lacks something, "" if it does not say."""
        return next((each.why for each in self.absent if each.what == what), "")

    def lacking(self, what: str) -> Block:
        """A sentence that something is not in the run, and why."""
        why = self.why(what)
        return absent(f"Not in this run: {what}{f'; {why}' if why else ''}.")

    def figure(self, key: str, caption: str) -> list[Block]:
        """A figure, or nothing where it has no data."""
        return [Figure(self.figures[key], caption)] if key in self.figures else []


def gather(run: Path) -> Material:
    """Read a run directory, compute its tables and draw its figures.

    Raises:
        InputError: `run` is no run directory, or one of its files cannot be understood.
    """
    of = origin.read(run)
    asked = of.settings("grading", GradingConfig)
    found = grades.read(run / grades.NAME)
    split = asked.parts, asked.split_seed
    simulated = truth.judged(found, truth.of_simulator(found), *split)
    borders = boundary.read(run)
    material = Material(
        origin=of,
        grading=asked,
        facts=frame_facts.read(run),
        scores=len(found),
        undivided=_undivided(found),
        label=labels.label_rows(found, *split),
        region=labels.region_rows(found),
        truth=truth.truth_rows(simulated),
        pairs=truth.pair_rows(simulated),
        change=changes.change_rows(found),
        accuracy=changes.accuracies(run),
        ejection=ejection.ejection_rows(ejection.read(run), found),
        border=boundary.border_rows(borders, found),
        cause=causes.cause_rows(causes.read(run)),
        observer=_observers(run, found, split),
        absent=beside.absent(run),
        figures={},
    )
    _write_tables(material, run / "tables")
    return replace(material, figures=_draw(material, run / "figures"))


def _observers(run: Path, found: Grades, split: tuple[int, int]) -> list[ObserverRow]:
    people = observers.by_observer(observers.kept(run))
    patients = dict(zip(found["frame"].tolist(), found["patient"].tolist(), strict=True))
    judged = truth.judged(found, observers.consensus(people), *split)
    return interobserver.observer_rows(people, judged, patients)


def _undivided(found: Grades) -> dict[str, str]:
    expert = found.of(masks="expert", enhancement="none")
    both = zip(expert["frame"].tolist(), expert["why"].tolist(), strict=True)
    return {frame: why for frame, why in both if why}


def _write_tables(material: Material, folder: Path) -> None:
    every: dict[str, Sequence[NamedTuple]] = {
        "labels": material.label,
        "regions": material.region,
        "truth": material.truth,
        "pairs": material.pairs,
        "changes": material.change,
        "ejection_fraction": material.ejection,
        "borders": material.border,
        "moved_by": material.cause,
        "agreement": material.observer,
    }
    for name, rows in every.items():
        if rows:
            tables.write(folder / f"{name}.csv", rows[0]._fields, (row._asdict() for row in rows))


def _draw(material: Material, folder: Path) -> dict[str, Path]:
    drawn = {
        "labels": figures.areas(material.label, folder / "areas.png"),
        "changes": figures.changes(material.change, folder / "changes.png"),
        "causes": figures.causes(material.cause, folder / "causes.png"),
    }
    return {key: path for key, path in drawn.items() if path is not None}
