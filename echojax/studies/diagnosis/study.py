"""The study: every cell of training quality x test quality x super-resolution, and its parts."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
from jax.sharding import Mesh

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference import classify
from echojax.inference.enhance import Enlarger, Interpolation, Network, as_float, enhance
from echojax.models.generator import Generator
from echojax.models.resnet import ResNet18
from echojax.recipes import classification as classifier
from echojax.recipes import super_resolution
from echojax.runs.run import Run
from echojax.studies.diagnosis import generators, predictions
from echojax.studies.diagnosis.folds import Fold, check_fold, make_folds
from echojax.studies.diagnosis.predictions import Cell
from echojax.training.checkpoints import load_network, save_network
from echojax.vocabulary import NONE, PHASES, QUALITIES, VIEWS, Mode


class ClassifierKey(NamedTuple):
    """What a classifier depends on beside fold and seed."""

    protocol: str
    task: str
    train: str
    sr: str
    mode: str

    @classmethod
    def of(cls, cell: Cell) -> "ClassifierKey":
        """The classifier that a cell asks."""
        enhanced = cell.sr_on in ("train", "both")
        sr, mode = (cell.sr, cell.mode) if enhanced else (NONE, NONE)
        return cls(cell.protocol, cell.task, cell.train, sr, mode)

    @property
    def job(self) -> str:
        """Its name in paths and logs."""
        enhancement = NONE if self.sr == NONE else f"{self.sr}-{self.mode}"
        return f"classifiers/{self.protocol}/{self.task}/{self.train}/{enhancement}"


class _Question(NamedTuple):
    """Frames that the classifier of one fold and seed is still to be asked about."""

    key: ClassifierKey
    fold: Fold
    seed: int
    cell: Cell
    frames: np.ndarray


@dataclass
class Study:
    """A study under way: trains what is missing, reuses what the run has.

    Attributes:
        run: the open run directory.
        frames: the frames it is about.
        mesh: devices to train on.
        groups: patient of every frame, ids of one recording merged.
    """

    run: Run
    frames: Frames
    mesh: Mesh
    groups: np.ndarray
    _folds: dict[str, list[Fold]] = field(default_factory=dict)
    _generators: dict[tuple[str, str, int], Enlarger] = field(default_factory=dict)
    _inputs: dict[tuple[Any, ...], np.ndarray] = field(default_factory=dict)

    def folds(self, protocol: str) -> list[Fold]:
        """The folds of a protocol."""
        if protocol not in self._folds:
            study = self.run.config.study
            self._folds[protocol] = make_folds(
                self.frames,
                self.groups,
                protocol=protocol,
                sr_quality=self.run.config.sr.quality,
                parts=study.parts,
                folds=study.folds,
                seed=study.split_seed,
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

    def check(self, cells: Sequence[Cell], only_fold: int | None = None) -> None:
        """See that cells can be done, before anything is trained or replaced on disk.

        Raises:
            InputError: a stratum has too few frames, a setting does not fit the frames, the devices
                or a file of weights.
        """
        settings = self.run.config
        for task in sorted({cell.task for cell in cells}):
            classifier.check(settings.classifier, task, self.mesh)
        needed = {}
        for cell in cells:
            for fold in self._folds_of(cell, only_fold):
                check_fold(self.frames, fold, cell, settings.study.parts)
                if cell.sr not in (NONE, "bicubic"):
                    needed[cell.sr, fold.protocol, fold.generator] = fold
        for (sr, _, _), fold in needed.items():
            self.check_generator(sr, fold)

    def check_generator(self, sr: str, fold: Fold) -> None:
        """See that a fold's generator can be trained.

        Raises:
            InputError: as `generators.check`.
        """
        generators.check(sr, self.run.config.sr, self.frames, fold, self.mesh)

    def generator(self, sr: str, fold: Fold) -> Generator:
        """A fold's generator, trained if the run does not have it."""
        return generators.train(sr, self.run, self.frames, fold, self.mesh)

    def _folds_of(self, cell: Cell, only_fold: int | None) -> list[Fold]:
        if only_fold is None:
            return self.folds(cell.protocol)
        return [self.fold(cell.protocol, only_fold)]

    def enlarge(self, sr: str, fold: Fold) -> Enlarger:
        """What enlarges frames in a fold."""
        if sr == "bicubic":
            return Interpolation("bicubic", super_resolution.SCALE)
        key = (sr, fold.protocol, fold.generator)
        if key not in self._generators:
            # Cells are done fold by fold: what other folds' generators made is not needed again.
            kept = {k: v for k, v in self._generators.items() if k[1:] == key[1:]}
            self._generators = {**kept, key: Network(self.generator(sr, fold))}
            self._inputs = {k: v for k, v in self._inputs.items() if k[2] in ((), key[1:])}
        return self._generators[key]

    def inputs(self, indices: np.ndarray, fold: Fold, sr: str, mode: str) -> np.ndarray:
        """Frames as a classifier sees them: float32 (n, size, size) in [0, 1]."""
        # Only a generator makes the result depend on the fold.
        of_fold = () if sr in (NONE, "bicubic") else (fold.protocol, fold.generator)
        size = self.run.config.classifier.size
        for i in indices:
            key = (sr, mode, of_fold, i)
            if key not in self._inputs:
                frame = as_float(self.frames.images[i])
                if sr != NONE:
                    frame = enhance(frame, self.enlarge(sr, fold), mode=cast(Mode, mode))
                self._inputs[key] = classify.as_input(frame, size)
        return np.stack([self._inputs[sr, mode, of_fold, i] for i in indices])

    def classifier(
        self, key: ClassifierKey, fold: Fold, seed: int, title: str, *, keep: bool
    ) -> ResNet18:
        """A trained classifier, from the run where it is there."""
        job = f"{key.job}/fold{fold.number}/seed{seed}"
        directory = self.run.path / job
        settings = self.run.config.classifier
        if directory.exists():
            model = classifier.network(settings, seed)
            load_network(model, directory, self.mesh)
            return model
        indices = fold.train[key.train]
        model = classifier.train(
            self.inputs(indices, fold, key.sr, key.mode),
            getattr(self.frames, key.task)[indices],
            settings,
            seed,
            task=key.task,
            mesh=self.mesh,
            title=title,
            log=lambda step, **metrics: self.run.log(job, step, **metrics),
        )
        if keep:
            save_network(model, directory)
        return model

    def run_cells(
        self, cells: Sequence[Cell], *, only_fold: int | None = None, keep: bool | None = None
    ) -> None:
        """Make the predictions of cells that the run does not have yet.

        Args:
            cells: what to do.
            only_fold: number of the one fold to do; all by default.
            keep: whether to keep classifiers; as configured by default.
        """
        study = self.run.config.study
        keep = study.keep_classifiers if keep is None else keep
        asked = list(self._unanswered(cells, only_fold))
        # Fold by fold, so that a generator and its frames are needed for one stretch only.
        asked.sort(key=lambda q: (q.key.protocol, q.fold.number, q.key, q.seed))
        trainings = [
            list(questions)
            for _, questions in itertools.groupby(asked, lambda q: (q.fold.number, q.key, q.seed))
        ]
        for number, questions in enumerate(trainings, start=1):
            key, fold, seed, _, _ = questions[0]
            title = (
                f"[{number}/{len(trainings)}] {key.job.removeprefix('classifiers/')} "
                f"fold {fold.number} seed {seed}"
            )
            model = self.classifier(key, fold, seed, title, keep=keep)
            for question in questions:
                self._answer(model, question)

    def _unanswered(self, cells: Sequence[Cell], only_fold: int | None) -> Iterator[_Question]:
        answered: dict[tuple[Cell, int, int], set[str]] = {}
        for cell, rows in predictions.read(self.run.predictions).cells().items():
            for fold, seed, frame in zip(rows["fold"], rows["seed"], rows["frame"], strict=True):
                answered.setdefault((cell, int(fold), int(seed)), set()).add(str(frame))
        ids = self.frames.ids
        for cell in cells:
            for fold in self._folds_of(cell, only_fold):
                for seed in range(self.run.config.study.seeds):
                    there = answered.get((cell, fold.number, seed), set())
                    test = fold.test(cell.train, cell.test)
                    missing = np.array([i for i in test if ids[i] not in there], np.intp)
                    if len(missing):
                        yield _Question(ClassifierKey.of(cell), fold, seed, cell, missing)

    def _answer(self, model: ResNet18, question: _Question) -> None:
        _, fold, seed, cell, indices = question
        enhanced = cell.sr_on in ("test", "both")
        sr, mode = (cell.sr, cell.mode) if enhanced else (NONE, NONE)
        inputs = self.inputs(indices, fold, sr, mode)
        answers = classify.probabilities(model, inputs, self.mesh)[:, 0]
        labels = getattr(self.frames, cell.task)
        ids = self.frames.ids
        predictions.append(
            self.run.predictions,
            (
                {
                    "frame": ids[i],
                    "patient": self.groups[i],
                    "view": VIEWS[self.frames.view[i]],
                    "phase": PHASES[self.frames.phase[i]],
                    "quality": QUALITIES[self.frames.quality[i]],
                    **cell._asdict(),
                    "fold": fold.number,
                    "seed": seed,
                    "probability": answer,
                    "label": labels[i],
                }
                for i, answer in zip(indices, answers, strict=True)
            ),
        )
