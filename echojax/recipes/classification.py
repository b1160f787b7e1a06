"""Training ResNet-18 to tell classes of frames apart.

The last layer has two logits for each of the network's heads: a study's classifier has the one head
of its task, a pretrained one (`classifier_pretraining`) a head for each task.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import FREE, Section, recorded
from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference.classify import HEADS, PER_HEAD, SIZE, heads_of
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.runs.job import Record, network_file
from echojax.training.augmentation import augment
from echojax.training.loop import Loss, Metrics, Step, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import TrainState, initial_state, split
from echojax.weights import by_name, catalogue, networks, safetensors_file

# The run directory of `echojax pretrain-classifier` if none is named, and its job in any.
PRETRAINING = Path("runs", "pretrain-classifier")
PRETRAINED = "classifier/pretrained"

_HEAD = ("fc.kernel", "fc.bias")  # the last layer; logits are the last axis of both


class ClassifierConfig(Section):
    """ResNet-18 and its training."""

    size: int = Field(224, ge=32, description="side of the square input")
    width: int = Field(64, ge=1, description="channels of the first stage; 64 is ResNet-18")
    init: Annotated[str, FREE] = Field(
        "random",
        description='"random", "imagenet" (resnet18, as fetched), "simulated" (what `echojax '
        "pretrain-classifier` left here), or a .safetensors file",
    )
    batch: int = Field(16, ge=1)
    epochs: int = Field(10, ge=1)
    learning_rate: float = Field(1e-4, gt=0)


class Labelled(NamedTuple):
    """Frames (n, size, size), float32 in [0, 1] as `classify.as_input` makes them, and labels.

    Labels are 0 or 1, (n, heads).
    """

    frames: np.ndarray
    labels: np.ndarray


def record(config: ClassifierConfig, frames: str, *, task: str, seed: int) -> Record:
    """What a training depends on; `frames` is the fingerprint of what it learns from.

    Raises:
        InputError: `config.init` is a file that is not there.
    """
    settings = recorded(config, "classifier") | {"task": task, "seed": seed}
    files = {"classifier.init": init_hash(config)}
    return Record(settings, {"frames to learn from": frames}, files)


def init_file(config: ClassifierConfig) -> Path | None:
    """The file that a configuration starts classifiers from; None for random numbers.

    Raises:
        InputError: as `locate`.
    """
    return None if config.init == "random" else locate(config.init)


def init_hash(config: ClassifierConfig) -> str:
    """The sha256 of that file, "random" without one.

    Raises:
        InputError: as `locate`, or there is no such file.
    """
    file = init_file(config)
    return "random" if file is None else sha256(file)


def locate(weights: str) -> Path:
    """The file of a classifier that is meant by a word or a path.

    Args:
        weights: "imagenet", "simulated", a name of the catalogue, or a path.

    Raises:
        InputError: a network that was not fetched, or not pretrained, yet.
    """
    if weights == "simulated":
        file = network_file(PRETRAINING / PRETRAINED)
        if not file.is_file():
            raise InputError(
                f"simulated: there is no {file} here; make it with `echojax pretrain-classifier`"
            )
        return file
    return catalogue.locate("resnet18" if weights == "imagenet" else weights)


def init_network(config: ClassifierConfig, seed: int, *tasks: str) -> ResNet18:
    """The network as a configuration starts it for a task, or for several with a head each.

    Of a file that says which heads its network has, those of the tasks are taken. A file may also
    be of a network for other classes, as ImageNet's: our last layer starts at random then.

    Raises:
        InputError: `config.init` is a file that is not there or does not fit.
    """
    file = init_file(config)
    # Read first: what cannot be read is told without waiting for random numbers.
    tensors = {} if file is None else safetensors_file.tensors(file)
    settings = ResNetSettings(classes=PER_HEAD * len(tasks), width=config.width)
    model = ResNet18(settings, rngs=nnx.Rngs(seed))
    if file is None:
        return model
    heads = heads_of(networks.card(file))
    fresh = by_name.arrays(model)
    head = {name: np.asarray(fresh[name]) for name in _HEAD}
    there = [name for name in _HEAD if name in tensors]
    if set(tasks) <= set(heads):
        first = [PER_HEAD * heads.index(task) for task in tasks]
        for name in there:
            logits = [tensors[name][..., k : k + PER_HEAD] for k in first]
            tensors[name] = np.concatenate(logits, axis=-1)
    elif heads or any(tensors[name].shape != head[name].shape for name in there):
        tensors |= head
    by_name.fill(model, tensors, file)
    return model


def check(config: ClassifierConfig, mesh: Mesh, task: str) -> None:
    """See that a training for a task can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "classifier.batch")
    check_init(config, task)


def check_init(config: ClassifierConfig, *tasks: str) -> None:
    """See that a network with a head for each task can start as configured.

    Raises:
        InputError: `config.init` does not fit.
    """
    if init_file(config) is not None:
        init_network(config, 0, *tasks)  # takes seconds, and only a file can fail to fit


def training(
    config: ClassifierConfig,
    learned: Labelled,
    *,
    tasks: tuple[str, ...],
    seed: int,
    cosine: bool = False,
    augmentation: float = 0.0,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training with Adam; no checkpoints on the way.

    Args:
        config: the classifier and its training.
        learned: what to learn from; a column of labels for each task.
        tasks: what the labels are.
        seed: of this training.
        cosine: lower the rate along a cosine instead of keeping it.
        augmentation: strength of the changes to every frame; 0 for none.
        card: what the file shall say of data and licence.

    Raises:
        InputError: as `check_init`.
    """
    order = frame_order(len(learned.frames), config.epochs, config.batch, seed)
    optimizer, step = _program(
        tasks, config.width, config.learning_rate, len(order) if cosine else None, augmentation
    )
    model = init_network(config, seed, *tasks)
    graphdef, _, _ = split(model)
    labels = learned.labels.astype(np.int32)

    def batches(first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((learned.frames[chosen], labels[chosen]) for chosen in order[first:])

    changed = f", augmentation of strength {augmentation:g}" if augmentation else ""
    return Training(
        start=lambda: initial_state(model, optimizer, seed=seed),
        step=step,
        batches=batches,
        steps=len(order),
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        card={
            **(card or {}),
            HEADS: ",".join(tasks),
            SIZE: str(config.size),
            "started from": config.init,
            "epochs": f"{config.epochs}; batches of {config.batch} frames{changed}",
        },
    )


def frame_order(frames: int, epochs: int, batch: int, seed: int) -> np.ndarray:
    """Frames of every batch, (steps, batch).

    Epochs follow each other without a gap: what does not fill the last batch of one goes into the
    first of the next, so that every frame counts alike and every batch is full.
    """
    rng = np.random.default_rng(seed)
    stream = np.concatenate([rng.permutation(frames) for _ in range(epochs)])
    steps = max(1, len(stream) // batch)
    return np.resize(stream, (steps, batch))


def cross_entropy(tasks: Sequence[str], strength: float = 0.0) -> Loss:
    """The loss: the sum of the heads' cross-entropies; with the accuracy of each.

    It takes frames (n, size, size) in [0, 1] and labels (n, heads).

    Args:
        tasks: the heads.
        strength: of the augmentation of every frame; 0 for none.
    """

    def loss(
        model: ResNet18, batch: tuple[jax.Array, jax.Array], key: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        frames, labels = batch
        if strength:
            frames = augment(jax.random.split(key, len(frames)), frames, strength)
        logits = model(as_imagenet(frames[..., None]), train=True)
        logits = logits.reshape(*labels.shape, PER_HEAD)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        right = jnp.mean(logits.argmax(-1) == labels, axis=0)
        names = ("accuracy",) if len(tasks) == 1 else tasks
        return losses.sum(-1).mean(), dict(zip(names, right, strict=True))

    return loss


@functools.lru_cache(maxsize=4)
def _program(
    tasks: tuple[str, ...], width: int, rate: float, cosine: int | None, strength: float
) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    # Kept, so that the hundreds of classifiers of a study share one compiled step.
    model = networks.empty("resnet18", ResNetSettings(classes=PER_HEAD * len(tasks), width=width))
    graphdef, _, _ = split(model)
    optimizer = optax.adam(rate if cosine is None else cosine_schedule(rate, cosine))
    return optimizer, make_step(graphdef, optimizer, cross_entropy(tasks, strength))
