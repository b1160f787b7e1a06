"""Networks that a study asks about frames: one for each key, fold and seed, trained once."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from flax import nnx
from jax.sharding import Mesh

from echojax.progress import Jobs
from echojax.runs.job import Job, Record
from echojax.runs.run import Run
from echojax.studies.diagnosis.cells import SEGMENTATION, Cell
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.inputs import Inputs
from echojax.training.loop import Training, fit
from echojax.vocabulary import NONE, USES
from echojax.weights import networks


class LearnerKey(NamedTuple):
    """What a classifier or a segmenter depends on beside fold and seed."""

    protocol: str
    task: str
    train: str
    sr: str
    mode: str

    @classmethod
    def of(cls, cell: Cell) -> "LearnerKey":
        """The network that a cell asks."""
        enhanced = cell.sr_on in ("train", "both")
        sr, mode = (cell.sr, cell.mode) if enhanced else (NONE, NONE)
        return cls(cell.protocol, cell.task, cell.train, sr, mode)

    @property
    def degraded(self) -> bool:
        """Whether its training frames are degraded anew at every step, and not enhanced."""
        return self.sr == "degrade"

    @property
    def segments(self) -> bool:
        """Whether it gives masks, and no class."""
        return self.task == SEGMENTATION

    @property
    def name(self) -> str:
        """Its name in paths and titles."""
        enhancement = NONE if self.sr == NONE else f"{self.sr}-{self.mode}"
        return f"{self.protocol}/{self.task}/{self.train}/{enhancement}"

    def job(self, fold: Fold, seed: int) -> str:
        """Name of the job that trains it."""
        kind = "segmenters" if self.segments else "classifiers"
        return f"{kind}/{self.name}/fold{fold.number}/seed{seed}"


@dataclass
class Learners(ABC):
    """The networks of one kind of one run.

    Attributes:
        run: the run.
        mesh: devices to train on.
        inputs: what they see.
        jobs: what is to be trained.
    """

    run: Run
    mesh: Mesh
    inputs: Inputs
    jobs: Jobs = field(default_factory=Jobs)

    network_kind: ClassVar[type[nnx.Module]]

    @abstractmethod
    def learned(self, key: LearnerKey, fold: Fold) -> np.ndarray:
        """Indices of the frames that a network learns from."""

    @abstractmethod
    def training(self, key: LearnerKey, fold: Fold, seed: int) -> Training[Any]:
        """The training of a network."""

    @abstractmethod
    def kind(self, key: LearnerKey) -> str:
        """What trainings are counted as."""

    @abstractmethod
    def _record(self, key: LearnerKey, learned: np.ndarray, seed: int) -> Record:
        """What a training depends on, but for who enhances its frames."""

    def job(self, key: LearnerKey, fold: Fold, seed: int) -> Job:
        """The job that trains a network."""
        record = self._record(key, self.learned(key, fold), seed)
        files = {**record.files, **self.inputs.made_by(key.sr, fold)}
        return self.run.job(key.job(fold, seed), replace(record, files=files))

    def network(self, key: LearnerKey, fold: Fold, seed: int, title: str, *, keep: bool) -> Any:
        """A network, trained if the run does not have it.

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
            return networks.load(job.file, self.network_kind)
        training = self.training(key, fold, seed)
        return fit(training, job, self.mesh, keep=keep, title=title, jobs=self.jobs)
