"""U-Nets (Ronneberger et al., MICCAI 2015, arXiv:1505.04597) in three settings.

`UNetSettings()` is the light network of Kjelsrud et al., IUS 2025 (arXiv:2509.03631), `NNUNET` the
2D network that nnU-Net plans for frames of 256 pixels (Isensee et al., Nature Methods 18, 2021),
`COHERENCE` the one that predicts coherence from a B-mode frame (Van De Vyver et al., Ultrasound in
Medicine & Biology 51, 2025, section on the coherence network).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from echojax.models.layers import conv, norm

Norm = Literal["instance", "instance, affine", "batch"]
Activation = Literal["mish", "leaky relu", "gelu"]
Down = Literal["max-pool", "stride"]
Up = Literal["repeat", "transposed"]


@dataclass(frozen=True)
class UNetSettings:
    """What a U-Net is made of; the defaults are the light network's.

    Attributes:
        channels: of the images.
        classes: channels that come out.
        encoder: channels of each level, from the full resolution down.
        decoder: channels of each level on the way back, one level less.
        norm: what follows a convolution.
        activation: what follows that.
        down: how a level gets half the size of the one above it.
        up: how it gets back.
        input_norm: whether a BatchNorm precedes all.
        supervised: whether every level of the decoder has a head to learn by.
    """

    channels: int = 1
    classes: int = 4
    encoder: tuple[int, ...] = (32, 32, 64, 128, 128, 128)
    decoder: tuple[int, ...] = (128, 128, 64, 32, 16)
    norm: Norm = "instance"
    activation: Activation = "mish"
    down: Down = "max-pool"
    up: Up = "repeat"
    input_norm: bool = True
    supervised: bool = True


NNUNET = UNetSettings(
    encoder=(32, 64, 128, 256, 512, 512, 512),
    decoder=(512, 512, 256, 128, 64, 32),
    norm="instance, affine",
    activation="leaky relu",
    down="stride",
    up="transposed",
    input_norm=False,
)
COHERENCE = UNetSettings(
    classes=1,
    encoder=(16, 32, 64, 128, 128, 128, 128),
    decoder=(128, 128, 128, 64, 32, 16),
    norm="batch",
    activation="gelu",
    input_norm=False,
    supervised=False,
)


def mish(x: jax.Array) -> jax.Array:
    """X tanh(softplus(x)) (Misra, BMVC 2020, arXiv:1908.08681), with one exponential."""
    e = jnp.exp(jnp.minimum(x, 20.0))  # above, the factor is 1 in float32
    twice = e * (e + 2)
    return x * (twice / (twice + 2))


_ACTIVATIONS: dict[Activation, Callable[[jax.Array], jax.Array]] = {
    "mish": mish,
    "leaky relu": partial(nnx.leaky_relu, negative_slope=0.01),
    "gelu": nnx.gelu,
}


def _normalization(kind: Norm, channels: int, rngs: nnx.Rngs) -> nnx.BatchNorm | nnx.InstanceNorm:
    if kind == "batch":
        return norm(channels, rngs)
    affine = kind == "instance, affine"
    return nnx.InstanceNorm(channels, epsilon=1e-5, use_bias=affine, use_scale=affine, rngs=rngs)


class Block(nnx.Module):
    """Twice a conv3, normalization, activation."""

    def __init__(
        self, settings: UNetSettings, inputs: int, outputs: int, stride: int, *, rngs: nnx.Rngs
    ) -> None:
        """Make the block; the first convolution has the stride."""
        self.activation = settings.activation
        self.conv1 = conv(inputs, outputs, 3, stride=stride, rngs=rngs)
        self.norm1 = _normalization(settings.norm, outputs, rngs)
        self.conv2 = conv(outputs, outputs, 3, rngs=rngs)
        self.norm2 = _normalization(settings.norm, outputs, rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(n, rows, columns, inputs) to (n, rows / stride, columns / stride, outputs)."""
        active = _ACTIVATIONS[self.activation]
        x = active(_normalized(self.norm1, self.conv1(x), train))
        return active(_normalized(self.norm2, self.conv2(x), train))


def _normalized(layer: nnx.BatchNorm | nnx.InstanceNorm, x: jax.Array, train: bool) -> jax.Array:
    if isinstance(layer, nnx.BatchNorm):
        return layer(x, use_running_average=not train)
    return layer(x)


class UNet(nnx.Module):
    """Images to a map of the same size for each class."""

    def __init__(self, settings: UNetSettings, *, rngs: nnx.Rngs) -> None:
        """Make the network.

        Raises:
            ValueError: `settings.decoder` does not have one level less than `settings.encoder`.
        """
        s = settings
        if len(s.decoder) != len(s.encoder) - 1:
            raise ValueError(f"an encoder {s.encoder} needs a decoder of one level less")
        self.settings = s
        if s.input_norm:
            self.norm = norm(s.channels, rngs)
        stride = 2 if s.down == "stride" else 1
        self.encoder = nnx.List(
            Block(s, inputs, outputs, stride if level else 1, rngs=rngs)
            for level, (inputs, outputs) in enumerate(
                zip((s.channels, *s.encoder), s.encoder, strict=False)
            )
        )
        skips = s.encoder[-2::-1]
        deeper = (s.encoder[-1], *s.decoder)
        # A transposed convolution gives as many channels as it is put together with.
        raised = skips if s.up == "transposed" else deeper
        if s.up == "transposed":
            self.up = nnx.List(
                nnx.ConvTranspose(inputs, outputs, (2, 2), strides=(2, 2), rngs=rngs)
                for inputs, outputs in zip(deeper, skips, strict=False)
            )
        self.decoder = nnx.List(
            Block(s, own + skip, outputs, 1, rngs=rngs)
            for own, skip, outputs in zip(raised, skips, s.decoder, strict=False)
        )
        with_head = s.decoder if s.supervised else s.decoder[-1:]
        self.heads = nnx.List(conv(inputs, s.classes, 1, rngs=rngs) for inputs in with_head)

    @property
    def multiple(self) -> int:
        """What the sides of an image are filled up to a multiple of."""
        return 2 ** (len(self.settings.encoder) - 1)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Logits of every pixel.

        Args:
            x: (n, rows, columns, channels) of any size; continued by its edge where the network
                needs more.
            train: normalise by the batch and update the running statistics, where there are any.

        Returns:
            (n, rows, columns, classes).
        """
        rows, columns = x.shape[1:3]
        more = [(0, -side % self.multiple) for side in (rows, columns)]
        if any(after for _, after in more):
            x = jnp.pad(x, [(0, 0), *more, (0, 0)], mode="edge")
        last = self._levels(x, train)[-1]
        return self.heads[-1](last)[:, :rows, :columns]

    def supervised(self, x: jax.Array, *, train: bool = False) -> list[jax.Array]:
        """Logits of every head, the finest first, each half as large as the one before.

        Args:
            x: (n, rows, columns, channels), both sides multiples of `multiple`.
            train: as above.
        """
        levels = self._levels(x, train)[-len(self.heads) :]
        return [head(level) for head, level in zip(self.heads, levels, strict=True)][::-1]

    def _levels(self, x: jax.Array, train: bool) -> list[jax.Array]:
        """What each level of the decoder gives, the coarsest first."""
        s = self.settings
        if s.input_norm:
            x = self.norm(x, use_running_average=not train)
        skips = []
        for level, block in enumerate(self.encoder):
            if level and s.down == "max-pool":
                x = _halved(x)
            x = block(x, train=train)
            skips.append(x)
        levels = []
        for level, block in enumerate(self.decoder):
            x = self.up[level](x) if s.up == "transposed" else _doubled(x)
            x = block(jnp.concatenate([x, skips[-2 - level]], axis=-1), train=train)
            levels.append(x)
        return levels


def _halved(x: jax.Array) -> jax.Array:
    """The largest of every 2x2; on CPUs its gradient takes a hundredth of `max_pool`'s time."""
    n, rows, columns, channels = x.shape
    pairs = x.reshape(n, rows // 2, 2, columns // 2, 2 * channels)
    of_rows = jnp.maximum(pairs[:, :, 0], pairs[:, :, 1])
    return jnp.maximum(of_rows[..., :channels], of_rows[..., channels:])


def _doubled(x: jax.Array) -> jax.Array:
    """Every pixel repeated as 2x2."""
    n, rows, columns, channels = x.shape
    repeated = jnp.broadcast_to(x[:, :, None, :, None], (n, rows, 2, columns, 2, channels))
    return repeated.reshape(n, 2 * rows, 2 * columns, channels)
