"""The study: every cell of training quality x test quality x super-resolution, and its parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jax.sharding import Mesh

from echojax import devices
from echojax.data import camus
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.classify import Shape
from echojax.progress import Jobs
from echojax.recipes import classification, classifier_start, segmentation
from echojax.runs import frame_facts
from echojax.runs.job import Job, Record, begun, network_file
from echojax.runs.run import Request, Run
from echojax.studies.diagnosis import (
    leaks,
    masked,
    overlaps,
    predictions,
    restorer,
    segmenters,
)
from echojax.studies.diagnosis.cell_rows import CellRows
from echojax.studies.diagnosis.cells import SEGMENTATION, Cell, all_cells, by_kind, mask_cells
from echojax.studies.diagnosis.classifiers import Classifiers
from echojax.studies.diagnosis.config import Config
from echojax.studies.diagnosis.folds import Fold, check_fold, make_folds
from echojax.studies.diagnosis.generators import Generators, generator_name
from echojax.studies.diagnosis.inputs import Inputs
from echojax.studies.diagnosis.learners import LearnerKey, Learners
from echojax.studies.diagnosis.questions import Missing, Question, unanswered
from echojax.studies.diagnosis.segmenters import Segmenters
from echojax.vocabulary import USES

OVERLAPS = "overlaps"  # name of a job


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
        config = self.config.classifier
        return Classifiers(self.run, self.mesh, self.inputs, self.jobs, config=config)

    @cached_property
    def segmenters(self) -> Segmenters:
        """The segmenters of the run."""
        config = self.config.segmentation
        inputs = self.inputs_of(Shape(config.size))
        return Segmenters(self.run, self.mesh, inputs, self.jobs, config=config)

    def learners(self, key: LearnerKey) -> Learners:
        """Those that the network of a key is one of."""
        return self.segmenters if key.segments else self.classifiers

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
            folds = self.folds_of(cell.protocol, only_fold)
            if cell.task == SEGMENTATION:
                masked.check(self.frames, folds, cell)
            for fold in folds:
                if cell.task != SEGMENTATION:
                    check_fold(self.frames, fold, cell, config.study.parts)
                tested[fold.protocol, fold.number] = fold
                generator = USES[cell.sr].generator
                if generator is not None:
                    needed[generator, fold.protocol, fold.generator] = fold
        for (sr, _, _), fold in needed.items():
            self.generators.check(sr, fold)
        self._check_learners(cells, [*tested.values()])
        if _restored(cells):
            restorer.check(config.study.restorer, self.frames, [*tested.values()])
        return [(key[0], fold) for key, fold in needed.items()]

    def _check_learners(self, cells: Sequence[Cell], folds: Sequence[Fold]) -> None:
        """See that classifiers and segmenters of cells can be trained for some folds."""
        config, (masks, classes) = self.config, by_kind(cells)
        if masks:
            segmentation.check(config.segmentation, self.mesh)
            if self._measures_ef:
                masked.check_whole(self.frames, folds, masks)
        for task in sorted({cell.task for cell in classes}):
            classification.check(config.classifier, self.mesh, task)
        init = classifier_start.init_file(config.classifier.init) if classes else None
        if init is not None:
            leaks.check_init(init, "classifier.init", self.frames, folds, sr=False)

    @property
    def _measures_ef(self) -> bool:
        return "ef" in self.config.study.outcomes

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
        masks, classes = by_kind(cells)
        if classes:
            self._predictions.begin()
        if masks:
            self._overlaps.begin()
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
        questions = self.questions(cells, only_fold)
        learners = {question.job: question for question in questions}
        return Missing(
            [every for name, every in generators.items() if not self._trained(name)],
            [every for name, every in learners.items() if not self._trained(name)],
            questions,
        )

    def _plan(self, missing: Missing) -> None:
        """Count the trainings of each kind; of learners, fewer seeds or folds make it fewer."""
        kinds = [self.learners(q.key).kind(q.key) for q in missing.learners]
        self.jobs.planned.update([*(sr for sr, _ in missing.generators), *kinds])
        seeds = {question.seed for question in missing.learners}
        folds = {question.fold.number for question in missing.learners}
        for setting, there in (("study.folds=1", folds), ("study.seeds=1", seeds)):
            if len(there) > 1:
                self.jobs.shorter = dict.fromkeys(kinds, (setting, 1 / len(there)))

    def _trained(self, job: str) -> bool:
        return network_file(self.run.path / job).is_file()

    def _jobs(self, cells: Sequence[Cell], generators: Sequence[tuple[str, Fold]]) -> Iterator[Job]:
        """The jobs behind what is asked for, and behind all that the configuration asks for."""
        yield self._predictions
        if begun(self.run.path / OVERLAPS):
            yield self._overlaps
        settings = self.config.study
        every = dict.fromkeys([*cells, *all_cells(settings), *mask_cells(settings)])
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
        for key in dict.fromkeys(map(LearnerKey.of, every if cells else ())):
            for fold in self.folds(key.protocol):
                for seed in range(self.config.study.seeds):
                    if begun(self.run.path / key.job(fold, seed)):
                        yield self.learners(key).job(key, fold, seed)

    @cached_property
    def _predictions(self) -> Job:
        """The job whose rows are predictions.csv."""
        return self.run.job("predictions", self._split)

    @cached_property
    def _overlaps(self) -> Job:
        """The job whose rows are overlaps.csv."""
        masks = {"the experts' masks": segmenters.fingerprint(self.frames.masks)}
        return self.run.job(OVERLAPS, replace(self._split, data={**self._split.data, **masks}))

    @cached_property
    def _split(self) -> Record:
        """What decides which frames are asked about."""
        study = self.config.study
        settings = {
            "data.views": self.config.data.views,
            "study.parts": study.parts,
            "study.split_seed": study.split_seed,
            "study.paper_draw": study.paper_draw,
        }
        return Record(settings, {"the study's frames": self.frames.fingerprint()})

    @cached_property
    def _restorer(self) -> Job:
        """What remembers the restorer, where it enhances only what is tested."""
        hashed = restorer.sha256_of(self.config.study.restorer)
        return self.run.job("restored", Record(files={"study.restorer": hashed}))

    def questions(self, cells: Sequence[Cell], only_fold: int | None) -> list[Question]:
        """All that the run's tables of answers do not have yet, of cells."""
        masks, classes = by_kind(cells)
        seeds = self.config.study.seeds
        found = self.unanswered(predictions.read(self.run.predictions), classes, only_fold, seeds)
        if masks:
            compared = overlaps.read(self.run.overlaps)
            found += self.unanswered(compared, masks, only_fold, seeds)
        return found

    def unanswered(
        self, table: CellRows, cells: Sequence[Cell], only_fold: int | None, seeds: int
    ) -> list[Question]:
        """What a table of answers does not have yet, of cells in so many seeds."""
        return unanswered(
            table,
            [
                (cell, fold, self._asked(cell, fold))
                for cell in cells
                for fold in self.folds_of(cell.protocol, only_fold)
            ],
            self.frames.ids,
            seeds,
        )

    def _asked(self, cell: Cell, fold: Fold) -> np.ndarray:
        """Every frame that a cell asks about in a fold."""
        if cell.task == SEGMENTATION:
            return masked.asked(self.frames, fold, cell, ef=self._measures_ef)
        return fold.test(cell.train, cell.test)


def _restored(cells: Iterable[Cell]) -> bool:
    """Whether any of the cells needs the restorer."""
    return any(cell.sr == "restorer" for cell in cells)
