"""SRGAN: a generator that is trained against a discriminator (Ledig et al., arXiv:1609.04802)."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
from echojax.inference.enhance import degrade
from echojax.models.discriminator import Discriminator
from echojax.models.generator import Generator
from echojax.models.layers import as_imagenet
from echojax.models.vgg import VGG19
from echojax.recipes.super_resolution import SCALE, measuring
from echojax.training.checkpoints import split
from echojax.training.loop import Log, Metrics, TrainState, fit, initial_state
from echojax.weights import catalogue, networks

_FEATURES = 1 / 12.75  # brings VGG's features to the scale of pixels (section 3.2)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["generator", "discriminator", "average"],
    meta_fields=[],
)
@dataclass(frozen=True)
class AdversarialState:
    """Both players, and the average over the generator's parameters and statistics."""

    generator: TrainState
    discriminator: TrainState
    average: tuple[nnx.State, nnx.State]

    @property
    def step(self) -> jax.Array:
        """Steps taken."""
        return self.generator.step


def pixels(image: jax.Array, original: jax.Array) -> jax.Array:
    """Mean squared error (eq. 4)."""
    return jnp.mean((image - original) ** 2)


def perceptual(vgg: VGG19, image: jax.Array, original: jax.Array) -> jax.Array:
    """Mean squared error of VGG19's conv5_4 (eq. 5) on gray images (n, h, w, 1) in [0, 1]."""
    seen, wanted = (vgg(as_imagenet(x)) * _FEATURES for x in (image, original))
    return jnp.mean((seen - wanted) ** 2)


def make_step(
    generator: nnx.GraphDef,
    discriminator: nnx.GraphDef,
    optimizer: optax.GradientTransformation,
    config: SuperResolutionConfig,
) -> Callable[[AdversarialState, jax.Array, VGG19 | None], tuple[AdversarialState, Metrics]]:
    """Compile one step of both players; the state passed in is used up.

    Both are updated from the same images: the generator by the discriminator as it was.
    """

    def play(graphdef: nnx.GraphDef, params: Any, stats: Any, x: jax.Array) -> tuple[Any, Any]:
        model = nnx.merge(graphdef, params, stats, copy=True)
        return model(x, train=True), nnx.state(model, nnx.BatchStat)

    def update(player: TrainState, gradients: nnx.State, stats: nnx.State) -> TrainState:
        updates, opt_state = optimizer.update(gradients, player.opt_state, player.params)
        params = optax.apply_updates(player.params, updates)
        return TrainState(player.step + 1, params, stats, opt_state)

    @partial(jax.jit, donate_argnums=0)
    def step(
        state: AdversarialState, batch: jax.Array, vgg: VGG19 | None
    ) -> tuple[AdversarialState, Metrics]:
        maker, critic = state.generator, state.discriminator
        high = batch.astype(jnp.float32) / 255
        low = degrade(high, SCALE)

        def of_generator(params: nnx.State) -> tuple[jax.Array, Any]:
            made, stats = play(generator, params, maker.stats, low)
            realism, _ = play(discriminator, critic.params, critic.stats, made)
            content = pixels(made, high) if vgg is None else perceptual(vgg, made, high)
            fooling = jnp.mean(jax.nn.softplus(-realism))  # -log D(G(low)), eq. 6
            return content + config.adversarial * fooling, (stats, made, content, fooling)

        def of_discriminator(params: nnx.State, made: jax.Array) -> tuple[jax.Array, Any]:
            real, stats = play(discriminator, params, critic.stats, high)
            fake, stats = play(discriminator, params, stats, made)
            loss = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
            return loss, (stats, jax.nn.sigmoid(real).mean(), jax.nn.sigmoid(fake).mean())

        (loss, (stats, made, content, fooling)), gradients = jax.value_and_grad(
            of_generator, has_aux=True
        )(maker.params)
        maker = update(maker, gradients, stats)
        (critic_loss, (stats, real, fake)), gradients = jax.value_and_grad(
            of_discriminator, has_aux=True
        )(critic.params, jax.lax.stop_gradient(made))
        critic = update(critic, gradients, stats)
        # Spans the last ninth of the steps until that is more than `config.average` spans, so that
        # a short training does not end as its start.
        decay = jnp.minimum(config.average, maker.step / (maker.step + 9))
        average = optax.incremental_update((maker.params, maker.stats), state.average, 1 - decay)
        metrics = {
            "loss": loss,
            "content": content,
            "adversarial": fooling,
            "discriminator": critic_loss,
            "real": real,
            "fake": fake,
        }
        return AdversarialState(maker, critic, average), metrics

    return step


@functools.lru_cache(maxsize=2)
def _program(
    generator: nnx.GraphDef, discriminator: nnx.GraphDef, config: SuperResolutionConfig
) -> tuple[optax.GradientTransformation, Any]:
    # Kept, so that the folds of a study share one compiled step.
    rate = optax.piecewise_constant_schedule(config.gan_learning_rate, {config.gan_steps // 2: 0.1})
    optimizer = optax.adam(rate, b1=0.9)
    return optimizer, make_step(generator, discriminator, optimizer, config)


def load_vgg(name: str) -> VGG19 | None:
    """The VGG19 of the perceptual loss; None where pixels are compared.

    Args:
        name: "vgg19" as `echojax weights fetch` keeps it, a file, or "none".

    Raises:
        InputError: it is not there, or the file holds another network.
    """
    if name == "none":
        return None
    try:
        file = catalogue.locate(name)
    except InputError as error:
        raise InputError(
            "SRGAN's perceptual loss needs VGG19's ImageNet weights: get them with `echojax "
            'weights fetch vgg19`, or train without them: --set sr.perceptual="none"'
        ) from error
    return networks.load(file, VGG19)


def train(
    start: Generator,
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
    """Train SRGAN from a trained generator, or load it where that is done already.

    Args:
        start: the generator as the mean squared error left it.
        images: uint8 images (rows, columns) to learn from.
        held_out: uint8 frames to measure PSNR and SSIM on as it goes; may be empty.
        config: the training.
        mesh: devices to share every batch between.
        checkpoints: directory of its Orbax checkpoints; training goes on from the newest.
        title: of the progress bar.
        log: called as `log(step, **metrics)`.
        card: what a checkpoint should say of the network beside its settings.

    Returns:
        The generator averaged over the steps.

    Raises:
        InputError: the batch cannot be shared by the devices, a crop does not fit the images, or
            VGG19 is not there.
        EchojaxError: training diverged, or a checkpoint is damaged.
    """
    devices.check_batch(config.batch, mesh, "sr.batch")
    vgg = devices.replicate(load_vgg(config.perceptual), mesh)
    critic = Discriminator(
        config.crop, width=config.discriminator_width, rngs=nnx.Rngs(config.seed)
    )
    graphdef, params, stats = split(start)
    optimizer, step = _program(graphdef, split(critic)[0], config)
    batches = crop_batches(images, config.crop, config.batch, config.seed)
    measure = measuring(held_out)
    state = fit(
        lambda state, batch: step(state, batch, vgg),
        AdversarialState(
            # A copy, since the first step uses up what it is given.
            jax.tree.map(jnp.copy, initial_state(start, optimizer)),
            initial_state(critic, optimizer),
            jax.tree.map(jnp.copy, (params, stats)),
        ),
        lambda first: stream(batches, first),
        config.gan_steps,
        mesh=mesh,
        title=title,
        log=log,
        checkpoints=checkpoints,
        metadata={**networks.describe(start), **(card or {})},
        save_every=config.save_every,
        evaluate=measure and (lambda state: measure(nnx.merge(graphdef, *state.average))),
        evaluate_every=config.evaluate_every,
    )
    return nnx.merge(graphdef, *state.average)
