"""The study: every cell of training quality x test quality x super-resolution, and its parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from echojax import devices
from echojax.data import camus
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.classify import Shape
from echojax.progress import Jobs
from echojax.recipes import classification, classifier_start
from echojax.runs import frame_facts
from echojax.runs.job import Job, Record, begun, network_file
from echojax.runs.run import Request, Run
from echojax.studies.diagnosis import (
    leaks,
    predictions,
    restorer,
)
from echojax.studies.diagnosis.cells import Cell, all_cells
from echojax.studies.diagnosis.classifiers import ClassifierKey, Classifiers
from echojax.studies.diagnosis.config import Config
from echojax.studies.diagnosis.folds import Fold, check_fold, make_folds
from echojax.studies.diagnosis.generators import Generators, generator_name
from echojax.studies.diagnosis.inputs import Inputs
from echojax.vocabulary import USES


class Question(NamedTuple):
    """Frames that the classifier of one fold and seed is still to be asked about."""

    key: ClassifierKey
    fold: Fold
    seed: int
    cell: Cell
    frames: np.ndarray

    @property
    def job(self) -> str:
        """Name of the job that trains the classifier."""
        return self.key.job(self.fold, self.seed)


class Missing(NamedTuple):
    """What a run does not have yet.

    Attributes:
        generators: kinds and folds, in the order in which they are trained.
        classifiers: one of the questions of each that is to be trained.
        questions: every one.
    """

    generators: list[tuple[str, Fold]]
    classifiers: list[Question]
    questions: list[Question]


@dataclass
class Study:
    """A study that was asked for: trains what is missing, reuses what the run has.

    Attributes:
        request: the run and the configuration.
        frames: the frames it is about, with square pixels.
        mesh: devices to train on.
        jobs: what is to be trained, once it was begun.
    """

    request: Request[Config]
    frames: Frames
    mesh: Mesh
    jobs: Jobs = field(default_factory=Jobs)
    _folds: dict[str, list[Fold]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request[Config]) -> "Study":
        """The study of a request, on the frames that its configuration names.

        Raises:
            InputError: nothing is prepared, or no frame is of the views.
        """
        devices.start()
        return cls(request, camus.open_frames(request.config.data), devices.data_mesh())

    @property
    def run(self) -> Run:
        """The run directory."""
        return self.request.run

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.request.config

    @cached_property
    def generators(self) -> Generators:
        """The generators of the run."""
        return Generators(self.run, self.config.sr, self.frames, self.mesh, self.jobs)

    @cached_property
    def inputs(self) -> Inputs:
        """What the classifiers of the run see."""
        return self.inputs_of(self.config.classifier.shape)

    def inputs_of(self, shape: Shape) -> Inputs:
        """What is seen in a shape of its own."""
        return Inputs(self.frames, self.generators, self.config.study.restorer, shape)

    @cached_property
    def classifiers(self) -> Classifiers:
        """The classifiers of the run."""
        return Classifiers(self.run, self.config.classifier, self.mesh, self.inputs, self.jobs)

    def folds(self, protocol: str) -> list[Fold]:
        """The folds of a protocol."""
        if protocol not in self._folds:
            study = self.config.study
            self._folds[protocol] = make_folds(
                self.frames,
                protocol=protocol,
                sr_quality=self.config.sr.quality,
                parts=study.parts,
                folds=study.folds,
                seed=study.split_seed,
                draw=study.paper_draw,
            )
        return self._folds[protocol]

    def fold(self, protocol: str, number: int) -> Fold:
        """One fold of a protocol.

        Raises:
            InputError: the configuration makes no such fold.
        """
        folds = self.folds(protocol)
        if number >= len(folds):
            raise InputError(f"fold {number}: study.folds is {len(folds)}, counted from 0")
        return folds[number]

    def folds_of(self, protocol: str, only: int | None) -> list[Fold]:
        """The folds of a protocol, or the only one of some number.

        Raises:
            InputError: as `fold`.
        """
        return self.folds(protocol) if only is None else [self.fold(protocol, only)]

    def check(
        self,
        cells: Sequence[Cell] = (),
        *,
        only_fold: int | None = None,
        generators: Iterable[tuple[str, Fold]] = (),
    ) -> list[tuple[str, Fold]]:
        """See that what is asked for is possible; nothing is written.

        Args:
            cells: that will be done.
            only_fold: number of the one fold of them; all by default.
            generators: that will be trained: their names and folds.

        Returns:
            The generators, those of the cells among them.

        Raises:
            InputError: a stratum has too few frames; a setting does not fit the frames, the devices
                or a file of weights; or a network would start from what has learned from tested
                frames, or a restorer has.
        """
        config = self.config
        needed = {(sr, fold.protocol, fold.generator): fold for sr, fold in generators}
        tested: dict[tuple[str, int], Fold] = {}
        for cell in cells:
            for fold in self.folds_of(cell.protocol, only_fold):
                check_fold(self.frames, fold, cell, config.study.parts)
                tested[fold.protocol, fold.number] = fold
                generator = USES[cell.sr].generator
                if generator is not None:
                    needed[generator, fold.protocol, fold.generator] = fold
        for (sr, _, _), fold in needed.items():
            self.generators.check(sr, fold)
        for task in sorted({cell.task for cell in cells}):
            classification.check(config.classifier, self.mesh, task)
        init = classifier_start.init_file(config.classifier.init) if cells else None
        if init is not None:
            leaks.check_init(init, "classifier.init", self.frames, [*tested.values()], sr=False)
        if _restored(cells):
            restorer.check(config.study.restorer, self.frames, [*tested.values()])
        return [(key[0], fold) for key, fold in needed.items()]

    def begin(
        self,
        cells: Sequence[Cell] = (),
        *,
        only_fold: int | None = None,
        generators: Iterable[tuple[str, Fold]] = (),
    ) -> None:
        """Make or enter the run directory, once all that is asked for has passed `check`.

        Raises:
            InputError: as `check`, or a job of the run was begun with other settings, frames or
                files.
        """
        needed = self.check(cells, only_fold=only_fold, generators=generators)
        self.request.begin(self._jobs(cells, needed))
        frame_facts.write(self.run.path, self.frames)
        if cells:
            self._predictions.begin()
        if _restored(cells):
            self._restorer.begin()
        self._plan(self._missing(cells, needed, only_fold))

    def missing(
        self,
        cells: Sequence[Cell] = (),
        generators: Iterable[tuple[str, Fold]] = (),
        *,
        only_fold: int | None = None,
    ) -> Missing:
        """What the run does not have yet of cells and generators; nothing is written.

        Raises:
            InputError: as `check`.
        """
        needed = self.check(cells, only_fold=only_fold, generators=generators)
        return self._missing(cells, needed, only_fold)

    def _missing(
        self, cells: Sequence[Cell], needed: Sequence[tuple[str, Fold]], only_fold: int | None
    ) -> Missing:
        # SRGAN starts from the SRResNet of its fold.
        wanted = [*(("srresnet", fold) for sr, fold in needed if sr == "srgan"), *needed]
        generators = {generator_name(sr, fold): (sr, fold) for sr, fold in wanted}
        seeds = self.config.study.seeds
        questions = list(self.unanswered(self.run.predictions, cells, only_fold, seeds))
        classifiers = {question.job: question for question in questions}
        return Missing(
            [every for name, every in generators.items() if not self._trained(name)],
            [every for name, every in classifiers.items() if not self._trained(name)],
            questions,
        )

    def _plan(self, missing: Missing) -> None:
        """Count the trainings of each kind; of classifiers, fewer seeds or folds make it fewer."""
        kinds = [classification.kind(degraded=q.key.degraded) for q in missing.classifiers]
        self.jobs.planned.update([*(sr for sr, _ in missing.generators), *kinds])
        seeds = {question.seed for question in missing.classifiers}
        folds = {question.fold.number for question in missing.classifiers}
        for setting, there in (("study.folds=1", folds), ("study.seeds=1", seeds)):
            if len(there) > 1:
                self.jobs.shorter = dict.fromkeys(kinds, (setting, 1 / len(there)))

    def _trained(self, job: str) -> bool:
        return network_file(self.run.path / job).is_file()

    def _jobs(self, cells: Sequence[Cell], generators: Sequence[tuple[str, Fold]]) -> Iterator[Job]:
        """The jobs behind what is asked for, and behind all that the configuration asks for."""
        yield self._predictions
        every = dict.fromkeys([*cells, *all_cells(self.config.study)])
        if _restored(cells):
            yield self._restorer
        wanted = dict.fromkeys((USES[cell.sr].generator, cell.protocol) for cell in every)
        of_cells = [(sr, fold) for sr, protocol in wanted if sr for fold in self.folds(protocol)]
        for sr, fold in generators:
            yield self.generators.job(sr, fold)
        # Of what is not asked for now, only what is there: the rest may not be possible yet.
        for sr, fold in of_cells:
            if begun(self.run.path / generator_name(sr, fold)):
                yield self.generators.job(sr, fold)
        for key in dict.fromkeys(map(ClassifierKey.of, every if cells else ())):
            for fold in self.folds(key.protocol):
                for seed in range(self.config.study.seeds):
                    if begun(self.run.path / key.job(fold, seed)):
                        yield self.classifiers.job(key, fold, seed)

    @cached_property
    def _predictions(self) -> Job:
        """The job whose rows are predictions.csv."""
        study = self.config.study
        settings = {
            "data.views": self.config.data.views,
            "study.parts": study.parts,
            "study.split_seed": study.split_seed,
            "study.paper_draw": study.paper_draw,
        }
        record = Record(settings, {"the study's frames": self.frames.fingerprint()})
        return self.run.job("predictions", record)

    @cached_property
    def _restorer(self) -> Job:
        """What remembers the restorer, where it enhances only what is tested."""
        hashed = restorer.sha256_of(self.config.study.restorer)
        return self.run.job("restored", Record(files={"study.restorer": hashed}))

    def unanswered(
        self, file: Path, cells: Sequence[Cell], only_fold: int | None, seeds: int
    ) -> Iterator[Question]:
        """What a table of predictions does not have yet, of cells in so many seeds."""
        answered: dict[tuple[Cell, int, int], set[str]] = {}
        for cell, rows in predictions.read(file).cells().items():
            for fold, seed, frame in zip(rows["fold"], rows["seed"], rows["frame"], strict=True):
                answered.setdefault((cell, int(fold), int(seed)), set()).add(str(frame))
        ids = self.frames.ids
        for cell in cells:
            for fold in self.folds_of(cell.protocol, only_fold):
                for seed in range(seeds):
                    there = answered.get((cell, fold.number, seed), set())
                    test = fold.test(cell.train, cell.test)
                    missing = np.array([i for i in test if ids[i] not in there], np.intp)
                    if len(missing):
                        yield Question(ClassifierKey.of(cell), fold, seed, cell, missing)


def _restored(cells: Iterable[Cell]) -> bool:
    """Whether any of the cells needs the restorer."""
    return any(cell.sr == "restorer" for cell in cells)
