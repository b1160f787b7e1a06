"""What grades are set beside: borders, ejection fractions, causes, people, and a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from echojax.errors import InputError
from echojax.inference.regions import divide
from echojax.inference.sector import sector
from echojax.progress import bar
from echojax.report import tables
from echojax.studies.grading import boundary, causes, changes, ejection, masks, observers
from echojax.studies.grading.boundary import Border
from echojax.studies.grading.methods import NETWORKS
from echojax.studies.grading.study import Study
from echojax.vocabulary import NONE

ABSENT = "absent.csv"  # in a run's tables


class Absent(NamedTuple):
    """Something that a run does not have, and why."""

    what: str
    why: str


def measure(study: Study) -> None:
    """Measure all of it that the run's settings and files allow, into its tables.

    Raises:
        InputError: a file that a setting names cannot be understood.
    """
    run, config = study.run.path, study.request.config.grading
    if config.observers:
        observers.write(run, observers.read_all(config.observers, study.frames.ids))
    if config.diagnosis:
        changes.keep_accuracies(run, config.diagnosis)
    if config.segmenter and masks.EXPERT in study.kinds():
        quality = [key.quality for key in study.keys]
        expert, automatic = (study.masks_of(kind) for kind in masks.KINDS)
        found = ejection.measure(study.frames, expert, automatic, quality)
        ejection.write(run, list(found))
        boundary.write(run, list(_borders(study)))
    known = {(each.method, each.masks) for each in causes.read(run)}
    if config.hearts and not known.issuperset((name, kind) for kind, name in _methods(study)):
        causes.write(run, list(causes.measure(config.hearts, study.networks)))
    tables.write(run / "tables" / ABSENT, Absent._fields, map(Absent._asdict, _absent(study)))


def absent(run: Path) -> list[Absent]:
    """What a run said of what it lacks."""
    return tables.read_rows(run / "tables" / ABSENT, Absent)


def _methods(study: Study) -> Iterator[tuple[str, str]]:
    for name in study.networks:
        yield (masks.NO_MASK if name == "end-to-end" else masks.EXPERT), name
    yield masks.EXPERT, "cr"


def _borders(study: Study) -> Iterator[Border]:
    with bar("Measuring borders", len(study.frames)) as progress:
        for index, key in enumerate(study.keys):
            progress.advance()
            expert, automatic = (study.masks_of(kind)(index) for kind in masks.KINDS)
            if expert is None or automatic is None:
                continue
            rows, columns = study.frames.spacing[index]
            spacing = float(rows), float(columns)
            try:
                regions = divide(expert, spacing, sector(study.frames.images[index]))
            except InputError:
                continue
            yield from boundary.measure(key, expert, automatic, regions, spacing)


def _absent(study: Study) -> Iterator[Absent]:
    """What the run lacks, a reason each."""
    config = study.request.config.grading
    for name in NETWORKS:
        if name not in study.networks:
            key = "grader" if name == "end-to-end" else name
            yield Absent(f"method {name}", f"no file is named in grading.{key}")
    if not config.segmenter:
        why = "grading.segmenter names no run of echojax train-segmenter"
        for what in ("automatic masks", "ejection fraction by grade", "borders by grade"):
            yield Absent(what, why)
    for sr in config.enhancements:
        if sr != NONE and (why := study.enhancements.missing(sr)):
            yield Absent(f"grades after {sr}", why)
    if not config.diagnosis:
        yield Absent("change in accuracy", "grading.diagnosis names no run of a diagnosis study")
    if not config.observers:
        yield Absent("observers", "grading.observers names no file of human grades")
    if "grades" not in study.frames.table or not study.frames.simulated.any():
        yield Absent("grades known for sure", "only frames of `echojax simulate --coherence` have")
