"""Training a generator on pairs of crops and their bicubic reductions, with the squared error."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field, model_validator

from echojax import devices
from echojax.config import FREE, Kernel, Section, recorded
from echojax.data.crops import crop_batches, stream
from echojax.data.source import Source
from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference import fidelity
from echojax.inference.enhance import Network, degrade
from echojax.models.generator import Generator
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation
from echojax.runs.job import Record
from echojax.training.loop import Evaluator, Metrics, Step, Training, make_step
from echojax.training.optimizers import cosine_schedule
from echojax.training.state import TrainState, initial_state, split
from echojax.vocabulary import QualityOrNone
from echojax.weights import catalogue, networks

WORDS = ("interpolation", "random")  # of `init`, instead of a file


class SuperResolutionConfig(Section):
    """The generator (for gray images) and its training."""

    scale: Literal[2, 4, 8] = Field(4, description="how many times larger images become")
    blocks: int = Field(16, ge=1, description="residual blocks")
    channels: int = Field(64, ge=1, description="channels of the trunk")
    first_kernel: Kernel = Field(9, description="size of the first convolution")
    last_kernel: Kernel = Field(9, description="size of the last convolution")
    bias: bool = Field(False, description="bias in convolutions before a BatchNorm")
    activation: Literal["none", "clip", "tanh"] = Field("none", description="of the output")
    init: Annotated[str, FREE] = Field(
        "interpolation",
        description='"interpolation", "random", a file of weights or a name of `echojax weights '
        "list`; the latter two bring their own blocks, channels, kernels, bias and activation",
    )
    quality: Annotated[tuple[QualityOrNone, ...], FREE] = Field(
        ("good",), min_length=1, description="frames to learn from"
    )
    images: Annotated[str, FREE] = Field(
        "div2k", description="natural images that --stage pretrain learns from"
    )
    crop: int = Field(96, ge=16, multiple_of=4, description="side of a high-resolution crop")
    batch: int = Field(16, ge=1)
    steps: int = Field(20_000, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="constant, or cosine down to zero after a short warm-up"
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
    def _fits(self) -> "SuperResolutionConfig":
        if self.init == "interpolation" and self.activation == "tanh":
            raise ValueError(
                'sr.activation "tanh" cannot start as interpolation; set sr.init="random"'
            )
        if self.crop % self.scale:
            raise ValueError(f"sr.crop {self.crop} is no multiple of sr.scale {self.scale}")
        return self


def record(config: SuperResolutionConfig, source: Source) -> Record:
    """What a training of a configuration on some images depends on.

    Raises:
        InputError: `config.init` is a file that is not there.
    """
    file = init_file(config)
    return Record(
        settings=recorded(config, "sr", SuperResolutionConfig),
        data={"images to learn from": source.fingerprint()},
        files={"sr.init": config.init if file is None else sha256(file)},
    )


def init_file(config: SuperResolutionConfig) -> Path | None:
    """The file that a training starts from; None where it starts from numbers of its own.

    Raises:
        InputError: it is a public network that was not fetched.
    """
    return None if config.init in WORDS else catalogue.locate(config.init, gray=True)


def init_network(config: SuperResolutionConfig) -> Generator:
    """The network as a configuration starts it.

    Raises:
        InputError: `config.init` is a file that is not there, or holds no generator of gray images
            and of the scale.
    """
    file = init_file(config)
    if file is not None:
        return _gray(file, config.scale)
    settings = SRResNetSettings(
        scale=config.scale,
        blocks=config.blocks,
        channels=config.channels,
        first_kernel=config.first_kernel,
        last_kernel=config.last_kernel,
        bias=config.bias,
        activation=config.activation,
    )
    model = SRResNet(settings, rngs=nnx.Rngs(config.seed))
    if config.init == "interpolation":
        start_as_interpolation(model)
    return model


def _gray(file: Path, scale: int) -> Generator:
    model = networks.load(file, Generator)
    if model.channels != 1:
        raise InputError(
            f"{file}: enlarges colour images; training needs a gray network, as "
            "`echojax weights convert FILE --gray -o OUT.safetensors` makes"
        )
    if model.scale != scale:
        raise InputError(f"{file}: enlarges {model.scale} times; sr.scale is {scale}")
    return model


def check(config: SuperResolutionConfig, source: Source, mesh: Mesh) -> None:
    """See that a training can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, there is nothing to learn from, an
            image is smaller than a crop, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "sr.batch")
    crop_batches(source, config.crop, config.batch, config.seed)
    if config.init not in WORDS:
        init_network(config)  # takes seconds, and only a file can fail to fit


def training(
    config: SuperResolutionConfig,
    source: Source,
    held_out: Sequence[np.ndarray] = (),
    *,
    echo: bool = True,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training with the mean squared error.

    Args:
        config: the generator and its training.
        source: gray images to learn from.
        held_out: uint8 images (rows, columns) to measure PSNR and SSIM on as it goes.
        echo: whether they are echo frames, measured inside the sector as well.
        card: what the file shall say of data and licence.

    Raises:
        InputError: as `check`.
    """
    model = init_network(config)
    graphdef, _, _ = split(model)
    optimizer, step = _program(graphdef, config)
    batches = crop_batches(source, config.crop, config.batch, config.seed)
    steps = f"{config.steps} with the mean squared error; {batch_text(config.batch, config.crop)}"
    return Training(
        start=lambda: initial_state(model, optimizer, seed=config.seed),
        step=step,
        batches=functools.partial(stream, batches),
        steps=config.steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        evaluators=evaluators(config, held_out, echo=echo),
        save_every=config.save_every,
        save_minutes=config.save_minutes,
        card={**(card or {}), "started from": config.init, "steps": steps},
        told=told,
    )


def batch_text(batch: int, crop: int) -> str:
    """What a card says of the batches."""
    return f"batches of {batch} crops of {crop} pixels"


def mean_squared_error(
    model: Generator, batch: jax.Array, key: jax.Array
) -> tuple[jax.Array, Metrics]:
    """SRResNet's loss (Ledig et al., eq. 4) on a uint8 batch (n, side, side, 1) of crops."""
    del key
    high = batch.astype(jnp.float32) / 255
    return jnp.mean((model(degrade(high, model.scale), train=True) - high) ** 2), {}


@functools.lru_cache(maxsize=4)
def _program(
    graphdef: nnx.GraphDef[SRResNet], config: SuperResolutionConfig
) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    # Kept, so that the folds of a study share one compiled step.
    rate: float | optax.Schedule = config.learning_rate
    if config.schedule == "cosine":
        rate = cosine_schedule(config.learning_rate, config.steps)
    optimizer = optax.adam(rate)
    return optimizer, make_step(graphdef, optimizer, mean_squared_error)


def evaluators(
    config: SuperResolutionConfig, held_out: Sequence[np.ndarray], *, echo: bool
) -> tuple[Evaluator, ...]:
    """What measures a generator on held-out images, beside interpolation; none without images."""
    if not held_out:
        return ()
    measure: Callable[..., dict[str, float]] = functools.partial(
        fidelity.quality, held_out, sector=echo
    )

    @functools.cache
    def references() -> dict[str, float]:
        return {
            f"{name}_{method}": value
            for method, control in fidelity.interpolations(config.scale).items()
            for name, value in measure(control).items()
        }

    return (
        Evaluator(lambda model: {**measure(Network(model)), **references()}, config.evaluate_every),
    )


def told(scores: Mapping[str, float]) -> dict[str, str]:
    """What a card says of the scores of `evaluators`."""
    if "psnr" not in scores:
        return {}
    ways = {"": "", "_bicubic": "; bicubic ", "_lanczos": ", Lanczos "}
    texts = [
        f"{name}{scores[f'psnr{way}']:.2f} dB / {scores[f'ssim{way}']:.4f}"
        for way, name in ways.items()
    ]
    found = {"measured on held-out images": "".join(texts) + " (PSNR / SSIM, reduced and restored)"}
    if "psnr_sector" in scores:
        found["inside the sector"] = (
            f"{scores['psnr_sector']:.2f} dB / {scores['ssim_sector']:.4f}; bicubic "
            f"{scores['psnr_sector_bicubic']:.2f} dB / {scores['ssim_sector_bicubic']:.4f}"
        )
    return found
