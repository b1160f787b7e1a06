"""Training a x4 generator on pairs of crops and their bicubic reductions."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.config import SuperResolutionConfig
from echojax.data.crops import crop_batches, stream
from echojax.errors import InputError
from echojax.inference import fidelity
from echojax.inference.enhance import Network, degrade
from echojax.models.generator import Generator
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation
from echojax.training.checkpoints import split
from echojax.training.loop import (
    Log,
    Metrics,
    Step,
    TrainState,
    cosine_schedule,
    fit,
    initial_state,
    make_step,
)
from echojax.weights import catalogue, networks

SCALE = 4


def settings(config: SuperResolutionConfig) -> SRResNetSettings:
    """The network a configuration asks for."""
    return SRResNetSettings(
        scale=SCALE,
        blocks=config.blocks,
        channels=config.channels,
        first_kernel=config.first_kernel,
        last_kernel=config.last_kernel,
        bias=config.bias,
        activation=config.activation,
    )


def mean_squared_error(model: Generator, batch: jax.Array) -> tuple[jax.Array, Metrics]:
    """SRResNet's loss (Ledig et al., eq. 4) on a uint8 batch (n, side, side, 1) of crops."""
    high = batch.astype(jnp.float32) / 255
    return jnp.mean((model(degrade(high, model.scale), train=True) - high) ** 2), {}


def _optimizer(config: SuperResolutionConfig) -> optax.GradientTransformation:
    if config.schedule == "constant":
        return optax.adam(config.learning_rate)
    return optax.adam(cosine_schedule(config.learning_rate, config.steps))


@functools.lru_cache(maxsize=4)
def _program(
    graphdef: nnx.GraphDef, config: SuperResolutionConfig
) -> tuple[optax.GradientTransformation, Step[TrainState]]:
    # Kept, so that the folds of a study share one compiled step.
    optimizer = _optimizer(config)
    return optimizer, make_step(graphdef, optimizer, mean_squared_error)


def untrained(config: SuperResolutionConfig) -> Generator:
    """The network as a configuration starts it.

    Raises:
        InputError: `config.init` is a file that is not there or holds no gray x4 generator.
    """
    if config.init not in ("interpolation", "random"):
        return gray_generator(catalogue.locate(config.init, gray=True))
    model = SRResNet(settings(config), rngs=nnx.Rngs(config.seed))
    if config.init == "interpolation":
        start_as_interpolation(model)
    return model


def gray_generator(file: Path) -> Generator:
    """The generator of a file, if it can be trained on gray frames.

    Raises:
        InputError: no such file, or it holds something else than a gray x4 generator.
    """
    model: Generator = networks.load(file, Generator)
    if model.scale != SCALE:
        raise InputError(f"{file}: enlarges {model.scale} times; expected {SCALE}")
    if model.channels != 1:
        raise InputError(
            f"{file}: enlarges colour images; training needs a gray network, as "
            "`echojax weights convert FILE --gray -o OUT.safetensors` makes"
        )
    return model


def check(images: Sequence[np.ndarray], config: SuperResolutionConfig, mesh: Mesh) -> None:
    """See that a training can begin.

    Raises:
        InputError: the batch cannot be shared by the devices, there is nothing to learn from, a
            frame is smaller than a crop, or `config.init` does not fit.
    """
    devices.check_batch(config.batch, mesh, "sr.batch")
    crop_batches(images, config.crop, config.batch, config.seed)
    if config.init not in ("interpolation", "random"):
        untrained(config)  # takes seconds, and only a file can fail to fit


def train(
    images: Sequence[np.ndarray],
    held_out: Sequence[np.ndarray],
    config: SuperResolutionConfig,
    *,
    mesh: Mesh,
    checkpoints: Path,
    title: str,
    log: Log,
    card: Mapping[str, str] | None = None,
) -> Generator:
    """Train a generator with the mean squared error, or load it where that is done already.

    Args:
        images: uint8 images (rows, columns) to learn from.
        held_out: uint8 frames to measure PSNR and SSIM on as it goes; may be empty.
        config: the generator and its training.
        mesh: devices to share every batch between.
        checkpoints: directory of its Orbax checkpoints; training goes on from the newest.
        title: of the progress bar.
        log: called as `log(step, **metrics)`.
        card: what a checkpoint should say of the network beside its settings.

    Returns:
        The trained generator.

    Raises:
        InputError: as `check`.
        EchojaxError: training diverged, or a checkpoint is damaged.
    """
    devices.check_batch(config.batch, mesh, "sr.batch")
    model = untrained(config)
    graphdef, _, _ = split(model)
    optimizer, step = _program(graphdef, config)
    batches = crop_batches(images, config.crop, config.batch, config.seed)
    measure = measuring(held_out)

    state = fit(
        step,
        initial_state(model, optimizer),
        lambda first: stream(batches, first),
        config.steps,
        mesh=mesh,
        title=title,
        log=log,
        checkpoints=checkpoints,
        metadata={**networks.describe(model), **(card or {})},
        save_every=config.save_every,
        evaluate=measure
        and (lambda state: measure(nnx.merge(graphdef, state.params, state.stats))),
        evaluate_every=config.evaluate_every,
    )
    return nnx.merge(graphdef, state.params, state.stats)


def measuring(held_out: Sequence[np.ndarray]) -> Callable[[Generator], dict[str, float]] | None:
    """What measures a generator on held-out frames, beside interpolation; None without frames."""
    if not held_out:
        return None
    references = functools.cache(lambda: reference_quality(held_out))
    return lambda model: {**fidelity.quality(held_out, Network(model)), **references()}


def reference_quality(frames: Sequence[np.ndarray]) -> dict[str, float]:
    """PSNR and SSIM of bicubic and Lanczos enlargement, as psnr_bicubic, ssim_lanczos ..."""
    return {
        f"{name}_{method}": value
        for method, enlarger in fidelity.interpolations(SCALE).items()
        for name, value in fidelity.quality(frames, enlarger).items()
    }
