"""A training of this study that is all that its run does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jax.sharding import Mesh

from echojax.runs.job import Job
from echojax.runs.run import Request
from echojax.studies.diagnosis.config import Config
from echojax.training.loop import Training
from echojax.training.planned import Planned, trainings
from echojax.training.single import Single


@dataclass(frozen=True)
class Alone(Single):
    """A training that was asked for and is possible; nothing on disk has changed yet.

    Attributes:
        request: the run and the configuration.
        job: the training's.
        make: makes the training, measured on at most so many held-out frames as it goes.
        frames: how many are held out to measure it on.
        mesh: devices to train on.
        title: of the progress bar.
        sample: how many of these frames tell how long measuring takes.
    """

    request: Request[Config]
    job: Job
    make: Callable[[int], Training[Any]]
    frames: int
    mesh: Mesh
    title: str
    sample: int = 1

    def training(self) -> Training[Any]:
        """The training."""
        return self.make(self.frames)

    def planned(self) -> list[Planned]:
        """What it would take; nothing if the run has it."""
        if self.job.done:
            return []
        sample = self.make(self.sample)
        return [trainings(1, sample, self.frames / self.sample, self.mesh)]
