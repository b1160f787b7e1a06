"""The classifiers of a study: one for each key, fold and seed, trained once."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from echojax.inference.classify import simulated_card
from echojax.models.resnet import ResNet18
from echojax.progress import Jobs
from echojax.recipes import classification, classifier_start, inner_validation, learned_from
from echojax.recipes.classifier import ClassifierConfig, Labelled
from echojax.runs.job import Job
from echojax.runs.run import Run
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.generators import LICENCE
from echojax.studies.diagnosis.inputs import Inputs
from echojax.studies.diagnosis.transfer import ENHANCED_BY
from echojax.training.loop import Training, fit
from echojax.vocabulary import NONE, USES
from echojax.weights import networks
from echojax.wording import count


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
    def degraded(self) -> bool:
        """Whether its training frames are degraded anew at every step, and not enhanced."""
        return self.sr == "degrade"

    @property
    def name(self) -> str:
        """Its name in paths and titles."""
        enhancement = NONE if self.sr == NONE else f"{self.sr}-{self.mode}"
        return f"{self.protocol}/{self.task}/{self.train}/{enhancement}"

    def job(self, fold: Fold, seed: int) -> str:
        """Name of the job that trains it."""
        return f"classifiers/{self.name}/fold{fold.number}/seed{seed}"


@dataclass
class Classifiers:
    """The classifiers of one run."""

    run: Run
    config: ClassifierConfig
    mesh: Mesh
    inputs: Inputs
    jobs: Jobs = field(default_factory=Jobs)
    _fingerprints: dict[bytes, str] = field(default_factory=dict)

    def job(self, key: ClassifierKey, fold: Fold, seed: int) -> Job:
        """The job that trains a classifier."""
        frames = self._fingerprint(fold.train[key.train])
        record = classification.record(
            self.config, frames, task=key.task, seed=seed, degraded=key.degraded
        )
        files = {**record.files, **self.inputs.made_by(key.sr, fold)}
        return self.run.job(key.job(fold, seed), replace(record, files=files))

    def network(
        self, key: ClassifierKey, fold: Fold, seed: int, title: str, *, keep: bool
    ) -> ResNet18:
        """A classifier, trained if the run does not have it.

        Args:
            key: what it depends on.
            fold: whose training part it learns from.
            seed: of its training.
            title: of the progress bar.
            keep: whether its file stays in the run.

        Raises:
            EchojaxError: training diverged.
        """
        generator = USES[key.sr].generator
        if generator is not None:
            self.inputs.enlarger(generator, fold)  # a job records the hash of what it has made
        job = self.job(key, fold, seed)
        if job.done:
            return networks.load(job.file, ResNet18)
        training = self.training(key, fold, seed)
        return fit(training, job, self.mesh, keep=keep, title=title, jobs=self.jobs)

    def training(self, key: ClassifierKey, fold: Fold, seed: int) -> Training[Any]:
        """The training of a classifier.

        Raises:
            InputError: as `classification.check`.
        """
        indices = fold.train[key.train]
        learned = self.inputs.frames.take(indices)
        init = classifier_start.init_file(self.config.init)
        sr, mode = (NONE, NONE) if key.degraded else (key.sr, key.mode)
        card = {
            "title": f"ResNet-18, {key.name}, fold {fold.number}, seed {seed}",
            "data": f"{count(len(learned), 'echo frame')} ({key.train}) of "
            f"{count(len(np.unique(learned.group)), 'patient')}",
            ENHANCED_BY: "" if sr == NONE else f"{sr}, {mode}",
            **simulated_card(learned),
            **learned_from.card_of(learned.hashes, init),
            "licence": LICENCE,
        }
        frames = Labelled(
            self.inputs.of(indices, fold, sr, mode), getattr(learned, key.task)[:, None]
        )
        inner = inner_validation.kept_back(self.config, learned.group, seed)
        return classification.training(
            self.config,
            frames.take(~inner),
            kept_back=frames.take(inner) if inner.any() else None,
            tasks=(key.task,),
            seed=seed,
            degraded=key.degraded,
            card=card,
        )

    def _fingerprint(self, indices: np.ndarray) -> str:
        key = indices.tobytes()
        if key not in self._fingerprints:
            self._fingerprints[key] = self.inputs.frames.take(indices).fingerprint()
        return self._fingerprints[key]
