"""Pretraining: SRResNet on natural images, ResNet-18 on simulated frames."""

from pathlib import Path

import numpy as np

from echojax import devices
from echojax.config import ClassifierConfig, Config
from echojax.data import natural
from echojax.data.duplicates import patient_groups
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference import classify
from echojax.inference.enhance import as_float
from echojax.recipes import classification as classifier
from echojax.recipes import classifier_pretraining, super_resolution
from echojax.runs.run import open_run
from echojax.studies.diagnosis import generators, transfer
from echojax.studies.diagnosis.folds import check_classes, split_patients
from echojax.studies.diagnosis.session import load_frames
from echojax.vocabulary import TASKS
from echojax.weights import networks
from echojax.wording import count

JOB = "sr/srresnet/pretrained"
CLASSIFIER_JOB = classifier.PRETRAINED.with_suffix("").as_posix()
_PARTS = 10  # of the patients; one is held out


def pretrain_generator(path: Path, settings: Config, *, resume: bool, overwrite: bool) -> Path:
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
    networks.save(model, file, card | generators.measured(run.path, JOB))
    return file


def pretrain_classifier(
    path: Path, settings: Config, *, resume: bool, overwrite: bool
) -> tuple[Path, list[transfer.Row]]:
    """Train ResNet-18 on all frames of a dataset, as a rule simulated ones, with both labels.

    A tenth of the patients, at least one, is held out to measure accuracies on.

    Args:
        path: the run directory.
        settings: the configuration.
        resume: go on with an existing run.
        overwrite: replace an existing run.

    Returns:
        The file of weights, to start classifiers from, and how it does on the held-out patients.

    Raises:
        InputError: nothing is prepared, the frames are too few or of one class only, or
            `classifier.init` does not fit.
        EchojaxError: training diverged.
    """
    config, network = settings.pretrain, settings.classifier
    devices.start()
    mesh = devices.data_mesh()
    _check_start(path, network)
    classifier_pretraining.check(network, config, mesh)
    frames = load_frames(settings.data)
    for task in TASKS:
        check_classes(frames, task)
    groups = patient_groups(frames)
    held_out = split_patients(frames, groups, _PARTS, config.seed) == 0
    learned, kept_back = (frames.take(np.flatnonzero(chosen)) for chosen in (~held_out, held_out))
    if not len(learned):
        raise InputError(
            f"{settings.data.dir}: frames of a single patient; one must be held out, so prepare "
            "those of more"
        )
    run = open_run(
        path,
        settings,
        dataset=frames.fingerprint(),
        start=classifier.start_hash(network),
        resume=resume,
        overwrite=overwrite,
    )
    start = classifier.start(network)
    earlier = classifier.datasets_of(networks.card(start)) if start else ()
    datasets = (frames.fingerprint(), *earlier)
    card = {
        "title": "ResNet-18, pretrained on echo frames",
        classifier.HEADS: ",".join(TASKS),
        classifier.SIZE: str(network.size),
        "data": f"{count(len(learned), 'echo frame')} of "
        f"{count(len(np.unique(groups[~held_out])), 'patient')}",
        classifier.DATASET: ",".join(datasets),
        "started from": network.init,
        "epochs": f"{config.epochs}; batches of {config.batch} frames, augmentation of strength "
        f"{config.augment:g}",
        "licence": "that of the data it learned from",
    }
    model = classifier_pretraining.train(
        _labelled(learned, network.size),
        _labelled(kept_back, network.size),
        network,
        config,
        mesh=mesh,
        checkpoints=run.path / CLASSIFIER_JOB,
        title="pretraining resnet18",
        log=lambda step, **metrics: run.log(CLASSIFIER_JOB, step, **metrics),
        card=card,
    )
    trained = transfer.Trained(model, TASKS, network.size, datasets)
    rows = transfer.evaluate(trained, kept_back, groups[held_out], mesh)
    told = {
        f"{row.task} accuracy on held-out frames": f"{row.accuracy.value:.1%} "
        f"({count(row.frames, 'frame')} of {count(row.patients, 'patient')})"
        for row in rows
        if row.on == "all"
    }
    file = run.path / classifier.PRETRAINED
    networks.save(model, file, card | told)
    return file, rows


def _check_start(path: Path, network: ClassifierConfig) -> None:
    """See that a pretraining does not start from the file that it would write."""
    if network.init == "random":
        return
    named = network.init == "simulated" and path.resolve() == classifier.PRETRAINING.resolve()
    if named or classifier.locate(network.init).resolve().is_relative_to(path.resolve()):
        raise InputError(
            f"classifier.init = {network.init!r}: lies in {path}, where this pretraining goes; "
            'choose another --run, or start from "random"'
        )


def _labelled(frames: Frames, size: int) -> classifier_pretraining.Labelled:
    seen = (classify.as_input(as_float(image), size) for image in frames.images)
    return classifier_pretraining.Labelled(
        # A quarter of the memory of floats, and no less exact than the frames were.
        np.stack([np.round(255 * image).astype(np.uint8) for image in seen]),
        np.stack([getattr(frames, task) for task in TASKS], axis=-1),
    )
