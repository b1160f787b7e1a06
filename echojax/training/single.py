"""A training that is all that its run does."""

from abc import ABC, abstractmethod
from typing import Any

from jax.sharding import Mesh

from echojax.runs.job import Job
from echojax.runs.run import Request
from echojax.training.loop import Training, fit
from echojax.training.planned import Planned, trainings
from echojax.weights import networks


class Single(ABC):
    """A training that was asked for and is possible; nothing on disk has changed yet.

    Attributes:
        request: the run and the configuration.
        job: the training's.
        mesh: devices to train on.
        title: of the progress bar; by default the job's name.
    """

    request: Request[Any]
    job: Job
    mesh: Mesh
    title: str = ""

    @abstractmethod
    def training(self) -> Training[Any]:
        """The training."""

    def planned(self) -> list[Planned]:
        """What it would take; nothing if the run has it."""
        return [] if self.job.done else [trainings(1, self.training(), 1, self.mesh)]

    def run(self) -> Any:
        """The trained network, of the run if it has it.

        Raises:
            InputError: the run was begun otherwise.
            EchojaxError: training diverged.
        """
        self.request.begin([self.job])
        if self.job.done:
            return networks.load(self.job.file)
        return fit(self.training(), self.job, self.mesh, title=self.title)
