"""Training a network that segments the left heart: Dice and cross-entropy, deep supervision.

As Kjelsrud et al., IUS 2025 (arXiv:2509.03631), train their light U-Net on CAMUS, but with a
cosine instead of a schedule that waits for the loss.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import FREE, Section, recorded
from echojax.data.frames import Frames
from echojax.data.source import evenly
from echojax.errors import InputError
from echojax.inference.overlap import STRUCTURES, agreement
from echojax.inference.segment import SIZE, Segmenter, standardised
from echojax.models.unet import NNUNET, UNet, UNetSettings
from echojax.recipes.classification import DEGRADATION, frame_order
from echojax.recipes.segmentation_examples import Examples
from echojax.runs.job import Record
from echojax.training.degradation import degrade
from echojax.training.joint_augmentation import augment
from echojax.training.loop import Evaluator, Loss, Metrics, Step, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import TrainState, initial_state, split
from echojax.weights import kinds

_NETWORKS = {"light": UNetSettings(), "nnunet": NNUNET}
_SMOOTH = 1e-5  # share of all pixels: a structure that is nowhere, and not found, costs nothing
MEAN = "dice_mean"  # score: over structures


class SegmenterConfig(Section):
    """The segmentation network and its training."""

    network: Literal["light", "nnunet"] = Field(
        "light", description="U-Net of 2 M parameters, or nnU-Net's of 33 M"
    )
    size: int = Field(224, ge=32, description="side of the square that frames are brought to")
    augment: bool = Field(True, description="whether frames are moved and lit otherwise at random")
    mirror: bool = Field(False, description="whether half of them are mirrored, too")
    batch: int = Field(16, ge=1)
    steps: int = Field(5000, ge=1)
    learning_rate: float = Field(
        1e-3, gt=0, description="at its highest, after a short warm-up; then a cosine to zero"
    )
    save_every: Annotated[int, FREE] = Field(500, ge=1, description="steps between checkpoints")
    save_minutes: Annotated[float, FREE] = Field(
        10.0, gt=0, description="minutes after which one is saved although fewer steps were taken"
    )


class SegmentationConfig(SegmenterConfig):
    """The segmentation network, its training, and what it is measured on."""

    learn: Literal["data", "also", "both"] = Field(
        "data",
        description='frames to learn from: of data.dir, of segmentation.also, or of "both"',
    )
    also: Annotated[str, FREE] = Field(
        "", description="where other frames are prepared, as simulated ones"
    )
    folds: int = Field(
        0,
        ge=0,
        description="parts of the persons, each measured by a network of the others; 0 trains one "
        "network",
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of the persons to measure on, without folds"
    )
    evaluate_every: Annotated[int, FREE] = Field(500, ge=1, description="steps between Dice")
    evaluate_frames: Annotated[int, FREE] = Field(
        48, ge=1, description="held-out frames it is measured on"
    )
    seed: int = Field(0, ge=0)


def record(config: SegmenterConfig, learned: Sequence[Frames]) -> Record:
    """What a training depends on that learns from some datasets."""
    fingerprints = "-".join(frames.fingerprint() for frames in learned)
    return Record(recorded(config, "segmentation"), {"frames to learn from": fingerprints})


def check(config: SegmenterConfig, mesh: Mesh) -> None:
    """See that a training can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or the size does not suit the
            network.
    """
    devices.check_batch(config.batch, mesh, "segmentation.batch")
    levels = len(_NETWORKS[config.network].encoder)
    multiple = 2 ** (levels - 1)
    if config.size % multiple:
        better = max(multiple, round(config.size / multiple) * multiple)
        raise InputError(
            f"segmentation.size = {config.size}: the network of {levels} levels learns from sides "
            f"that are multiples of {multiple}, as --set segmentation.size={better}"
        )


def training(
    config: SegmentationConfig,
    learned: Sequence[Frames],
    held_out: Frames,
    *,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training on frames as they are, whose Dice is measured as it goes.

    Args:
        config: the network and its training.
        learned: datasets of frames with masks to learn from.
        held_out: such frames of other persons to measure Dice on.
        card: what the file shall say of data and licence.
    """
    return replace(
        training_on(
            config,
            lambda: Examples.of(learned, config.size),
            sum(map(len, learned)),
            seed=config.seed,
            card=card,
        ),
        evaluators=(_evaluator(config, held_out),),
        told=told,
    )


def training_on(
    config: SegmenterConfig,
    examples: Callable[[], Examples],
    number: int,
    *,
    seed: int,
    degraded: bool = False,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training with Adam along a cosine.

    Args:
        config: the network and its training.
        examples: makes what to learn from.
        number: how many these are.
        seed: of this training.
        degraded: whether every frame is degraded at random before it is learned from.
        card: what the file shall say of data and licence.
    """
    optimizer, step = _program(config, degraded=degraded)
    model = init_network(config, seed)
    graphdef, _, _ = split(model)
    order = frame_order(number, 1, config.batch, seed, config.steps)

    def batches(first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        made = examples()
        for chosen in order[first:]:
            yield made.frames[chosen], made.targets[chosen]

    return Training(
        start=lambda: initial_state(model, optimizer, seed=seed),
        step=step,
        batches=batches,
        steps=config.steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        save_every=config.save_every,
        save_minutes=config.save_minutes,
        card={
            **(card or {}),
            SIZE: str(config.size),
            "steps": f"{config.steps}, batches of {config.batch} frames, Dice and cross-entropy"
            + "; frames degraded at random" * degraded,
        },
        kind=kind(degraded=degraded),
        length=("segmentation.steps", 1),
    )


def init_network(config: SegmenterConfig, seed: int) -> UNet:
    """The network that a training begins with."""
    return UNet(_NETWORKS[config.network], rngs=nnx.Rngs(seed))


def kind(*, degraded: bool) -> str:
    """What trainings are counted as."""
    return "segmenter" + ", degraded" * degraded


@functools.lru_cache(maxsize=4)
def _program(
    config: SegmenterConfig, *, degraded: bool
) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    # Kept, so that all segmenters of a study share one compiled step.
    graphdef, _, _ = split(kinds.empty("unet", _NETWORKS[config.network]))
    optimizer = optax.adam(cosine_schedule(config.learning_rate, config.steps))
    return optimizer, make_step(graphdef, optimizer, loss_of(config, degraded=degraded))


Batch = tuple[jax.Array, jax.Array]


def loss_of(config: SegmenterConfig, *, degraded: bool = False) -> Loss:
    """The loss on batches of `Examples`, changed at random as configured.

    Args:
        config: the training.
        degraded: whether frames are made poorer, too.
    """

    def loss(model: UNet, batch: Batch, key: jax.Array) -> tuple[jax.Array, Metrics]:
        frames, targets = (each.astype(jnp.float32) / 255 for each in batch)
        if degraded:
            key, own = jax.random.split(key)
            frames = degrade(jax.random.split(own, len(frames)), frames, DEGRADATION)
        if config.augment:
            keys = jax.random.split(key, len(frames))
            frames, targets = augment(keys, frames, targets, mirror=config.mirror)
        heads = model.supervised(standardised(frames), train=True)
        return supervised_loss(heads, targets), {}

    return loss


def supervised_loss(heads: list[jax.Array], targets: jax.Array) -> jax.Array:
    """Dice and cross-entropy of every head, each weighing half as much as the finer one.

    A head's answer counts for all pixels that it covers: that is its answer against their mean.

    Args:
        heads: logits, the finest (n, h, w, 1 + structures) first, each half as large.
        targets: (n, h, w, structures), shares in [0, 1].
    """
    weights = 0.5 ** jnp.arange(len(heads))
    total = jnp.zeros(())
    for weight, logits in zip(weights / weights.sum(), heads, strict=True):
        n, rows, columns, _ = logits.shape
        times = targets.shape[1] // rows
        parts = targets.reshape(n, rows, times, columns, times, -1)
        total += weight * dice_and_cross_entropy(logits, parts.mean(axis=(2, 4)))
    return total


def dice_and_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Mean cross-entropy, and 1 - Dice of each structure over the batch, their mean.

    Args:
        logits: (n, h, w, 1 + structures), background first.
        targets: (n, h, w, structures), shares in [0, 1].
    """
    background = jnp.maximum(1 - targets.sum(axis=-1, keepdims=True), 0)
    whole = jnp.concatenate([background, targets], axis=-1)
    answers = nnx.log_softmax(logits)
    cross_entropy = -jnp.mean(jnp.sum(whole * answers, axis=-1))
    found = jnp.exp(answers[..., 1:])
    common, both = (jnp.mean(x, axis=(0, 1, 2)) for x in (found * targets, found + targets))
    return cross_entropy + jnp.mean(1 - (2 * common + _SMOOTH) / (both + _SMOOTH))


def _evaluator(config: SegmentationConfig, held_out: Frames) -> Evaluator:
    """Mean Dice of each structure over held-out frames, in their own geometry."""
    shown = held_out.take(evenly(len(held_out), config.evaluate_frames))

    def measure(model: UNet) -> dict[str, float]:
        found = Segmenter(model, config.size).clip(shown.images)
        truths = [shown.mask(k) for k in range(len(shown))]
        rows = [
            agreement(each.mask, truth)
            for each, truth in zip(found, truths, strict=True)
            if truth is not None
        ]
        scores = {
            f"dice_{name}": float(np.nanmean([row[name].dice for row in rows]))
            for name in STRUCTURES
        }
        return scores | {MEAN: float(np.mean([*scores.values()]))}

    return Evaluator(measure, config.evaluate_every)


def told(scores: Mapping[str, float]) -> dict[str, str]:
    """What a card says of the scores."""
    words = ", ".join(f"{name} {scores[f'dice_{name}']:.3f}" for name in STRUCTURES)
    return {"Dice on held-out persons": words}
