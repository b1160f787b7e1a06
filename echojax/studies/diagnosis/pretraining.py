"""What the study's networks may start from, trained on natural images and on other frames."""

from pathlib import Path

import numpy as np

from echojax import devices
from echojax.data import camus, natural
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.classify import Classifier, Shape, inputs, simulated_card
from echojax.recipes import classifier_pretraining, classifier_start, super_resolution
from echojax.recipes.classifier import Labelled
from echojax.recipes.classifier_pretraining import PretrainConfig
from echojax.recipes.classifier_start import PRETRAINED, PRETRAINING
from echojax.runs.run import Request
from echojax.studies.diagnosis import leaks, transfer
from echojax.studies.diagnosis.config import Config
from echojax.studies.diagnosis.folds import check_classes, split_patients
from echojax.training.loop import fit
from echojax.vocabulary import TASKS
from echojax.weights import networks
from echojax.wording import count

_PARTS = 10  # of the patients; one is held out


def pretrain_generator(request: Request[Config]) -> Path:
    """Train SRResNet on the natural images that `sr.images` names.

    About `sr.evaluate_frames` parts, of images it does not learn from, are held out to measure PSNR
    and SSIM on.

    Returns:
        The file of weights, to start fine-tuning from.

    Raises:
        InputError: the images are not there, a setting does not fit them, or the run was begun
            otherwise.
        EchojaxError: training diverged.
    """
    config = request.config.sr
    devices.start()
    mesh = devices.data_mesh()
    images = natural.open_images(request.config.data.dir, config.images)
    learned, held_out = natural.hold_out(images, config.evaluate_frames)
    super_resolution.check(config, learned, mesh)
    init = super_resolution.init_file(config)
    job = request.run.job("sr/srresnet/pretrained", super_resolution.record(config, learned))
    request.begin([job])
    if not job.done:
        card = {
            "title": "SRResNet, pretrained on natural images",
            "data": f"{len(learned)} parts of the images {config.images}",
            **leaks.card_of(leaks.NO_FRAMES, init),
            "licence": "that of the images it learned from; DIV2K: academic research only",
        }
        shown = [held_out.image(i) for i in range(len(held_out))]
        training = super_resolution.training(config, learned, shown, echo=False, card=card)
        fit(training, job, mesh, title="pretraining srresnet")
    return job.file


def pretrain_classifier(request: Request[Config]) -> tuple[Path, list[transfer.Row]]:
    """Train ResNet-18 on all frames of a dataset, as a rule simulated ones, with both labels.

    A tenth of the patients, at least one, is held out to measure accuracies on.

    Returns:
        The file of weights, to start classifiers from, and how it does on the held-out patients.

    Raises:
        InputError: nothing is prepared, the frames are too few or of one class only, or
            `pretrain.init` does not fit.
        EchojaxError: training diverged.
    """
    config, network = request.config.pretrain, request.config.classifier
    devices.start()
    mesh = devices.data_mesh()
    _check_start(request.run.path, config)
    classifier_pretraining.check(network, config, mesh, *TASKS)
    frames = camus.open_frames(request.config.data)
    for task in TASKS:
        check_classes(frames, task)
    held_out = split_patients(frames, _PARTS, config.seed) == 0
    learned, kept_back = (frames.take(np.flatnonzero(chosen)) for chosen in (~held_out, held_out))
    if not len(learned):
        raise InputError(
            f"{request.config.data.dir}: frames of a single patient; one must be held out, so "
            "prepare those of more"
        )
    record = classifier_pretraining.record(network, config, learned.fingerprint())
    job = request.run.job(PRETRAINED, record)
    request.begin([job])
    if job.done:
        model = networks.load(job.file)
    else:
        card = {
            "title": "ResNet-18, pretrained on echo frames",
            "data": f"{count(len(learned), 'echo frame')} of "
            f"{count(len(np.unique(learned.group)), 'patient')}",
            **simulated_card(learned),
            **leaks.card_of(learned.hashes, classifier_start.init_file(config.init)),
            "licence": "that of the data it learned from",
        }
        training = classifier_pretraining.training(
            network,
            config,
            _labelled(learned, network.shape),
            _labelled(kept_back, network.shape),
            tasks=TASKS,
            mesh=mesh,
            card=card,
        )
        model = fit(training, job, mesh, title="pretraining resnet18")
    trained = Classifier(model, TASKS, network.shape)
    return job.file, transfer.evaluate(trained, kept_back, mesh)


def _check_start(path: Path, config: PretrainConfig) -> None:
    """See that a pretraining does not start from the file that it would write."""
    if config.init == "random":
        return
    named = config.init == "simulated" and path.resolve() == PRETRAINING.resolve()
    if named or classifier_start.locate(config.init).resolve().is_relative_to(path.resolve()):
        raise InputError(
            f"pretrain.init = {config.init!r}: lies in {path}, where this pretraining goes; "
            'choose another --run, or start from "random"'
        )


def _labelled(frames: Frames, shape: Shape) -> Labelled:
    return Labelled(
        inputs(frames, shape), np.stack([getattr(frames, task) for task in TASKS], axis=-1)
    )
