"""Training a network that predicts coherence from the B-mode, by structural similarity.

As Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025) do it, but on simulated frames,
by the similarity inside the sector, and at a rate a tenth of theirs that falls along a cosine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import FREE, Configuration, Section, recorded
from echojax.data import camus, frame_hash
from echojax.data.frames import Frames
from echojax.data.persons import split_patients
from echojax.errors import InputError
from echojax.inference.coherence import SIZE, as_input
from echojax.inference.sector import sector
from echojax.models.unet import COHERENCE, UNet
from echojax.recipes.classification import frame_order
from echojax.recipes.coherence_scores import Controls, evaluator, told
from echojax.runs.job import Job, Record
from echojax.runs.run import Request
from echojax.training.augmentation import smoothing
from echojax.training.coherence_augmentation import augment
from echojax.training.loop import Loss, Metrics, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.single import Single
from echojax.training.state import TrainState, initial_state, split
from echojax.weights.model_card import LEARNED_FROM
from echojax.wording import count

_WINDOW = 1.5  # pixels, of structural similarity (Wang et al., IEEE TIP 13(4), 2004)
_STABLE = 0.01**2, 0.03**2


class CoherenceConfig(Section):
    """The coherence network's training, and what it is measured on."""

    size: int = Field(
        256, ge=64, multiple_of=64, description="side of the square that frames are brought to"
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of the persons that similarity is measured on"
    )
    augment: bool = Field(True, description="whether frames are moved and lit otherwise at random")
    batch: int = Field(16, ge=1)
    steps: int = Field(5000, ge=1)
    learning_rate: float = Field(
        1e-3, gt=0, description="at its highest, after a short warm-up; then a cosine to zero"
    )
    evaluate_every: Annotated[int, FREE] = Field(
        500, ge=1, description="steps between similarities"
    )
    evaluate_frames: Annotated[int, FREE] = Field(
        32, ge=1, description="held-out frames they are measured on"
    )
    save_every: Annotated[int, FREE] = Field(500, ge=1, description="steps between checkpoints")
    save_minutes: Annotated[float, FREE] = Field(
        10.0, gt=0, description="minutes after which one is saved although fewer steps were taken"
    )
    seed: int = Field(0, ge=0)


class Config(Configuration):
    """Everything that a training of the coherence network depends on."""

    coherence: CoherenceConfig = CoherenceConfig()


@dataclass(frozen=True)
class CoherenceTraining(Single):
    """A training that was asked for and is possible; nothing on disk has changed yet."""

    request: Request[Config]
    learned: Frames
    held_out: Frames
    job: Job
    mesh: Mesh

    @classmethod
    def of(cls, request: Request[Config]) -> "CoherenceTraining":
        """The training that a configuration asks for.

        Raises:
            InputError: no frames with coherence are prepared, or too few persons', or the batch
                cannot be shared by the devices.
        """
        config, data = request.config.coherence, request.config.data
        devices.start()
        mesh = devices.data_mesh()
        devices.check_batch(config.batch, mesh, "coherence.batch")
        frames = camus.open_frames(data)
        known = [n for n, image in enumerate(frames.coherence) if image is not None]
        if not known:
            raise InputError(
                f"data.dir = {data.dir}: none of its frames has coherence to learn; `echojax "
                "simulate OUT --coherence` makes such frames"
            )
        learned, held_out = hold_out(frames.take(known), config)
        job = request.run.job("coherence", record(config, learned))
        return cls(request, learned, held_out, job, mesh)

    def training(self) -> Training[TrainState]:
        """The training."""
        return training(self.request.config.coherence, self.learned, self.held_out)


def hold_out(frames: Frames, config: CoherenceConfig) -> tuple[Frames, Frames]:
    """Frames to learn from, and those of other persons to measure on.

    Raises:
        InputError: there are too few persons.
    """
    parts = max(2, round(1 / config.held_out))
    part = split_patients(frames, parts, config.seed)
    if len(np.unique(part)) < 2:
        raise InputError("frames of a single person; one must be held out, so prepare more")
    return frames.take(np.flatnonzero(part > 0)), frames.take(np.flatnonzero(part == 0))


def record(config: CoherenceConfig, learned: Frames) -> Record:
    """What a training on some frames depends on."""
    return Record(recorded(config, "coherence"), {"frames to learn from": learned.fingerprint()})


def training(config: CoherenceConfig, learned: Frames, held_out: Frames) -> Training[TrainState]:
    """A training with Adam along a cosine.

    Args:
        config: of the training.
        learned: frames with coherence to learn from.
        held_out: such frames of other persons to measure on as it goes, beside two controls.
    """
    model = UNet(COHERENCE, rngs=nnx.Rngs(config.seed))
    graphdef, _, _ = split(model)
    optimizer = optax.adam(cosine_schedule(config.learning_rate, config.steps))
    order = frame_order(len(learned), 1, config.batch, config.seed, config.steps)

    def batches(first: int) -> Iterator[np.ndarray]:
        maps = as_maps(learned, config.size)
        for chosen in order[first:]:
            yield maps[chosen]

    def shown(frames: Frames) -> np.ndarray:
        return as_maps(frames, config.size)

    controls = Controls(learned, held_out, config.evaluate_frames, shown)
    return Training(
        start=lambda: initial_state(model, optimizer, seed=config.seed),
        step=make_step(graphdef, optimizer, loss_of(config)),
        batches=batches,
        steps=config.steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        evaluators=(evaluator(controls, config.evaluate_every),),
        save_every=config.save_every,
        save_minutes=config.save_minutes,
        card={
            "title": "Coherence from the B-mode",
            "data": f"{count(len(learned), 'simulated frame')} of "
            f"{count(len(np.unique(learned.group)), 'person')}",
            LEARNED_FROM: frame_hash.to_text(learned.hashes),
            SIZE: str(config.size),
            "steps": f"{config.steps}, batches of {config.batch} frames, structural similarity",
        },
        told=told,
        kind="coherence",
        length=("coherence.steps", 1),
    )


def as_maps(frames: Frames, size: int) -> np.ndarray:
    """Frames, their coherence and their sectors as squares: uint8 (n, size, size, 3), 255 is 1."""
    maps = np.zeros((len(frames), size, size, 3), np.uint8)
    for own, image, coherence in zip(maps, frames.images, frames.coherence, strict=True):
        if coherence is None:
            raise ValueError("a frame without coherence")
        inside = (255 * sector(image)).astype(np.uint8)
        for channel, each in enumerate((image, coherence, inside)):
            own[..., channel] = np.round(255 * as_input(each, size))
    return maps


def loss_of(config: CoherenceConfig) -> Loss:
    """The loss on uint8 batches of `as_maps`, changed at random as configured."""

    def loss(model: UNet, batch: jax.Array, key: jax.Array) -> tuple[jax.Array, Metrics]:
        maps = batch.astype(jnp.float32) / 255
        if config.augment:
            maps = augment(jax.random.split(key, len(maps)), maps)
        frames, coherence, inside = jnp.moveaxis(maps, -1, 0)
        found = nnx.sigmoid(model(frames[..., None], train=True))[..., 0]
        similar = similarity(coherence, jnp.where(inside > 0.5, found, 0))
        return -(similar * inside).sum() / jnp.maximum(inside.sum(), 1), {}

    return loss


def similarity(one: jax.Array, other: jax.Array) -> jax.Array:
    """Structural similarity of images (n, h, w) in [0, 1], at each place: (n, h, w).

    With a Gaussian window of 1.5 pixels that the borders cut.
    """
    rows, columns = (smoothing(n, jnp.float32(_WINDOW)) for n in one.shape[1:])

    def mean(values: jax.Array) -> jax.Array:
        return jnp.einsum("Rr,nrc,Cc->nRC", rows, values, columns)

    levels, contrasts = _STABLE
    first, second = mean(one), mean(other)
    both = mean(one * other) - first * second
    spread = mean(one**2) - first**2 + mean(other**2) - second**2
    brightness = (2 * first * second + levels) / (first**2 + second**2 + levels)
    return brightness * (2 * both + contrasts) / (spread + contrasts)
