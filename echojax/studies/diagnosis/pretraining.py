"""What the study's networks may start from, trained on natural images and on other frames."""

from pathlib import Path
from typing import Any

import numpy as np

from echojax import devices
from echojax.data import camus, natural
from echojax.data.frames import Frames
from echojax.data.persons import split_patients
from echojax.errors import InputError
from echojax.inference.classify import Classifier, Shape, inputs, simulated_card
from echojax.models.resnet import ResNet18
from echojax.recipes import classifier_pretraining, classifier_start, learned_from, super_resolution
from echojax.recipes.classifier import Labelled
from echojax.recipes.classifier_pretraining import PretrainConfig
from echojax.recipes.classifier_start import PRETRAINED, PRETRAINING
from echojax.runs.run import Request
from echojax.studies.diagnosis import transfer
from echojax.studies.diagnosis.alone import Alone
from echojax.studies.diagnosis.config import Config
from echojax.studies.diagnosis.folds import check_classes
from echojax.training.loop import Training
from echojax.vocabulary import TASKS
from echojax.wording import count

_PARTS = 10  # of the patients; one is held out


def generator(request: Request[Config]) -> Alone:
    """SRResNet's training on the natural images that `sr.images` names.

    About `sr.evaluate_frames` parts, of images it does not learn from, are held out to measure PSNR
    and SSIM on.

    Raises:
        InputError: the images are not there, or a setting does not fit them.
    """
    config = request.config.sr
    devices.start()
    mesh = devices.data_mesh()
    images = natural.open_images(request.config.data.dir, config.images)
    learned, held_out = natural.hold_out(images, config.evaluate_frames)
    super_resolution.check(config, learned, mesh)
    init = super_resolution.init_file(config)
    job = request.run.job("sr/srresnet/pretrained", super_resolution.record(config, learned))
    card = {
        "title": "SRResNet, pretrained on natural images",
        "data": f"{len(learned)} parts of the images {config.images}",
        **learned_from.card_of(learned_from.NO_FRAMES, init),
        "licence": "that of the images it learned from; DIV2K: academic research only",
    }

    def make(frames: int) -> Training[Any]:
        shown = [held_out.image(i) for i in range(min(frames, len(held_out)))]
        return super_resolution.training(config, learned, shown, echo=False, card=card)

    return Alone(request, job, make, len(held_out), mesh, "pretraining srresnet")


def classifier(request: Request[Config]) -> tuple[Alone, Frames]:
    """ResNet-18's training on all frames of a dataset, as a rule simulated ones, with both labels.

    A tenth of the patients, at least one, is held out to measure accuracies on.

    Returns:
        The training, and the frames that it is measured on.

    Raises:
        InputError: nothing is prepared, the frames are too few or of one class only, or
            `pretrain.init` does not fit.
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
    card = {
        "title": "ResNet-18, pretrained on echo frames",
        "data": f"{count(len(learned), 'echo frame')} of "
        f"{count(len(np.unique(learned.group)), 'patient')}",
        **simulated_card(learned),
        **learned_from.card_of(learned.hashes, classifier_start.init_file(config.init)),
        "licence": "that of the data it learned from",
    }

    def make(frames: int) -> Training[Any]:
        return classifier_pretraining.training(
            network,
            config,
            _labelled(learned, network.shape),
            _labelled(kept_back.take(np.arange(frames)), network.shape),
            tasks=TASKS,
            mesh=mesh,
            card=card,
        )

    number, title = len(kept_back), "pretraining resnet18"
    return Alone(request, job, make, number, mesh, title, sample=min(number, 64)), kept_back


def accuracies(model: ResNet18, request: Request[Config], kept_back: Frames) -> list[transfer.Row]:
    """How the trained classifier does on the frames of held-out patients."""
    trained = Classifier(model, TASKS, request.config.classifier.shape)
    return transfer.evaluate(trained, kept_back, devices.data_mesh())


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
