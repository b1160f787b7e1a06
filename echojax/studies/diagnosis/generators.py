"""The generators of a study: one for each kind, protocol and fold, trained once and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from echojax.data.frames import Frames
from echojax.data.source import evenly
from echojax.errors import InputError
from echojax.files import sha256
from echojax.models.generator import Generator
from echojax.progress import Jobs
from echojax.recipes import gan, learned_from, super_resolution
from echojax.runs.job import Job, network_file
from echojax.runs.run import Run
from echojax.studies.diagnosis import leaks
from echojax.studies.diagnosis.folds import Fold
from echojax.training.loop import Training, fit
from echojax.vocabulary import PROTOCOLS
from echojax.weights import networks
from echojax.wording import count

LICENCE = "that of the data it learned from; CAMUS: CC BY-NC-SA 4.0, non-commercial research"


@dataclass(frozen=True)
class Generators:
    """The generators of one run; `sr` is "srresnet", or "srgan" that starts from it."""

    run: Run
    config: gan.GanConfig
    frames: Frames
    mesh: Mesh
    jobs: Jobs = field(default_factory=Jobs)

    def job(self, sr: str, fold: Fold) -> Job:
        """The job that trains a fold's generator.

        Raises:
            InputError: a file that it starts from is not there.
        """
        learned = self.frames.take(fold.sr_train)
        if sr == "srresnet":
            record = super_resolution.record(self.config, learned)
        else:
            record = gan.record(self.config, learned, start=self.hash("srresnet", fold))
        return self.run.job(generator_name(sr, fold), record)

    def hash(self, sr: str, fold: Fold) -> str:
        """The sha256 of a fold's trained generator."""
        file = network_file(self.run.path / generator_name(sr, fold))
        return sha256(file) if file.is_file() else "not trained yet"

    def check(self, sr: str, fold: Fold) -> None:
        """See that a fold's generator can be trained.

        Raises:
            InputError: as `super_resolution.check`; SRGAN's perceptual loss has no weights; or the
                generator would start from one that has seen frames which the fold tests.
        """
        super_resolution.check(self.config, self.frames.take(fold.sr_train), self.mesh)
        if sr == "srgan":
            gan.load_vgg(self.config.perceptual)
        init = super_resolution.init_file(self.config)
        if init is not None:
            leaks.check_init(init, "sr.init", self.frames, [fold], sr=True)

    def network(self, sr: str, fold: Fold) -> Generator:
        """A fold's generator, trained if the run does not have it.

        Raises:
            InputError: as `check`.
            EchojaxError: training diverged, or a checkpoint is damaged.
        """
        start = self.network("srresnet", fold) if sr == "srgan" else None
        job = self.job(sr, fold)
        if job.done:
            return networks.load(job.file, Generator)
        card = self._card(sr, fold, self.frames.take(fold.sr_train))
        return fit(self.training(fold, start, card), job, self.mesh, jobs=self.jobs)

    def training(
        self,
        fold: Fold,
        start: Generator | None,
        card: Mapping[str, str] | None = None,
        *,
        shown: int | None = None,
    ) -> Training[Any]:
        """The training of a fold's generator.

        Args:
            fold: whose frames it learns from.
            start: what SRGAN starts from; None for a training of SRResNet.
            card: what the file shall say of data and licence.
            shown: held-out frames to measure it on; as configured by default.

        Raises:
            InputError: as `check`.
        """
        learned = self.frames.take(fold.sr_train)
        number = self.config.evaluate_frames if shown is None else shown
        # Held-out frames are ordered by patient.
        chosen = fold.sr_held_out[evenly(len(fold.sr_held_out), number)]
        held_out = [self.frames.images[i] for i in chosen]
        if start is None:
            return super_resolution.training(self.config, learned, held_out, card=card)
        return gan.training(self.config, start, learned, held_out, mesh=self.mesh, card=card)

    def _card(self, sr: str, fold: Fold, learned: Frames) -> dict[str, str]:
        """What the one who gets the file must know."""
        init = super_resolution.init_file(self.config)
        return {
            "title": f"{sr}, fold {fold.generator} of protocol {fold.protocol}",
            "data": f"{count(len(learned), 'echo frame')} ({', '.join(self.config.quality)}) of "
            f"{count(len(np.unique(learned.patient)), 'patient')}, fingerprint "
            f"{learned.fingerprint()}",
            **learned_from.card_of(learned.hashes, init),
            "licence": LICENCE,
        }


def generator_name(sr: str, fold: Fold) -> str:
    """Name of the job that trains a fold's generator."""
    return f"sr/{sr}/{fold.protocol}/fold{fold.generator}"


def find(run: Path, sr: str, fold: int) -> Path:
    """The file of a trained generator in a run directory.

    Args:
        run: the run directory.
        sr: "srresnet" or "srgan".
        fold: number of the fold; of protocols that were run, `patient` comes first.

    Raises:
        InputError: the run has no such generator.
    """
    if not (run / "config.toml").is_file():
        raise InputError(f"{run}: not a run directory (it has no config.toml)")
    names = [*(f"{protocol}/fold{fold}" for protocol in PROTOCOLS), "pretrained"]
    for file in (network_file(run / "sr" / sr / name) for name in names):
        if file.is_file():
            return file
    raise InputError(
        f"{run}: has no trained {sr} of fold {fold}; train it with "
        f"`echojax train-sr --sr {sr} --fold {fold} --run {run} --resume`"
    )
