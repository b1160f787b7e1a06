"""Training ResNet-18 to tell classes of frames apart.

The last layer has two logits for each of the network's heads: a study's classifier has the one head
of its task, a pretrained one (`classifier_pretraining`) a head for each task.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field, model_validator
from scipy.optimize import minimize
from scipy.special import logit

from echojax import devices
from echojax.config import FREE, Section, recorded
from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference.classify import HEADS, PER_HEAD, Fit, Shape, heads_of, probabilities
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.runs.job import Record, network_file
from echojax.training.augmentation import augment
from echojax.training.degradation import degrade
from echojax.training.loop import Loss, Metrics, Step, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import TrainState, initial_state, split
from echojax.weights import by_name, catalogue, networks, safetensors_file
from echojax.wording import count

# The run directory of `echojax pretrain-classifier` if none is named, and its job in any.
PRETRAINING = Path("runs", "pretrain-classifier")
PRETRAINED = "classifier/pretrained"

DEGRADATION = 1.0  # strength, where frames are degraded before they are learned from

_HEAD = ("fc.kernel", "fc.bias")  # the last layer; logits are the last axis of both


# Settings that belong together; each can still be set by itself.
RECIPES: dict[str, dict[str, object]] = {
    "published": {},  # the defaults below, as far as the study's text goes
    "strong": {
        "fit": "pad",
        "steps": 1500,
        "learning_rate": 3e-4,
        "schedule": "cosine",
        "weight_decay": 0.05,
        "augment": 0.5,
        "average": 0.99,
        "inner": 0.2,
    },
}


class ClassifierConfig(Section):
    """ResNet-18 and its training."""

    recipe: Literal["published", "strong"] = Field(
        "published", description="what the keys below are where they are not set"
    )
    size: int = Field(224, ge=32, description="side of the square input")
    fit: Fit = Field(
        "stretch",
        description='of a frame into the square: "stretch", "pad" (the aspect is kept), or '
        '"millimetres" (pixels of one size)',
    )
    pixel: float = Field(0.8, gt=0, description='side of a pixel, mm, with fit = "millimetres"')
    width: int = Field(64, ge=1, description="channels of the first stage; 64 is ResNet-18")
    init: Annotated[str, FREE] = Field(
        "pretrained",
        description='"imagenet" (resnet18, as fetched), "simulated" (what `echojax '
        'pretrain-classifier` left here), "pretrained" (the first of these that is there), a '
        '.safetensors file, or "random"',
    )
    batch: int = Field(16, ge=1)
    epochs: int = Field(10, ge=1)
    steps: int = Field(0, ge=0, description="instead of epochs; 0 for epochs")
    learning_rate: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="of the rate; the cosine follows a short warm-up"
    )
    weight_decay: float = Field(0.0, ge=0, description="of kernels (AdamW)")
    augment: float = Field(
        0.0, ge=0, le=2, description="strength of the changes to every frame; 0 for none"
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="largest decay of the weights' moving average; 0 for none"
    )
    inner: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the training patients that is kept back to set threshold and "
        "temperature on; 0 for none",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_recipe(cls, values: Any) -> Any:
        return {**RECIPES.get(values.get("recipe", "published"), {}), **values}

    @property
    def shape(self) -> Shape:
        """How frames become inputs."""
        return Shape(self.size, self.fit, self.pixel if self.fit == "millimetres" else 0.0)


class Labelled(NamedTuple):
    """Frames (n, size, size), float32 in [0, 1] as `classify.as_input` makes them, and labels.

    Labels are 0 or 1, (n, heads).
    """

    frames: np.ndarray
    labels: np.ndarray

    def take(self, chosen: np.ndarray) -> "Labelled":
        """Those at some indices, or where a mask is true."""
        return Labelled(self.frames[chosen], self.labels[chosen])


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
        InputError: `config.init` is a file that is not there or does not fit.
    """
    file = init_file(config.init)
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
    if init_file(config.init) is not None:
        init_network(config, 0, *tasks)  # takes seconds, and only a file can fail to fit


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


def kept_back(config: ClassifierConfig, group: np.ndarray, seed: int) -> np.ndarray:
    """Which training frames are of the inner validation patients, a mask (n,).

    Args:
        config: says which share of the patients.
        group: the person of each frame.
        seed: of the draw.
    """
    persons = np.random.default_rng(seed).permutation(np.unique(group))
    return np.isin(group, persons[: round(config.inner * len(persons))])


def calibrated(model: ResNet18, frames: Labelled) -> ResNet18:
    """A network of one head whose threshold and temperature fit frames it did not learn from.

    The log odds of its answers become a line of themselves, the one of Platt's method with his
    smoothed labels (Advances in Large Margin Classifiers, 1999), by changing the last layer; where
    the frames are of one class, nothing changes.
    """
    labels = frames.labels[:, 0]
    positive, negative = int(labels.sum()), int((1 - labels).sum())
    if not positive or not negative:
        return model
    answers = probabilities(model, frames.frames, devices.data_mesh())[:, 0]
    odds = logit(np.clip(answers.astype(np.float64), 1e-6, 1 - 1e-6))
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(line: np.ndarray) -> float:
        z = np.exp(line[0]) * odds + line[1]  # the slope stays positive: no answer is turned round
        return float(np.mean(np.logaddexp(0, z) - target * z))

    slope, shift = minimize(loss, np.zeros(2)).x
    head = nnx.to_pure_dict(nnx.state(model.fc))
    shifted = (head["bias"] * np.exp(slope)).at[1].add(shift)
    scaled = {"kernel": head["kernel"] * np.exp(slope), "bias": shifted}
    nnx.update(model.fc, nnx.State(scaled))
    return model


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
    steps = steps or max(1, len(stream) // batch)
    return np.resize(stream, (steps, batch))


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
    model = networks.empty("resnet18", ResNetSettings(classes=PER_HEAD * len(tasks), width=width))
    graphdef, _, _ = split(model)
    rates = rate if cosine is None else cosine_schedule(rate, cosine)
    optimizer = optax.adamw(rates, weight_decay=weight_decay, mask=_kernels)
    loss = cross_entropy(tasks, augmentation, degradation)
    return optimizer, make_step(graphdef, optimizer, loss, average=average)


def _kernels(params: nnx.State) -> nnx.State:
    """Which parameters decay: neither biases nor scales."""
    return jax.tree.map(lambda value: value.ndim > 1, params)
