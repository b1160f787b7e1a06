"""Training a x4 generator on pairs of crops and their bicubic reductions."""

import dataclasses
import functools
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices, enhance
from echojax.config import SuperResolutionConfig
from echojax.data.crops import crop_batches
from echojax.metrics import psnr, ssim
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation
from echojax.training.loop import (
    Log,
    Metrics,
    Step,
    TrainState,
    fit,
    initial_state,
    make_step,
    split,
)
from echojax.weights import safetensors_file

_WARM_UP = 0.02  # of all steps, for the cosine schedule


def settings(config: SuperResolutionConfig) -> SRResNetSettings:
    """The network a configuration asks for."""
    return SRResNetSettings(
        scale=enhance.SCALE,
        blocks=config.blocks,
        channels=config.channels,
        first_kernel=config.first_kernel,
        last_kernel=config.last_kernel,
        bias=config.bias,
        activation=config.activation,
    )


def mean_squared_error(model: SRResNet, batch: jax.Array) -> tuple[jax.Array, Metrics]:
    """SRResNet's loss (Ledig et al., eq. 4) on a uint8 batch (n, side, side, 1) of crops."""
    high = batch.astype(jnp.float32) / 255
    return jnp.mean((model(enhance.degrade(high), train=True) - high) ** 2), {}


def _optimizer(config: SuperResolutionConfig) -> optax.GradientTransformation:
    if config.schedule == "constant":
        return optax.adam(config.learning_rate)
    warm_up = min(math.ceil(_WARM_UP * config.steps), config.steps - 1)
    return optax.adam(
        optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warm_up, config.steps)
    )


@functools.lru_cache(maxsize=4)
def _program(config: SuperResolutionConfig) -> tuple[optax.GradientTransformation, Step]:
    # Kept, so that the folds of a study share one compiled step.
    graphdef, _, _ = split(SRResNet(settings(config), rngs=nnx.Rngs(0)))
    optimizer = _optimizer(config)
    return optimizer, make_step(graphdef, optimizer, mean_squared_error)


def untrained(config: SuperResolutionConfig) -> SRResNet:
    """The network as a configuration starts it.

    Raises:
        InputError: `config.init` is a file that is not there or does not fit.
    """
    model = SRResNet(settings(config), rngs=nnx.Rngs(config.seed))
    if config.init == "interpolation":
        start_as_interpolation(model)
    elif config.init != "random":
        safetensors_file.load(model, Path(config.init))
    return model


def metadata(config: SuperResolutionConfig) -> dict[str, str]:
    """What a file of weights must say of its network to be complete in itself."""
    return {
        "model": "srresnet",
        **{name: str(value) for name, value in dataclasses.asdict(settings(config)).items()},
    }


def check(images: tuple[np.ndarray, ...], config: SuperResolutionConfig, mesh: Mesh) -> None:
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
    images: tuple[np.ndarray, ...],
    held_out: tuple[np.ndarray, ...],
    config: SuperResolutionConfig,
    *,
    mesh: Mesh,
    checkpoints: Path,
    title: str,
    log: Log,
) -> SRResNet:
    """Train SRResNet with the mean squared error, or load it where that is done already.

    Args:
        images: uint8 frames (rows, columns) to learn from.
        held_out: uint8 frames to measure PSNR and SSIM on as it goes; may be empty.
        config: the generator and its training.
        mesh: devices to share every batch between.
        checkpoints: directory of its Orbax checkpoints; training goes on from the newest.
        title: of the progress bar.
        log: called as `log(step, **metrics)`.

    Returns:
        The trained generator.

    Raises:
        InputError: as `check`.
        EchojaxError: training diverged, or a checkpoint is damaged.
    """
    devices.check_batch(config.batch, mesh, "sr.batch")
    model = untrained(config)
    graphdef, _, _ = split(model)
    optimizer, step = _program(config)
    batches = crop_batches(images, config.crop, config.batch, config.seed)
    references = functools.cache(lambda: reference_quality(held_out))

    def evaluate(state: TrainState) -> dict[str, float]:
        trained = nnx.merge(graphdef, state.params, state.stats)
        return {**quality(held_out, enhance.network(trained)), **references()}

    state = fit(
        step,
        initial_state(model, optimizer),
        lambda k: batches[k],
        config.steps,
        mesh=mesh,
        title=title,
        log=log,
        checkpoints=checkpoints,
        metadata=metadata(config),
        save_every=config.save_every,
        evaluate=evaluate if held_out else None,
        evaluate_every=config.evaluate_every,
    )
    return nnx.merge(graphdef, state.params, state.stats)


def quality(frames: tuple[np.ndarray, ...], enlarge: enhance.Enlarge) -> dict[str, float]:
    """Mean PSNR and SSIM of frames (at least one) that are reduced by four and brought back.

    Args:
        frames: uint8 (rows, columns); cut to a multiple of four. A border of four pixels is not
            counted, as is the rule for x4.
        enlarge: what brings them back.
    """
    scores = []
    for frame in frames:
        rows, columns = (n // enhance.SCALE * enhance.SCALE for n in frame.shape)
        whole = frame[:rows, :columns]
        inside = (slice(enhance.SCALE, -enhance.SCALE),) * 2
        restored = enhance.restore(whole, enlarge)[inside]
        reference = enhance.as_float(whole)[inside]
        scores.append((psnr(reference, restored), ssim(reference, restored)))
    means = np.mean(scores, axis=0)
    return {"psnr": float(means[0]), "ssim": float(means[1])}


def reference_quality(frames: tuple[np.ndarray, ...]) -> dict[str, float]:
    """The same for bicubic and Lanczos enlargement, as psnr_bicubic, ssim_lanczos ..."""
    return {
        f"{name}_{method}": value
        for method in ("bicubic", "lanczos")
        for name, value in quality(frames, enhance.interpolation(method)).items()
    }
