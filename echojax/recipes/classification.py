"""Training ResNet-18 to tell classes of frames apart.

The last layer has two logits for each of the network's heads: a study's classifier has the one head
of its task, a pretrained one (`classifier_pretraining`) a head for each task.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.config import recorded
from echojax.inference.classify import HEADS, PER_HEAD
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.recipes.classifier import ClassifierConfig, Labelled
from echojax.recipes.classifier_start import check_init, init_file, init_hash, init_network
from echojax.recipes.inner_validation import calibrated
from echojax.runs.job import Record
from echojax.training.augmentation import augment
from echojax.training.degradation import degrade
from echojax.training.loop import Loss, Metrics, Step, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import TrainState, initial_state, split
from echojax.weights import kinds
from echojax.wording import count

DEGRADATION = 1.0  # strength, where frames are degraded before they are learned from


def record(
    config: ClassifierConfig, frames: str, *, task: str, seed: int, degraded: bool = False
) -> Record:
    """What a training depends on; `frames` is the fingerprint of what it learns from.

    Raises:
        InputError: as `locate`, or `config.init` is a file that is not there.
    """
    settings = recorded(config, "classifier") | {"task": task, "seed": seed}
    if degraded:
        settings["degradation"] = DEGRADATION
    files = {"classifier.init": init_hash(config.init)}
    return Record(settings, {"frames to learn from": frames}, files)


def check(config: ClassifierConfig, mesh: Mesh, task: str) -> None:
    """See that a training for a task can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "classifier.batch")
    check_init(config, task)


def training(
    config: ClassifierConfig,
    learned: Labelled,
    *,
    tasks: tuple[str, ...],
    seed: int,
    kept_back: Labelled | None = None,
    degraded: bool = False,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training with AdamW; no checkpoints on the way.

    Args:
        config: the classifier and its training.
        learned: what to learn from; a column of labels for each task.
        tasks: what the labels are.
        seed: of this training.
        kept_back: what to set threshold and temperature on (`calibrated`); None leaves the answers
            as they are.
        degraded: whether every frame is degraded at random before it is learned from.
        card: what the file shall say of data and licence.

    Raises:
        InputError: as `check_init`.
    """
    order = frame_order(
        len(learned.frames), config.epochs, config.batch, seed, config.steps or None
    )
    optimizer, step = _program(
        tasks,
        config.width,
        config.learning_rate,
        len(order) if config.schedule == "cosine" else None,
        config.weight_decay,
        config.augment,
        DEGRADATION * degraded,
        config.average,
    )
    model = init_network(config, seed, *tasks)
    graphdef, _, _ = split(model)
    labels = learned.labels.astype(np.int32)

    def batches(first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((learned.frames[chosen], labels[chosen]) for chosen in order[first:])

    def network(state: TrainState) -> ResNet18:
        parts = (state.params, state.rest) if state.average is None else state.average
        return nnx.merge(graphdef, *parts)

    init = init_file(config.init)
    return Training(
        start=lambda: initial_state(model, optimizer, seed=seed, average=config.average > 0),
        step=step,
        batches=batches,
        steps=len(order),
        network=network,
        finish=lambda model: model if kept_back is None else calibrated(model, kept_back),
        card={
            **(card or {}),
            HEADS: ",".join(tasks),
            **config.shape.card(),
            "started from": init.name if init and config.init == "pretrained" else config.init,
            "training": _told(config, len(order), kept_back, degraded),
        },
    )


def _told(config: ClassifierConfig, steps: int, kept_back: Labelled | None, degraded: bool) -> str:
    """A training in words."""
    long = f"{steps} steps" if config.steps else count(config.epochs, "epoch")
    parts = [f"{long}, batches of {config.batch} frames"]
    if config.schedule == "cosine":
        parts.append("cosine")
    if config.weight_decay:
        parts.append(f"weight decay {config.weight_decay:g}")
    if config.augment:
        parts.append(f"augmentation of strength {config.augment:g}")
    if degraded:
        parts.append("frames degraded at random")
    if config.average:
        parts.append("averaged weights")
    if kept_back is not None:
        parts.append(f"threshold and temperature set on {len(kept_back.labels)} frames kept back")
    return "; ".join(parts)


def frame_order(
    frames: int, epochs: int, batch: int, seed: int, steps: int | None = None
) -> np.ndarray:
    """Frames of every batch, (steps, batch); `steps` instead of `epochs` where it is given.

    Epochs follow each other without a gap: what does not fill the last batch of one goes into the
    first of the next, so that every frame counts alike and every batch is full.
    """
    rng = np.random.default_rng(seed)
    if steps is not None:
        epochs = -(-steps * batch // frames)
    stream = np.concatenate([rng.permutation(frames) for _ in range(epochs)])
    steps = steps or steps_of(frames, epochs, batch)
    return np.resize(stream, (steps, batch))


def steps_of(frames: int, epochs: int, batch: int) -> int:
    """How many full batches so many epochs make, at least one."""
    return max(1, frames * epochs // batch)


def cross_entropy(
    tasks: Sequence[str], augmentation: float = 0.0, degradation: float = 0.0
) -> Loss:
    """The loss: the sum of the heads' cross-entropies; with the accuracy of each.

    It takes frames (n, size, size) in [0, 1] and labels (n, heads).

    Args:
        tasks: the heads.
        augmentation: strength of the changes to every frame; 0 for none.
        degradation: that of what makes frames poor; 0 for none.
    """
    changes = [(degrade, degradation), (augment, augmentation)]

    def loss(
        model: ResNet18, batch: tuple[jax.Array, jax.Array], key: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        frames, labels = batch
        for change, strength in changes:
            if strength:
                key, own = jax.random.split(key)
                frames = change(jax.random.split(own, len(frames)), frames, strength)
        logits = model(as_imagenet(frames[..., None]), train=True)
        logits = logits.reshape(*labels.shape, PER_HEAD)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        right = jnp.mean(logits.argmax(-1) == labels, axis=0)
        names = ("accuracy",) if len(tasks) == 1 else tasks
        return losses.sum(-1).mean(), dict(zip(names, right, strict=True))

    return loss


@functools.lru_cache(maxsize=4)
def _program(
    tasks: tuple[str, ...],
    width: int,
    rate: float,
    cosine: int | None,
    weight_decay: float,
    augmentation: float,
    degradation: float,
    average: float,
) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    # Kept, so that the hundreds of classifiers of a study share one compiled step.
    model = kinds.empty("resnet18", ResNetSettings(classes=PER_HEAD * len(tasks), width=width))
    graphdef, _, _ = split(model)
    rates = rate if cosine is None else cosine_schedule(rate, cosine)
    optimizer = optax.adamw(rates, weight_decay=weight_decay, mask=_kernels)
    loss = cross_entropy(tasks, augmentation, degradation)
    return optimizer, make_step(graphdef, optimizer, loss, average=average)


def _kernels(params: nnx.State) -> nnx.State:
    """Which parameters decay: neither biases nor scales."""
    return jax.tree.map(lambda value: value.ndim > 1, params)
