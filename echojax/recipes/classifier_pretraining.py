"""Pretraining ResNet-18 for several tasks at once, on frames changed at random."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import Section, recorded
from echojax.inference.classify import probabilities
from echojax.models.resnet import ResNet18
from echojax.recipes import classification
from echojax.recipes.classification import ClassifierConfig, Labelled
from echojax.runs.job import Record
from echojax.training.loop import Evaluator, Training
from echojax.training.state import TrainState

_EVERY = 50  # steps, at least, between measurements
_MEAN = "held_out"  # score: mean accuracy over the heads


class PretrainConfig(Section):
    """Pretraining of the classifier, both labels at once; the network is [classifier]'s."""

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
        InputError: `network.init` is a file that is not there.
    """
    own = {f"classifier.{key}": getattr(network, key) for key in ("size", "width")}
    return Record(
        recorded(config, "pretrain") | own,
        {"frames to learn from": frames},
        {"classifier.init": classification.init_hash(network)},
    )


def check(network: ClassifierConfig, config: PretrainConfig, mesh: Mesh, *tasks: str) -> None:
    """See that a pretraining for some tasks can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `network.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "pretrain.batch")
    classification.check_init(network, *tasks)


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
        network: its width, its input, and what it starts from.
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

    own = {key: getattr(config, key) for key in ("batch", "epochs", "learning_rate")}
    every = max(_EVERY, len(learned.frames) // config.batch)
    return dataclasses.replace(
        classification.training(
            network.model_copy(update=own),
            learned,
            tasks=tasks,
            seed=config.seed,
            cosine=True,
            augmentation=config.augment,
            card=card,
        ),
        evaluators=(Evaluator(measure, every),),
        save_every=every,
        best=_MEAN if config.keep == "best" else None,
        told=lambda scores: {
            f"{task} accuracy on held-out frames": f"{scores[f'{task}_held_out']:.1%}"
            for task in tasks
        },
    )
