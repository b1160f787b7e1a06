"""A training that is all that its run does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jax.sharding import Mesh

from echojax.runs.job import Job
from echojax.runs.run import Request
from echojax.studies.diagnosis.config import Config
from echojax.training.loop import Training, fit
from echojax.weights import networks


@dataclass(frozen=True)
class Alone:
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

    def run(self) -> Any:
        """The trained network, of the run if it has it.

        Raises:
            InputError: the run was begun otherwise.
            EchojaxError: training diverged.
        """
        self.request.begin([self.job])
        if self.job.done:
            return networks.load(self.job.file)
        return fit(self.make(self.frames), self.job, self.mesh, title=self.title)
