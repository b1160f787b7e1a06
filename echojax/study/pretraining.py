"""Pretraining SRResNet on natural images, before it sees an echo frame."""

from pathlib import Path

from echojax import devices
from echojax.config import Config
from echojax.data import natural
from echojax.study import generators
from echojax.training import super_resolution
from echojax.training.run import open_run
from echojax.weights import model_card

JOB = "sr/srresnet/pretrained"


def pretrain(path: Path, settings: Config, *, resume: bool, overwrite: bool) -> Path:
    """Train SRResNet on the natural images that `sr.images` names.

    About `sr.evaluate_frames` parts, of images it does not learn from, are held out to measure PSNR
    and SSIM on.

    Args:
        path: the run directory.
        settings: the configuration.
        resume: go on with an existing run.
        overwrite: replace an existing run.

    Returns:
        The file of weights, to start fine-tuning from.

    Raises:
        InputError: the images are not there, or a setting does not fit them.
        EchojaxError: training diverged.
    """
    config = settings.sr
    devices.start()
    mesh = devices.data_mesh()
    images = natural.open_images(settings.data.dir, config.images)
    learned, held_out = images.hold_out(config.evaluate_frames)
    super_resolution.check(learned, config, mesh)
    run = open_run(path, settings, dataset=images.fingerprint(), resume=resume, overwrite=overwrite)
    card = {
        "title": "SRResNet, pretrained on natural images",
        "data": f"{len(learned)} parts of the images {config.images}",
        "started from": config.init,
        "steps": f"{config.steps}; batches of {config.batch} crops of {config.crop} pixels",
        "licence": "that of the images it learned from; DIV2K: academic research only",
    }
    model = super_resolution.train(
        learned,
        tuple(held_out),
        config,
        mesh=mesh,
        checkpoints=run.path / JOB,
        title="pretraining srresnet",
        log=lambda step, **metrics: run.log(JOB, step, **metrics),
        card=card,
    )
    file = run.path / f"{JOB}.safetensors"
    model_card.hand_over(model, file, card | generators.measured(run.path, JOB))
    return file
