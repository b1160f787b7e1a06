"""SRResNet, the generator of Ledig et al., CVPR 2017 (arXiv:1609.04802), Fig. 4."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.models.layers import IMAGENET_MEAN, as_imagenet, conv, norm, pixel_shuffle, prelu

Activation = Literal["none", "clip", "tanh"]

# What the last convolution's output becomes: itself, cut to [0, 1], or (tanh + 1) / 2.
_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "none": lambda x: x,
    "clip": lambda x: jnp.clip(x, 0.0, 1.0),
    "tanh": lambda x: (jnp.tanh(x) + 1) / 2,
}
_DOUBLINGS = {1: 0, 2: 1, 4: 2, 8: 3}


@dataclass(frozen=True)
class SRResNetSettings:
    """What public variants of SRResNet differ in; the defaults are the paper's, for gray frames.

    Attributes:
        scale: how many times larger images get; 1 leaves the enlarging stages out.
        gray: whether images have one channel although a convolution at either end has three: the
            image is replicated before, the outputs are averaged after.
        bias: whether convolutions before a BatchNorm have a bias (it changes nothing that can be
            learned, but checkpoints differ).
        trunk_end: what follows the convolution after the blocks ("bn", or "prelu" in older forks).
        normalise: whether images are normalised by ImageNet's mean and deviation first.
        activation: what the output goes through ("none", "clip" or "tanh").
    """

    scale: int = 4
    blocks: int = 16
    channels: int = 64
    in_channels: int = 1
    out_channels: int = 1
    gray: bool = False
    first_kernel: int = 9
    last_kernel: int = 9
    bias: bool = False
    trunk_end: Literal["bn", "prelu"] = "bn"
    normalise: bool = False
    activation: Activation = "none"


class ResidualBlock(nnx.Module):
    """conv3, BN, PReLU, conv3, BN, added to the input."""

    def __init__(self, channels: int, *, bias: bool, rngs: nnx.Rngs) -> None:
        """Make the block."""
        self.conv1 = conv(channels, channels, 3, bias=bias, rngs=rngs)
        self.bn1 = norm(channels, rngs)
        self.prelu = prelu()
        self.conv2 = conv(channels, channels, 3, bias=bias, rngs=rngs)
        self.bn2 = norm(channels, rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(n, rows, columns, channels) to the same."""
        y = self.prelu(self.bn1(self.conv1(x), use_running_average=not train))
        return x + self.bn2(self.conv2(y), use_running_average=not train)


class Upsample(nnx.Module):
    """conv3 to four times the channels, pixel shuffle, PReLU: twice the size."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        """Make the stage."""
        self.conv = conv(channels, 4 * channels, 3, rngs=rngs)
        self.prelu = prelu()

    def __call__(self, x: jax.Array) -> jax.Array:
        """(n, h, w, channels) to (n, 2 h, 2 w, channels)."""
        return self.prelu(pixel_shuffle(self.conv(x)))


class SRResNet(nnx.Module):
    """Low-resolution images to `scale` times larger ones."""

    def __init__(self, settings: SRResNetSettings, *, rngs: nnx.Rngs) -> None:
        """Make the network.

        Raises:
            ValueError: `settings.scale` is not 1, 2, 4 or 8, or it normalises other than
                three channels.
        """
        if settings.scale not in _DOUBLINGS:
            raise ValueError(f"scale is {settings.scale}; expected 1, 2, 4 or 8")
        if settings.normalise and settings.in_channels != len(IMAGENET_MEAN):
            raise ValueError(f"{settings.in_channels} channels cannot be normalised as ImageNet's")
        s, c = settings, settings.channels
        self.settings = s
        self.conv1 = conv(s.in_channels, c, s.first_kernel, rngs=rngs)
        self.prelu1 = prelu()
        self.blocks = nnx.List(ResidualBlock(c, bias=s.bias, rngs=rngs) for _ in range(s.blocks))
        self.conv2 = conv(c, c, 3, bias=s.bias, rngs=rngs)
        if s.trunk_end == "bn":
            self.bn2 = norm(c, rngs)
        else:
            self.prelu2 = prelu()
        self.upsample = nnx.List(Upsample(c, rngs=rngs) for _ in range(_DOUBLINGS[s.scale]))
        self.conv3 = conv(c, s.out_channels, s.last_kernel, rngs=rngs)

    @property
    def scale(self) -> int:
        """How many times larger images get."""
        return self.settings.scale

    @property
    def reach(self) -> int:
        """How far a pixel's neighbourhood reaches, in pixels of the low resolution."""
        s = self.settings
        trunk = s.first_kernel // 2 + 2 * s.blocks + 1
        stages = sum(1 / 2**k for k in range(_DOUBLINGS[s.scale]))
        return math.ceil(trunk + stages + s.last_kernel // 2 / s.scale)

    @property
    def channels(self) -> int:
        """Channels of the images that go in and come out."""
        return 1 if self.settings.gray else self.settings.in_channels

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Enlarge images.

        Args:
            x: (n, h, w, channels), values in [0, 1].
            train: normalise by the batch and update the running statistics.

        Returns:
            (n, scale h, scale w, channels), nominally in [0, 1].
        """
        s = self.settings
        x = as_imagenet(x) if s.normalise else x
        if s.gray:
            x = jnp.broadcast_to(x, (*x.shape[:-1], s.in_channels))
        x = first = self.prelu1(self.conv1(x))
        for block in self.blocks:
            x = block(x, train=train)
        x = self.conv2(x)
        if s.trunk_end == "bn":
            x = first + self.bn2(x, use_running_average=not train)
        else:
            x = first + self.prelu2(x)
        for stage in self.upsample:
            x = stage(x)
        x = _ACTIVATIONS[s.activation](self.conv3(x))
        return x.mean(-1, keepdims=True) if s.gray else x


# Weights of the pixel before, the pixel itself and the one after for its two halves: a parabola
# through the three, read off a quarter of a pixel to either side.
_HALVES = np.array([[5 / 32, 15 / 16, -3 / 32], [-3 / 32, 15 / 16, 5 / 32]], np.float32)


def start_as_interpolation(model: SRResNet) -> None:
    """Set weights so that the network begins as quadratic interpolation instead of noise.

    A network of scale 1 begins as the identity.

    One channel per image channel carries the image through: copied by the first convolution,
    doubled by each stage with three-tap filters, copied out by the last. The residual branches
    begin at zero (their last BatchNorm's scale, as in Goyal et al., arXiv:1706.02677, section 5.1);
    every other weight keeps its random start, so that all of the network learns.

    Raises:
        ValueError: the network has fewer channels than the image, or transforms what goes in or
            out.
    """
    s = model.settings
    carried = range(min(s.in_channels, s.out_channels))
    transforms = s.activation == "tanh" or s.normalise or s.trunk_end != "bn"
    if s.channels < len(carried) or s.in_channels != s.out_channels or transforms:
        raise ValueError("only a network of like input and output, without tanh, can interpolate")
    for last_norm in (*(block.bn2 for block in model.blocks), model.bn2):
        last_norm.scale = nnx.Param(jnp.zeros(s.channels))

    def set_kernel(conv: nnx.Conv, kernel: np.ndarray) -> None:
        conv.kernel[...] = jnp.asarray(kernel)

    first = np.array(model.conv1.kernel[...])
    last = np.zeros_like(model.conv3.kernel[...])
    for k in carried:
        first[..., k] = 0
        first[s.first_kernel // 2, s.first_kernel // 2, k, k] = 1
        last[s.last_kernel // 2, s.last_kernel // 2, k, k] = 1
    set_kernel(model.conv1, first)
    set_kernel(model.conv3, last)
    for stage in model.upsample:
        doubling = np.array(stage.conv.kernel[...])
        for k in carried:
            for row, column in np.ndindex(2, 2):
                output = 4 * k + 2 * row + column
                doubling[..., output] = 0
                doubling[..., k, output] = np.outer(_HALVES[row], _HALVES[column])
        set_kernel(stage.conv, doubling)
