"""Pretraining ResNet-18 for several tasks at once, on frames changed at random."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import FREE, Section, recorded
from echojax.inference.classify import probabilities
from echojax.models.resnet import ResNet18
from echojax.recipes import classification, classifier_start
from echojax.recipes.classifier import ClassifierConfig, Labelled
from echojax.runs.job import Record
from echojax.training.loop import Evaluator, Training
from echojax.training.state import TrainState

_EVERY = 50  # steps, at least, between measurements
_MEAN = "held_out"  # score: mean accuracy over the heads


class PretrainConfig(Section):
    """Pretraining of the classifier, both labels at once; the network is [classifier]'s."""

    init: Annotated[str, FREE] = Field(
        "random", description='what it starts from: "random", "imagenet", or a file of weights'
    )
    batch: int = Field(32, ge=1)
    epochs: int = Field(20, ge=1)
    learning_rate: float = Field(1e-3, gt=0, description="at its highest, after a short warm-up")
    augment: float = Field(
        1.0, ge=0, le=2, description="strength of the changes to every frame; 0 for none"
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description='which network is handed over: the last, or the "best" on the frames held out',
    )
    seed: int = Field(0, ge=0)


def record(network: ClassifierConfig, config: PretrainConfig, frames: str) -> Record:
    """What a pretraining depends on; `frames` is the fingerprint of what it learns from.

    Raises:
        InputError: `config.init` is a file that is not there.
    """
    own = {f"classifier.{key}": getattr(network, key) for key in ("size", "fit", "width")}
    if network.fit == "millimetres":
        own["classifier.pixel"] = network.pixel
    return Record(
        recorded(config, "pretrain") | own,
        {"frames to learn from": frames},
        {"pretrain.init": classifier_start.init_hash(config.init)},
    )


def check(network: ClassifierConfig, config: PretrainConfig, mesh: Mesh, *tasks: str) -> None:
    """See that a pretraining for some tasks can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "pretrain.batch")
    classifier_start.check_init(_whole(network, config), *tasks)


def training(
    network: ClassifierConfig,
    config: PretrainConfig,
    learned: Labelled,
    held_out: Labelled,
    *,
    tasks: tuple[str, ...],
    mesh: Mesh,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training for several tasks at once, its rate along a cosine.

    Accuracies on the held-out frames are measured every epoch, or every 50 steps where an epoch has
    fewer.

    Args:
        network: its width and its input.
        config: the training.
        learned: what to learn from; a column of labels for each task.
        held_out: what to measure on.
        tasks: the heads of the network.
        mesh: devices to measure on.
        card: what the file shall say of data and licence.

    Raises:
        InputError: as `check`.
    """

    def measure(model: ResNet18) -> dict[str, float]:
        answers = probabilities(model, held_out.frames, mesh)
        right = np.mean((answers >= 0.5) == held_out.labels, axis=0)
        scores = {f"{task}_held_out": float(x) for task, x in zip(tasks, right, strict=True)}
        return scores | {_MEAN: float(np.mean(right))}

    every = max(_EVERY, len(learned.frames) // config.batch)
    return dataclasses.replace(
        classification.training(
            _whole(network, config),
            learned,
            tasks=tasks,
            seed=config.seed,
            card=card,
        ),
        evaluators=(Evaluator(measure, every),),
        kind="classifier, pretrained",
        length=("pretrain.epochs", len(learned.frames) / config.batch),
        save_every=every,
        best=_MEAN if config.keep == "best" else None,
        told=lambda scores: {
            f"{task} accuracy on held-out frames": f"{scores[f'{task}_held_out']:.1%}"
            for task in tasks
        },
    )


def _whole(network: ClassifierConfig, config: PretrainConfig) -> ClassifierConfig:
    """The classifier as it is pretrained: its network as configured, its training ours."""
    of_network = {key: getattr(network, key) for key in ("size", "fit", "pixel", "width")}
    ours = {key: getattr(config, key) for key in ("init", "batch", "epochs", "learning_rate")}
    return ClassifierConfig(**of_network, **ours, augment=config.augment, schedule="cosine")
