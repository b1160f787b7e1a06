"""What a classifier's training starts from: weights of ImageNet, of simulated frames, or noise."""

from pathlib import Path

import numpy as np
from flax import nnx

from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference.classify import PER_HEAD, heads_of
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.recipes.classifier import ClassifierConfig
from echojax.runs.job import network_file
from echojax.weights import by_name, catalogue, networks

# The run directory of `echojax pretrain-classifier` if none is named, and its job in any.
PRETRAINING = Path("runs", "pretrain-classifier")
PRETRAINED = "classifier/pretrained"

_HEAD = ("fc.kernel", "fc.bias")  # the last layer; logits are the last axis of both


def init_file(init: str) -> Path | None:
    """The file that classifiers start from as configured; None for random numbers.

    Random numbers must be asked for: from them, hundreds of frames teach little more than a
    thumbnail tells.

    Raises:
        InputError: as `locate`.
    """
    return None if init == "random" else locate(init)


def init_hash(init: str) -> str:
    """The sha256 of that file, "random" without one.

    Raises:
        InputError: as `locate`, or there is no such file.
    """
    file = init_file(init)
    return "random" if file is None else sha256(file)


def locate(weights: str) -> Path:
    """The file of a classifier that is meant by a word or a path.

    Args:
        weights: "imagenet", "simulated", "pretrained" (the first of the two that is there), a name
            of the catalogue, or a path.

    Raises:
        InputError: a network that was not fetched, or not pretrained, yet.
    """
    simulated = network_file(PRETRAINING / PRETRAINED)
    if weights == "pretrained":
        if catalogue.converted("resnet18").is_file():
            weights = "imagenet"
        elif not simulated.is_file():
            raise InputError(
                "classifiers start from trained weights, and there are none here: fetch those of "
                "ImageNet (`echojax weights fetch resnet18`), train some on simulated frames "
                "(`echojax pretrain-classifier`), or name a file or random numbers with "
                "--set classifier.init=FILE or =random"
            )
        else:
            weights = "simulated"
    if weights == "simulated":
        if not simulated.is_file():
            raise InputError(
                f"simulated: there is no {simulated} here; make it with `echojax "
                "pretrain-classifier`"
            )
        return simulated
    return catalogue.locate("resnet18" if weights == "imagenet" else weights)


def init_network(config: ClassifierConfig, seed: int, *tasks: str) -> ResNet18:
    """The network as a configuration starts it for a task, or for several with a head each.

    Of a file that says which heads its network has, those of the tasks are taken. A file may also
    be of a network for other classes, as ImageNet's: our last layer starts at random then.

    Raises:
        InputError: `config.init` is a file that is not there, holds no ResNet-18, or one of another
            width or with other heads than it says.
    """
    settings = ResNetSettings(classes=PER_HEAD * len(tasks), width=config.width)
    file = init_file(config.init)
    if file is None:
        return ResNet18(settings, rngs=nnx.Rngs(seed))
    # Read first: what cannot be read is told without waiting for random numbers.
    given = networks.load(file, ResNet18)
    if given.settings.width != config.width:
        raise InputError(
            f"{file}: is a ResNet-18 of width {given.settings.width}, and classifier.width is "
            f"{config.width}; pass --set classifier.width={given.settings.width}, or start from "
            "another file"
        )
    model = ResNet18(settings, rngs=nnx.Rngs(seed))
    tensors, fresh = by_name.arrays(given), by_name.arrays(model)
    heads = heads_of(networks.card(file))
    if set(tasks) <= set(heads):
        first = [PER_HEAD * heads.index(task) for task in tasks]
        for name in _HEAD:
            logits = [tensors[name][..., k : k + PER_HEAD] for k in first]
            tensors[name] = np.concatenate(logits, axis=-1)
    elif heads or given.settings.classes != settings.classes:
        tensors |= {name: fresh[name] for name in _HEAD}
    by_name.fill(model, tensors, file)
    return model


def check_init(config: ClassifierConfig, *tasks: str) -> None:
    """See that a network with a head for each task can start as configured.

    Raises:
        InputError: `config.init` does not fit.
    """
    if init_file(config.init) is not None:
        init_network(config, 0, *tasks)  # takes seconds, and only a file can fail to fit
