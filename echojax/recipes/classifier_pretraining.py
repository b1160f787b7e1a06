"""Pretraining ResNet-18 on frames with both labels: one trunk, a head for each task."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.config import ClassifierConfig, PretrainConfig
from echojax.inference import classify
from echojax.inference.enhance import as_float
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18
from echojax.recipes import classification as classifier
from echojax.training.augmentation import augment
from echojax.training.checkpoints import split
from echojax.training.loop import (
    Log,
    Loss,
    Metrics,
    Step,
    TrainState,
    cosine_schedule,
    fit,
    initial_state,
    make_step,
)
from echojax.vocabulary import TASKS
from echojax.weights import networks

_EVERY = 50  # steps, at least, between measurements and between checkpoints

# Images and labels as in `Labelled`, and the place (n,) of each frame in the stream of all frames
# that are shown, which decides how it is changed.
Batch = tuple[jax.Array, jax.Array, jax.Array]


class Labelled(NamedTuple):
    """Frames (n, size, size), uint8, and their labels (n, tasks), 0 or 1, ordered as `TASKS`."""

    images: np.ndarray
    labels: np.ndarray


def cross_entropies(strength: float, seed: int) -> Loss:
    """The loss: the sum of both heads' cross-entropies on augmented frames; with accuracies.

    Args:
        strength: of the augmentation.
        seed: of the augmentation.
    """

    def loss(model: ResNet18, batch: Batch) -> tuple[jax.Array, Metrics]:
        images, labels, places = batch
        frames = images.astype(jnp.float32) / 255
        if strength:
            keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(seed)))(places)
            frames = augment(keys, frames, strength)
        logits = model(as_imagenet(frames[..., None]), train=True)
        logits = logits.reshape(*labels.shape, -1)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        right = jnp.mean(logits.argmax(-1) == labels, axis=0)
        return losses.sum(-1).mean(), dict(zip(TASKS, right, strict=True))

    return loss


@functools.lru_cache(maxsize=2)
def _program(
    network: ClassifierConfig, config: PretrainConfig, steps: int
) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    graphdef, _, _ = split(classifier.network(network, 0, len(TASKS)))
    optimizer = optax.adam(cosine_schedule(config.learning_rate, steps))
    return optimizer, make_step(graphdef, optimizer, cross_entropies(config.augment, config.seed))


def check(network: ClassifierConfig, config: PretrainConfig, mesh: Mesh) -> None:
    """See that a training can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `network.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "pretrain.batch")
    if classifier.start(network) is not None:
        classifier.untrained(network, 0, *TASKS)


def train(
    learned: Labelled,
    held_out: Labelled,
    network: ClassifierConfig,
    config: PretrainConfig,
    *,
    mesh: Mesh,
    checkpoints: Path,
    title: str,
    log: Log,
    card: Mapping[str, str] | None = None,
) -> ResNet18:
    """Train a network with a head for each task, or load it where that is done already.

    Adam, its rate along a cosine; accuracies on the held-out frames are measured every epoch,
    or every 50 steps where an epoch has fewer.

    Args:
        learned: what to learn from.
        held_out: what to measure on.
        network: its width and what it starts from; what else is there belongs to other trainings.
        config: the training.
        mesh: devices to share every batch between.
        checkpoints: directory of its Orbax checkpoints; training goes on from the newest.
        title: of the progress bar.
        log: called as `log(step, **metrics)`.
        card: what a checkpoint should say of the network beside its settings.

    Raises:
        InputError: as `check`.
        EchojaxError: training diverged, or a checkpoint is damaged.
    """
    devices.check_batch(config.batch, mesh, "pretrain.batch")
    order = classifier.frame_order(len(learned.images), config.epochs, config.batch, config.seed)
    places = np.arange(order.size, dtype=np.int32).reshape(order.shape)
    model = classifier.untrained(network, config.seed, *TASKS)
    graphdef, _, _ = split(model)
    optimizer, step = _program(network, config, len(order))

    def batches(first: int) -> Iterator[tuple[np.ndarray, ...]]:
        return (
            (learned.images[chosen], learned.labels[chosen].astype(np.int32), place)
            for chosen, place in zip(order[first:], places[first:], strict=True)
        )

    def evaluate(state: TrainState) -> dict[str, float]:
        trained = nnx.merge(graphdef, state.params, state.stats)
        answers = classify.probabilities(trained, as_float(held_out.images), mesh)
        right = np.mean((answers >= 0.5) == held_out.labels, axis=0)
        return {f"{task}_held_out": float(x) for task, x in zip(TASKS, right, strict=True)}

    every = max(_EVERY, len(learned.images) // config.batch)
    state = fit(
        step,
        initial_state(model, optimizer),
        batches,
        len(order),
        mesh=mesh,
        title=title,
        log=log,
        checkpoints=checkpoints,
        metadata={**networks.describe(model), **(card or {})},
        save_every=every,
        evaluate=evaluate,
        evaluate_every=every,
    )
    return nnx.merge(graphdef, state.params, state.stats)
