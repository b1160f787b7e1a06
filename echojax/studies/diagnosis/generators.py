"""The generators of a study: one for each kind, protocol and fold, trained once and kept."""

from functools import partial
from pathlib import Path

import numpy as np
from jax.sharding import Mesh

from echojax.config import SuperResolutionConfig
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.models.generator import Generator
from echojax.recipes import gan as adversarial
from echojax.recipes import super_resolution
from echojax.runs import log as training_log
from echojax.runs.run import Run
from echojax.studies.diagnosis.folds import Fold
from echojax.training import checkpoints
from echojax.vocabulary import PROTOCOLS
from echojax.weights import networks
from echojax.wording import count


def check(sr: str, config: SuperResolutionConfig, frames: Frames, fold: Fold, mesh: Mesh) -> None:
    """See that a fold's generator can be trained.

    Raises:
        InputError: as `super_resolution.check`, or SRGAN's perceptual loss has no weights.
    """
    super_resolution.check(_images(frames, fold.sr_train), config, mesh)
    if sr == "srgan":
        adversarial.load_vgg(config.perceptual)


def path(run: Run, sr: str, fold: Fold) -> Path:
    """The file that a trained generator is handed over in."""
    return run.path / f"{_job(sr, fold)}.safetensors"


def train(sr: str, run: Run, frames: Frames, fold: Fold, mesh: Mesh) -> Generator:
    """A fold's generator, trained if the run does not have it.

    Training keeps Orbax checkpoints; what it ends with is one .safetensors file to hand over.

    Args:
        sr: "srresnet", or "srgan" that starts from it.
        run: where it is kept.
        frames: all frames of the study.
        fold: which of them it learns from and is measured on.
        mesh: devices to train on.

    Raises:
        InputError: as `check`.
        EchojaxError: training diverged, or a checkpoint is damaged.
    """
    settings, job, handed_over = run.config.sr, _job(sr, fold), path(run, sr, fold)
    if handed_over.exists():
        return networks.load(handed_over, Generator)
    trainer = super_resolution.train
    if sr == "srgan":
        trainer = partial(adversarial.train, train("srresnet", run, frames, fold, mesh))
    # Evenly spread over the held-out frames, which are ordered by patient.
    last = len(fold.sr_held_out) - 1
    spread = np.linspace(0, last, min(settings.evaluate_frames, last + 1)).round().astype(int)
    card = _card(sr, run, frames, fold)
    model = trainer(
        _images(frames, fold.sr_train),
        _images(frames, fold.sr_held_out[spread]),
        settings,
        mesh=mesh,
        checkpoints=run.path / job,
        title=job.removeprefix("sr/"),
        log=lambda step, **metrics: run.log(job, step, **metrics),
        card=card,
    )
    networks.save(model, handed_over, card | measured(run.path, job))
    return model


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
    for file in (run / "sr" / sr / f"{name}.safetensors" for name in names):
        if file.is_file():
            return file
    raise InputError(
        f"{run}: has no trained {sr} of fold {fold}; train it with "
        f"`echojax train-sr --sr {sr} --fold {fold} --run {run} --resume`"
    )


def _job(sr: str, fold: Fold) -> str:
    return f"sr/{sr}/{fold.protocol}/fold{fold.generator}"


def _images(frames: Frames, indices: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(frames.images[i] for i in indices)


def _card(sr: str, run: Run, frames: Frames, fold: Fold) -> dict[str, str]:
    """What the one who gets the file must know."""
    config = run.config.sr
    learned = frames.take(fold.sr_train)
    steps = f"{config.steps} with the mean squared error"
    if sr == "srgan":
        against = "pixels" if config.perceptual == "none" else "VGG19 features"
        steps += f", {config.gan_steps} of SRGAN ({against})"
    return {
        "title": f"{sr}, fold {fold.generator} of protocol {fold.protocol}",
        "data": f"{count(len(learned), 'echo frame')} ({', '.join(config.quality)}) of "
        f"{count(len(np.unique(learned.patient)), 'patient')}, fingerprint {learned.fingerprint()}",
        "started from": config.init,
        "steps": f"{steps}; batches of {config.batch} crops of {config.crop} pixels",
        "licence": "that of the data it learned from; CAMUS: CC BY-NC-SA 4.0, non-commercial "
        "research",
    }


def measured(run: Path, job: str) -> dict[str, str]:
    """What a model card says of PSNR and SSIM, if the log of a run has them for a job."""
    for row in training_log.super_resolution_rows(training_log.read(run / "log.csv")):
        if row[:3] == training_log.job_names(job):
            return {
                "measured on held-out frames": f"{row.psnr:.2f} dB / {row.ssim:.4f} (PSNR / SSIM, "
                f"reduced by 4 and restored); bicubic {row.psnr_bicubic:.2f} / "
                f"{row.ssim_bicubic:.4f}, Lanczos {row.psnr_lanczos:.2f} / {row.ssim_lanczos:.4f}"
            }
    return {}


def of_checkpoint(directory: Path) -> tuple[Generator, dict[str, str]]:
    """The generator of a training's checkpoints, and its model card.

    Args:
        directory: such as RUN/sr/srresnet/patient/fold0.

    Raises:
        InputError: no training of a generator was kept there.
        EchojaxError: the checkpoint is damaged.
    """
    model, card = checkpoints.load_generator(directory)
    directory = directory.absolute()
    for run in directory.parents:
        if (run / "config.toml").is_file():
            return model, card | measured(run, directory.relative_to(run).as_posix())
    return model, card
