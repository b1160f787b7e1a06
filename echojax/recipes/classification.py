"""Training ResNet-18 to tell two classes of frames apart.

The last layer of a network has two logits for each of its heads: a study's classifier has the one
of its task, a pretrained one those of both tasks.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.config import ClassifierConfig
from echojax.errors import InputError
from echojax.inference.classify import PER_HEAD
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.training.checkpoints import split
from echojax.training.loop import (
    Log,
    Metrics,
    Step,
    TrainState,
    fit,
    initial_state,
    make_step,
)
from echojax.weights import by_name, catalogue, networks

Batch = tuple[jax.Array, jax.Array]

# The run directory of `echojax pretrain-classifier` if none is named, and its file in any.
PRETRAINING = Path("runs", "pretrain-classifier")
PRETRAINED = Path("classifier", "pretrained.safetensors")
# What such a file's metadata tells: the tasks of its heads, the side of its square input, and the
# fingerprints of the frames, always of both views, that it and what it started from learned from.
HEADS, SIZE, DATASET = "heads", "input size", "dataset"

_HEAD = ("fc.kernel", "fc.bias")  # the last layer; logits are the last axis of both


def network(config: ClassifierConfig, seed: int, heads: int = 1) -> ResNet18:
    """The network of a configuration, its weights random."""
    settings = ResNetSettings(classes=PER_HEAD * heads, width=config.width)
    return ResNet18(settings, rngs=nnx.Rngs(seed))


def locate(weights: str) -> Path:
    """The file of a classifier that is meant by a word or a path.

    Args:
        weights: "imagenet", "simulated", a name of the catalogue, or a path.

    Raises:
        InputError: a network that was not fetched, or not pretrained, yet.
    """
    if weights == "simulated":
        file = PRETRAINING / PRETRAINED
        if not file.is_file():
            raise InputError(
                f"simulated: there is no {file} here; make it with `echojax pretrain-classifier`"
            )
        return file
    return catalogue.locate("resnet18" if weights == "imagenet" else weights)


def heads_of(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The tasks that a file says its network has a head for, in the order of its logits."""
    return tuple(metadata[HEADS].split(",")) if metadata.get(HEADS) else ()


def datasets_of(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Fingerprints of all frames that a file says its network has learned from."""
    return tuple(metadata[DATASET].split(",")) if metadata.get(DATASET) else ()


def start(config: ClassifierConfig) -> Path | None:
    """The file that a configuration starts classifiers from; None for random numbers.

    Raises:
        InputError: as `locate`.
    """
    return None if config.init == "random" else locate(config.init)


def start_hash(config: ClassifierConfig) -> str:
    """The sha256 of the file that a configuration starts classifiers from, "random" without one.

    Raises:
        InputError: as `locate`.
    """
    file = start(config)
    if file is None:
        return "random"
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def untrained(config: ClassifierConfig, seed: int, *tasks: str) -> ResNet18:
    """The network as a configuration starts it for a task, or for several with a head each.

    Of a file that says which heads its network has, those of the tasks are taken. A file may also
    be of a network for other classes, as ImageNet's: our last layer starts at random then.

    Raises:
        InputError: `config.init` is a file that is not there or does not fit.
    """
    model = network(config, seed, len(tasks))
    file = start(config)
    if file is not None:
        given = by_name.arrays(networks.load(file, ResNet18))
        heads = heads_of(networks.card(file))
        fresh = by_name.arrays(model)
        if set(tasks) <= set(heads):
            first = [PER_HEAD * heads.index(task) for task in tasks]
            for name in _HEAD:
                logits = [given[name][..., k : k + PER_HEAD] for k in first]
                given[name] = jnp.concatenate(logits, axis=-1)
        elif heads or any(given[name].shape != fresh[name].shape for name in _HEAD):
            given |= {name: fresh[name] for name in _HEAD}
        by_name.fill(model, given, file)
    return model


def check(config: ClassifierConfig, task: str, mesh: Mesh) -> None:
    """See that a training for a task can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "classifier.batch")
    if start(config) is not None:
        untrained(config, 0, task)  # takes seconds, and only a file can fail to fit


def cross_entropy(model: ResNet18, batch: Batch) -> tuple[jax.Array, Metrics]:
    """Loss and accuracy on gray frames (n, h, w) in [0, 1] and labels (n,)."""
    frames, labels = batch
    logits = model(as_imagenet(frames[..., None]), train=True)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return losses.mean(), {"accuracy": jnp.mean(logits.argmax(-1) == labels)}


@functools.lru_cache(maxsize=4)
def _program(config: ClassifierConfig) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    # Kept, so that the hundreds of classifiers of a study share one compiled step.
    graphdef, _, _ = split(network(config, 0))
    optimizer = optax.adam(config.learning_rate)
    return optimizer, make_step(graphdef, optimizer, cross_entropy)


def train(
    frames: np.ndarray,
    labels: np.ndarray,
    config: ClassifierConfig,
    seed: int,
    *,
    task: str,
    mesh: Mesh,
    title: str,
    log: Log,
) -> ResNet18:
    """Train a classifier; the seed decides its initial weights and the order of the frames.

    Args:
        frames: float32 (n, size, size) in [0, 1].
        labels: (n,) 0 or 1.
        config: the classifier and its training.
        seed: of this training.
        task: what the labels are, for a start from a network that has a head for it.
        mesh: devices to share every batch between.
        title: of the progress bar.
        log: called as `log(step, **metrics)`.

    Raises:
        InputError: as `check`.
        EchojaxError: training diverged.
    """
    devices.check_batch(config.batch, mesh, "classifier.batch")
    model = untrained(config, seed, task)
    optimizer, step = _program(config)
    order = frame_order(len(frames), config.epochs, config.batch, seed)

    def batches(first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((frames[chosen], labels[chosen].astype(np.int32)) for chosen in order[first:])

    state = fit(
        step, initial_state(model, optimizer), batches, len(order), mesh=mesh, title=title, log=log
    )
    graphdef, _, _ = split(model)
    return nnx.merge(graphdef, state.params, state.stats)


def frame_order(frames: int, epochs: int, batch: int, seed: int) -> np.ndarray:
    """Frames of every batch, (steps, batch).

    Epochs follow each other without a gap: what does not fill the last batch of one goes into the
    first of the next, so that every frame counts alike and every batch is full.
    """
    rng = np.random.default_rng(seed)
    stream = np.concatenate([rng.permutation(frames) for _ in range(epochs)])
    steps = max(1, len(stream) // batch)
    return np.resize(stream, (steps, batch))
