"""Training a restorer: poor frames to what a good recording of the same heart shows, by L1."""

import functools
from collections.abc import Mapping
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field, model_validator

from echojax import devices
from echojax.config import FREE, Section, recorded
from echojax.data.crops import crop_batches, stream
from echojax.data.pairs import Pairs
from echojax.data.source import evenly
from echojax.errors import InputError
from echojax.inference import filters
from echojax.inference.enhance import as_float
from echojax.inference.sector import sector
from echojax.metrics import psnr, ssim
from echojax.models.generator import Generator
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation
from echojax.recipes.super_resolution import batch_text
from echojax.runs.job import Record
from echojax.training.loop import Evaluator, Metrics, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import TrainState, initial_state, split
from echojax.vocabulary import Quality
from echojax.weights import catalogue, networks

_CROP = "restorer.crop"


class RestorerConfig(Section):
    """SRResNet's body without enlargement, for gray frames, and its training."""

    source: tuple[Quality, ...] = Field(
        ("medium", "poor"), min_length=1, description="qualities of the frames to restore"
    )
    target: Quality = Field("good", description="quality that they should have")
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of the persons that PSNR and SSIM are measured on"
    )
    blocks: int = Field(8, ge=1, description="residual blocks")
    channels: int = Field(64, ge=1, description="channels of the trunk")
    crop: int = Field(96, ge=16, description="side of a crop")
    batch: int = Field(16, ge=1)
    steps: int = Field(20_000, ge=1)
    learning_rate: float = Field(
        2e-4, gt=0, description="at its highest, after a short warm-up; then a cosine to zero"
    )
    evaluate_every: Annotated[int, FREE] = Field(
        1000, ge=1, description="steps between PSNR and SSIM"
    )
    evaluate_frames: Annotated[int, FREE] = Field(
        16, ge=1, description="held-out frames they are measured on"
    )
    save_every: Annotated[int, FREE] = Field(1000, ge=1, description="steps between checkpoints")
    save_minutes: Annotated[float, FREE] = Field(
        10.0, gt=0, description="minutes after which one is saved although fewer steps were taken"
    )
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _improves(self) -> "RestorerConfig":
        if self.target in self.source:
            raise ValueError(f"restorer.target {self.target} is among restorer.source, too")
        return self


def load(path: str, key: str) -> Generator:
    """The network of a restorer's file.

    Args:
        path: the file.
        key: of the setting that names it.

    Raises:
        InputError: it is not there, or holds no network that keeps the size of gray frames.
    """
    model: Generator = networks.load(catalogue.locate(path), Generator)
    if model.scale != 1 or model.channels != 1:
        raise InputError(
            f"{key} = {path}: enlarges {model.scale} times, images of {model.channels} channels; "
            "a restorer keeps the size of gray frames, as `echojax train-restorer` leaves it"
        )
    return model


def hold_out(pairs: Pairs, config: RestorerConfig) -> tuple[Pairs, Pairs]:
    """Pairs to learn from, and those of other persons to measure on.

    Raises:
        InputError: they are all of one person.
    """
    persons = np.random.default_rng(config.seed).permutation(pairs.persons)
    if len(persons) < 2:
        raise InputError("pairs of a single person; one must be held out, so prepare those of more")
    number = min(max(1, round(config.held_out * len(persons))), len(persons) - 1)
    apart = np.isin(pairs.table["group"], persons[:number])
    return pairs.take(np.flatnonzero(~apart)), pairs.take(np.flatnonzero(apart))


def record(config: RestorerConfig, pairs: Pairs) -> Record:
    """What a training of a configuration on some pairs depends on."""
    return Record(recorded(config, "restorer"), {"pairs to learn from": pairs.fingerprint()})


def check(config: RestorerConfig, pairs: Pairs, mesh: Mesh) -> None:
    """See that a training can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, or a frame is smaller than a crop.
    """
    devices.check_batch(config.batch, mesh, "restorer.batch")
    crop_batches(pairs, config.crop, config.batch, config.seed, key=_CROP)


def training(
    config: RestorerConfig,
    pairs: Pairs,
    held_out: Pairs,
    *,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training with the mean absolute error; the network starts as the identity.

    Args:
        config: the network and its training.
        pairs: to learn from.
        held_out: pairs of other persons to measure PSNR and SSIM on as it goes.
        card: what the file shall say of data and licence.

    Raises:
        InputError: as `check`.
    """
    settings = SRResNetSettings(scale=1, blocks=config.blocks, channels=config.channels)
    model = SRResNet(settings, rngs=nnx.Rngs(config.seed))
    start_as_interpolation(model)
    graphdef, _, _ = split(model)
    optimizer = optax.adam(cosine_schedule(config.learning_rate, config.steps))
    batches = crop_batches(pairs, config.crop, config.batch, config.seed, key=_CROP)
    error = f"{config.steps} with the mean absolute error"
    return Training(
        start=lambda: initial_state(model, optimizer, seed=config.seed),
        step=make_step(graphdef, optimizer, mean_absolute_error),
        batches=functools.partial(stream, batches),
        steps=config.steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        evaluators=(_evaluator(config, held_out),),
        save_every=config.save_every,
        save_minutes=config.save_minutes,
        card={**(card or {}), "steps": f"{error}; {batch_text(config.batch, config.crop)}"},
        told=told,
        kind="restorer",
        length=("restorer.steps", 1),
    )


def mean_absolute_error(
    model: Generator, batch: jax.Array, key: jax.Array
) -> tuple[jax.Array, Metrics]:
    """The loss on a uint8 batch (n, side, side, 2) of crops of `Pairs`."""
    del key
    worse, better = jnp.split(batch.astype(jnp.float32) / 255, 2, axis=-1)
    return jnp.mean(jnp.abs(model(worse, train=True) - better)), {}


def _evaluator(config: RestorerConfig, held_out: Pairs) -> Evaluator:
    """Scores of restored frames inside the sector, and (`_input`) of those they are made of."""
    chosen = evenly(len(held_out), config.evaluate_frames)
    shown = [tuple(np.moveaxis(held_out.image(int(k)), -1, 0)) for k in chosen]

    @functools.cache
    def references() -> dict[str, float]:
        scores = _scores([(as_float(worse), better) for worse, better in shown])
        return {f"{name}_input": value for name, value in scores.items()}

    def measure(model: Generator) -> dict[str, float]:
        restored = [(filters.restore(as_float(worse), model), better) for worse, better in shown]
        return _scores(restored)

    return Evaluator(measure, config.evaluate_every, references)


def _scores(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Means over frames, float32 in [0, 1], and what they should look like, uint8."""
    found = [
        (psnr(as_float(better), frame, mask), ssim(as_float(better), frame, mask))
        for frame, better in pairs
        for mask in (sector(better),)
    ]
    return dict(zip(("psnr_sector", "ssim_sector"), np.mean(found, axis=0).tolist(), strict=True))


def told(scores: Mapping[str, float]) -> dict[str, str]:
    """What a card says of the scores."""
    restored, given = (
        f"{scores[f'psnr_sector{way}']:.2f} dB / {scores[f'ssim_sector{way}']:.4f}"
        for way in ("", "_input")
    )
    words = "PSNR / SSIM inside the sector"
    return {"measured on held-out persons": f"{restored}; not restored {given} ({words})"}
