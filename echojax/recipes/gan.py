"""SRGAN: a generator that is trained against a discriminator (Ledig et al., arXiv:1609.04802)."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from pydantic import Field

from echojax import devices
from echojax.config import FREE, recorded
from echojax.data.crops import crop_batches, stream
from echojax.data.source import Source
from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference.enhance import degrade
from echojax.models.discriminator import Discriminator
from echojax.models.generator import Generator
from echojax.models.layers import as_imagenet
from echojax.models.vgg import VGG19
from echojax.recipes.super_resolution import (
    SuperResolutionConfig,
    batch_text,
    evaluators,
    told,
)
from echojax.runs.job import Record
from echojax.training.loop import Metrics, Training, running_decay, updated
from echojax.training.state import TrainState, initial_state, split
from echojax.weights import catalogue, networks

_FEATURES = 1 / 12.75  # brings VGG's features to the scale of pixels (section 3.2)


class GanConfig(SuperResolutionConfig):
    """SRResNet's training, and SRGAN's that starts from what it left."""

    gan_steps: int = Field(20_000, ge=1, description="of SRGAN, after those of SRResNet")
    gan_learning_rate: float = Field(
        1e-4, gt=0, description="of both networks; a tenth of it in the second half"
    )
    perceptual: Annotated[str, FREE] = Field(
        "vgg19",
        description='what SRGAN compares: "vgg19" features, a file of VGG19\'s weights, '
        'or "none" for pixels',
    )
    adversarial: float = Field(1e-3, ge=0, description="weight of the adversarial loss")
    discriminator_width: int = Field(64, ge=1, description="channels of its first convolution")
    average: float = Field(
        0.999, ge=0, lt=1, description="largest decay of the average over SRGAN's steps"
    )


def record(config: GanConfig, source: Source, start: str) -> Record:
    """What a training depends on.

    Args:
        config: the training.
        source: images to learn from.
        start: sha256 of the generator that it starts from.

    Raises:
        InputError: VGG19 is not there.
    """
    file = _vgg_file(config.perceptual)
    return Record(
        settings=recorded(config, "sr"),
        data={"images to learn from": source.fingerprint()},
        files={"generator": start, "sr.perceptual": sha256(file) if file else config.perceptual},
    )


@partial(
    jax.tree_util.register_dataclass, data_fields=["generator", "discriminator"], meta_fields=[]
)
@dataclass(frozen=True)
class AdversarialState:
    """Both players; the generator keeps an average over its steps."""

    generator: TrainState
    discriminator: TrainState

    @property
    def step(self) -> jax.Array:
        """Steps taken."""
        return self.generator.step


def training(
    config: GanConfig,
    init: Generator,
    source: Source,
    held_out: Sequence[np.ndarray] = (),
    *,
    mesh: Mesh,
    card: Mapping[str, str] | None = None,
) -> Training[AdversarialState]:
    """A training of SRGAN, whose result is the generator averaged over the steps.

    Args:
        config: the training.
        init: the generator as the mean squared error left it.
        source: gray images to learn from.
        held_out: uint8 echo frames (rows, columns) to measure PSNR and SSIM on as it goes.
        mesh: devices that share every batch, which VGG19 is copied to.
        card: what the file shall say of data and licence.

    Raises:
        InputError: a crop does not fit the images, or VGG19 is not there.
    """
    vgg = devices.replicate(load_vgg(config.perceptual), mesh)
    critic = Discriminator(
        config.crop, width=config.discriminator_width, rngs=nnx.Rngs(config.seed)
    )
    graphdef, _, _ = split(init)
    optimizer, step = _program(graphdef, split(critic)[0], config)
    batches = crop_batches(source, config.crop, config.batch, config.seed)
    against = "pixels" if vgg is None else "VGG19 features"
    steps = (
        f"{config.steps} with the mean squared error, {config.gan_steps} of SRGAN ({against}); "
        f"{batch_text(config.batch, config.crop)}"
    )
    return Training(
        start=lambda: AdversarialState(
            initial_state(init, optimizer, seed=config.seed, average=True),
            initial_state(critic, optimizer, seed=config.seed),
        ),
        step=lambda state, batch: step(state, batch, vgg),
        batches=partial(stream, batches),
        steps=config.gan_steps,
        network=lambda state: nnx.merge(graphdef, *(state.generator.average or ())),
        evaluators=evaluators(config, held_out, echo=True),
        save_every=config.save_every,
        save_minutes=config.save_minutes,
        card={**(card or {}), "started from": config.init, "steps": steps},
        told=told,
    )


def pixels(image: jax.Array, original: jax.Array) -> jax.Array:
    """Mean squared error (eq. 4)."""
    return jnp.mean((image - original) ** 2)


def perceptual(vgg: VGG19, image: jax.Array, original: jax.Array) -> jax.Array:
    """Mean squared error of VGG19's conv5_4 (eq. 5) on gray images (n, h, w, 1) in [0, 1]."""
    seen, wanted = (vgg(as_imagenet(x)) * _FEATURES for x in (image, original))
    return jnp.mean((seen - wanted) ** 2)


def make_step(
    generator: nnx.GraphDef[Any],
    discriminator: nnx.GraphDef[Any],
    optimizer: optax.GradientTransformation,
    config: GanConfig,
) -> Callable[[AdversarialState, jax.Array, VGG19 | None], tuple[AdversarialState, Metrics]]:
    """Compile one step of both players; the state passed in is used up.

    Both are updated from the same images: the generator by the discriminator as it was.
    """

    def play(graphdef: nnx.GraphDef[Any], params: Any, rest: Any, x: jax.Array) -> tuple[Any, Any]:
        model = nnx.merge(graphdef, params, rest, copy=True)
        return model(x, train=True), split(model)[2]

    @partial(jax.jit, donate_argnums=0)
    def step(
        state: AdversarialState, batch: jax.Array, vgg: VGG19 | None
    ) -> tuple[AdversarialState, Metrics]:
        maker, critic = state.generator, state.discriminator
        high = batch.astype(jnp.float32) / 255
        low = degrade(high, config.scale)

        def of_generator(params: nnx.State) -> tuple[jax.Array, Any]:
            made, rest = play(generator, params, maker.rest, low)
            realism, _ = play(discriminator, critic.params, critic.rest, made)
            content = pixels(made, high) if vgg is None else perceptual(vgg, made, high)
            fooling = jnp.mean(jax.nn.softplus(-realism))  # -log D(G(low)), eq. 6
            return content + config.adversarial * fooling, (rest, made, content, fooling)

        def of_discriminator(params: nnx.State, made: jax.Array) -> tuple[jax.Array, Any]:
            real, rest = play(discriminator, params, critic.rest, high)
            fake, rest = play(discriminator, params, rest, made)
            loss = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
            return loss, (rest, jax.nn.sigmoid(real).mean(), jax.nn.sigmoid(fake).mean())

        (loss, (rest, made, content, fooling)), gradients = jax.value_and_grad(
            of_generator, has_aux=True
        )(maker.params)
        decay = running_decay(maker.step + 1, config.average)
        maker = updated(maker, optimizer, gradients, rest, decay)
        (critic_loss, (rest, real, fake)), gradients = jax.value_and_grad(
            of_discriminator, has_aux=True
        )(critic.params, jax.lax.stop_gradient(made))
        critic = updated(critic, optimizer, gradients, rest)
        metrics = {
            "loss": loss,
            "content": content,
            "adversarial": fooling,
            "discriminator": critic_loss,
            "real": real,
            "fake": fake,
        }
        return AdversarialState(maker, critic), metrics

    return step


@functools.lru_cache(maxsize=2)
def _program(
    generator: nnx.GraphDef[Any], discriminator: nnx.GraphDef[Any], config: GanConfig
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
    file = _vgg_file(name)
    return None if file is None else networks.load(file, VGG19)


def _vgg_file(name: str) -> Path | None:
    if name == "none":
        return None
    try:
        return catalogue.locate(name)
    except InputError as error:
        raise InputError(
            "SRGAN's perceptual loss needs VGG19's ImageNet weights: get them with `echojax "
            'weights fetch vgg19`, or train without them: --set sr.perceptual="none"'
        ) from error
