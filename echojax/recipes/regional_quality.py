"""Training a network, MobileNetV2 or another, to grade the regions of the left ventricle's wall.

As Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025) train it: masked regression with
the squared error, Adam, frames changed at random. Of real frames no grades of regions are known
here; CAMUS's grade of a view is a weak label on the mean over the regions. Good, medium and poor
are an order without a scale, see `grader_loss`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import FREE, Section, recorded
from echojax.data.frames import UNLABELLED, Frames
from echojax.data.source import evenly
from echojax.files import without_places
from echojax.inference.regional_quality import answers
from echojax.inference.regions import MIRRORED
from echojax.inference.segment import SIZE, as_input
from echojax.models import mobilenet
from echojax.models.mobilenet import MobileNetV2
from echojax.recipes import grader_loss, grader_scores, grader_start
from echojax.recipes.classification import frame_order
from echojax.recipes.grader_scores import Answers
from echojax.runs.job import Record
from echojax.training.grading_augmentation import augment
from echojax.training.loop import Evaluator, Loss, Metrics, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import LEARNED, TrainState, initial_state, split
from echojax.vocabulary import QUALITIES

# A view's grade on the scale of the regions, by its word there; of use where nothing else is known.
OF_VIEW = {"good": 4.0, "medium": 3.0, "poor": 2.0}
_ADOPTED = 64  # frames whose statistics a network of photographs takes over


class RegionalQualityConfig(Section):
    """A network with a grade for each region, and its training."""

    network: Literal["mobilenet", "pooled"] = Field(
        "mobilenet",
        description="mobilenet: MobileNetV2, which sees whole frames; pooled: a head that sees the "
        "features of a segmentation network, averaged over each region: one file for masks and "
        "grades",
    )
    also: Annotated[str, FREE] = Field(
        "", description="where other frames are prepared, as real ones beside simulated ones"
    )
    held_out: float = Field(
        0.1, gt=0, le=0.5, description="share of the persons that grades are measured on"
    )
    inner: float = Field(
        0.15,
        gt=0,
        le=0.5,
        description="share of the other persons that is kept back to set the line and the "
        "intervals of the grades on",
    )
    coverage: float = Field(
        0.9, gt=0, lt=1, description="share of the true grades that lie in the intervals"
    )
    size: int = Field(
        256,
        ge=32,
        description="side of the square that frames are brought to; pooled: that of its file",
    )
    width: float = Field(
        1.0, gt=0, le=8, description="mobilenet: factor of the channels, without a file"
    )
    init: Annotated[str, FREE] = Field(
        "mobilenetv2",
        description='what it starts from: a name of `echojax weights list`, a file, or "random"; '
        "pooled: a file of `echojax train-segmenter`",
    )
    hidden: int = Field(32, ge=1, le=4096, description="pooled: units of the head")
    copies: int = Field(
        4, ge=1, le=64, description="pooled: of each frame, the first one as it is if augmented"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="mobilenet: before the last layer")
    augment: bool = Field(True, description="whether frames are changed at random")
    weak: float = Field(
        0.5, ge=0, description="weight of the grades of views beside those of regions"
    )
    batch: int = Field(16, ge=2)
    steps: int = Field(5000, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="of the rate; the cosine follows a short warm-up"
    )
    evaluate_every: Annotated[int, FREE] = Field(500, ge=1, description="steps between scores")
    evaluate_frames: Annotated[int, FREE] = Field(
        400, ge=1, description="held-out frames, at most, that they are measured on"
    )
    save_every: Annotated[int, FREE] = Field(500, ge=1, description="steps between checkpoints")
    save_minutes: Annotated[float, FREE] = Field(
        10.0, gt=0, description="minutes after which one is saved although fewer steps were taken"
    )
    seed: int = Field(0, ge=0)


class Graded(NamedTuple):
    """Frames as the network sees them, and what is known of each.

    Attributes:
        frames: uint8 (n, size, size), or features of their regions (`pooled_head`).
        grades: float32 (n, 8), NaN where a region has none.
        view: float32 (n,), a real frame's grade by the word of its view, NaN without one.
    """

    frames: np.ndarray
    grades: np.ndarray
    view: np.ndarray

    @classmethod
    def of(cls, frames: Frames, size: int) -> "Graded":
        """The frames of a dataset, brought to a square."""
        seen = [np.round(255 * as_input(image, size)).astype(np.uint8) for image in frames.images]
        square = np.stack(seen) if seen else np.empty((0, size, size), np.uint8)
        return cls(square, frames.grades.astype(np.float32), of_view(frames))

    def take(self, chosen: np.ndarray) -> "Graded":
        """Those at some indices."""
        return Graded(*(each[chosen] for each in self))

    @staticmethod
    def joined(parts: "list[Graded]") -> "Graded":
        """Several as one."""
        return Graded(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def of_view(frames: Frames) -> np.ndarray:
    """Each real frame's grade by the word of its view, NaN where it has none, float32 (n,)."""
    grades = np.array([OF_VIEW[quality] for quality in QUALITIES], np.float32)[frames.quality]
    known = (frames.quality != UNLABELLED) & ~frames.simulated
    return np.where(known, grades, np.nan).astype(np.float32)


def record(config: RegionalQualityConfig, fingerprint: str) -> Record:
    """What a training depends on; `fingerprint` is that of what it learns from.

    Raises:
        InputError: as `grader_start.init_hash`.
    """
    files = {"regional_quality.init": grader_start.init_hash(config.init)}
    data = {"frames to learn from": fingerprint}
    return Record(recorded(config, "regional_quality"), data, files)


def check(config: RegionalQualityConfig, mesh: Mesh) -> None:
    """See that a training can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "regional_quality.batch")
    if config.network == "pooled":
        grader_start.segmenter(config.init)
    elif config.init != grader_start.RANDOM:
        _network(config, np.zeros((1, 32, 32), np.uint8))


class Learner(NamedTuple):
    """A network before its training, and how it learns.

    Attributes:
        model: the network; its last layer is called `classifier`.
        size: side of the square that frames are brought to.
        loss: to lower, on batches of `Graded`.
        answers: grades (n, 8) of what `Graded.frames` holds.
        learned: which of its variables learn.
    """

    model: Any
    size: int
    loss: Loss
    answers: Answers
    learned: nnx.filterlib.Filter = LEARNED


def training(
    config: RegionalQualityConfig,
    learned: Graded,
    inner: Graded,
    held_out: Graded,
    *,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training of MobileNetV2, see `training_of`.

    Raises:
        InputError: as `check`.
    """
    model = _network(config, learned.frames[evenly(len(learned.frames), _ADOPTED)])
    learner = Learner(model, config.size, loss_of(config), answers)
    return training_of(learner, config, learned, inner, held_out, card=card)


def training_of(
    learner: Learner,
    config: RegionalQualityConfig,
    learned: Graded,
    inner: Graded,
    held_out: Graded,
    *,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training with Adam; at its end a line is fitted to the grades.

    Where some frames have grades of regions and others of views alone, a batch has half of each.

    Args:
        learner: the network.
        config: its training.
        learned: to learn from.
        inner: of other persons, to set the line and the intervals on.
        held_out: of others again, to measure grades on as it goes.
        card: what the file shall say of data and licence.
    """
    model = learner.model
    graphdef, _, _ = split(model, learner.learned)
    cosine = config.schedule == "cosine"
    rate = config.learning_rate
    optimizer = optax.adam(cosine_schedule(rate, config.steps) if cosine else rate)
    order = order_of(learned, config)

    def batches(first: int) -> Iterator[Graded]:
        return (learned.take(chosen) for chosen in order[first:])

    shown = held_out.take(evenly(len(held_out.frames), config.evaluate_frames))
    measure = grader_scores.Measure(inner, shown, config.coverage, learner.answers)
    return Training(
        start=lambda: initial_state(model, optimizer, seed=config.seed, learned=learner.learned),
        step=make_step(graphdef, optimizer, learner.loss, learner.learned),
        batches=batches,
        steps=config.steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        evaluators=(Evaluator(measure, config.evaluate_every),),
        save_every=config.save_every,
        save_minutes=config.save_minutes,
        finish=measure.calibrated,
        card={
            **(card or {}),
            SIZE: str(learner.size),
            "started from": without_places(config.init),
            "steps": f"{config.steps}, batches of {config.batch} frames",
        },
        told=measure.told,
        kind="grader",
        length=("regional_quality.steps", 1),
    )


def _network(config: RegionalQualityConfig, frames: np.ndarray) -> MobileNetV2:
    return grader_start.init_network(
        config.init, frames, width=config.width, dropout=config.dropout, seed=config.seed
    )


def order_of(learned: Graded, config: RegionalQualityConfig) -> np.ndarray:
    """Frames of every batch, (steps, batch)."""
    by_region = np.isfinite(learned.grades).any(axis=1)
    kinds = [np.flatnonzero(of) for of in (by_region, ~by_region) if of.any()]
    parts = np.array_split(np.arange(config.batch), len(kinds))
    orders = [
        frames[frame_order(len(frames), 1, len(part), config.seed + k, config.steps)]
        for k, (frames, part) in enumerate(zip(kinds, parts, strict=True))
    ]
    return np.concatenate(orders, axis=1)


def loss_of(config: RegionalQualityConfig) -> Loss:
    """The loss on batches of `Graded`, changed at random as configured."""

    def loss(model: MobileNetV2, batch: Graded, key: jax.Array) -> tuple[jax.Array, Metrics]:
        changing, dropping = jax.random.split(key)
        frames = jnp.asarray(batch.frames, jnp.float32) / 255
        grades, view = jnp.asarray(batch.grades), jnp.asarray(batch.view)
        if config.augment:
            keys = jax.random.split(changing, len(frames))
            frames, grades = augment(keys, frames, grades, MIRRORED)
        seen = mobilenet.as_input(frames[..., None], model.settings)
        return grader_loss.both(model(seen, train=True, key=dropping), grades, view, config.weak)

    return loss
