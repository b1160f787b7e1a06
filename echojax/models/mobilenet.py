"""MobileNetV2 of Sandler et al., CVPR 2018 (arXiv:1801.04381), Table 2, as torchvision has it.

Weights of TensorFlow differ by where a convolution of stride 2 is padded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from echojax.models.layers import IMAGENET_MEAN, IMAGENET_STD, as_imagenet, depthwise, norm

# (expansion, channels, blocks, stride of the first) of each stage.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM, _HEAD = 32, 1280  # channels
_MAX_WIDTH = 8.0
_he = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")

Padding = Literal["pytorch", "tensorflow"]
Run = Callable[["ConvNorm", jax.Array], jax.Array]


@dataclass(frozen=True)
class MobileNetV2Settings:
    """The network's sizes, and whose weights it takes.

    Attributes:
        channels: of an image, 3 or 1.
        outputs: of the last layer.
        width: factor of all channels, the paper's alpha.
        dropout: share of the features that the last layer does not see in training.
        padding: at stride 2 "pytorch" pads all sides by one pixel, "tensorflow" ("SAME") the right
            and the lower side of images with even sides.
        epsilon: of BatchNorm; PyTorch's is 1e-5, TensorFlow's 1e-3.
    """

    channels: int = 3
    outputs: int = 1000
    width: float = 1.0
    dropout: float = 0.2
    padding: Padding = "pytorch"
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        """Refuse what is no network.

        Raises:
            ValueError: says which setting.
        """
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}; expected 1 or 3")
        if not 0 < self.width <= _MAX_WIDTH:
            raise ValueError(f"width is {self.width}; expected more than 0 to {_MAX_WIDTH:g}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; expected 0 to less than 1")

    def scaled(self, channels: int) -> int:
        """So many channels times the width, to a multiple of 8, at most a tenth fewer."""
        exact = channels * self.width
        nearest = max(8, int(exact + 4) // 8 * 8)
        return nearest if nearest >= 0.9 * exact else nearest + 8


class ConvNorm(nnx.Module):
    """A convolution without bias, BN, and ReLU6 unless it is `linear`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        settings: MobileNetV2Settings,
        *,
        stride: int = 1,
        each: bool = False,
        linear: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        """Make the layers; `each` convolves every channel by itself."""
        self.stride, self.padding, self.each, self.linear = stride, settings.padding, each, linear
        self.conv = Kernel((kernel, kernel, 1 if each else inputs, outputs), rngs)
        self.norm = norm(outputs, rngs, settings.epsilon)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(n, h, w, inputs) to (n, h / stride, w / stride, outputs)."""
        return self.activated(self.norm(self.convolved(x), use_running_average=not train))

    def convolved(self, x: jax.Array) -> jax.Array:
        """What BN sees."""
        kernel = self.conv.kernel[...]
        sides = kernel.shape[:2]
        padding = [(side // 2, side // 2) for side in sides]
        if self.padding == "tensorflow":
            padding = lax.padtype_to_pads(x.shape[1:3], sides, (self.stride,) * 2, "SAME")
        if self.each:
            return depthwise(x, kernel, self.stride, padding)
        return lax.conv_general_dilated(
            x, kernel, (self.stride,) * 2, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def activated(self, x: jax.Array) -> jax.Array:
        """What follows BN."""
        return x if self.linear else jnp.clip(x, 0, 6)


class Kernel(nnx.Module):
    """The numbers of a convolution."""

    def __init__(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> None:
        """Draw them."""
        self.kernel = nnx.Param(_he(rngs.params(), shape))


class InvertedResidual(nnx.Module):
    """1x1 to more channels, 3x3 channel by channel, 1x1 to few again; added where shapes allow."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expansion: int,
        settings: MobileNetV2Settings,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        """Make the block."""
        inner = inputs * expansion
        self.expands, self.adds = expansion != 1, stride == 1 and inputs == outputs
        if self.expands:
            self.expand = ConvNorm(inputs, inner, 1, settings, rngs=rngs)
        self.depthwise = ConvNorm(inner, inner, 3, settings, stride=stride, each=True, rngs=rngs)
        self.project = ConvNorm(inner, outputs, 1, settings, linear=True, rngs=rngs)

    def through(self, x: jax.Array, run: Run) -> jax.Array:
        """(n, h, w, inputs) to (n, h / stride, w / stride, outputs), each layer done by `run`."""
        y = run(self.expand, x) if self.expands else x
        y = run(self.project, run(self.depthwise, y))
        return x + y if self.adds else y


class MobileNetV2(nnx.Module):
    """Images to numbers, as logits of classes or grades of regions."""

    def __init__(self, settings: MobileNetV2Settings, *, rngs: nnx.Rngs) -> None:
        """Make the network."""
        self.settings = settings
        inputs = settings.scaled(STEM)
        self.stem = ConvNorm(settings.channels, inputs, 3, settings, stride=2, rngs=rngs)
        self.blocks: nnx.List[InvertedResidual] = nnx.List()
        for expansion, channels, blocks, first in _STAGES:
            outputs = settings.scaled(channels)
            for k in range(blocks):
                stride = first if k == 0 else 1
                block = InvertedResidual(inputs, outputs, stride, expansion, settings, rngs=rngs)
                self.blocks.append(block)
                inputs = outputs
        features = max(_HEAD, settings.scaled(_HEAD))
        self.head = ConvNorm(inputs, features, 1, settings, rngs=rngs)
        small = nnx.initializers.normal(0.01)
        self.classifier = nnx.Linear(features, settings.outputs, kernel_init=small, rngs=rngs)

    def __call__(
        self, x: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        """Answer for images.

        Args:
            x: (n, h, w, channels), scaled as `as_input` does.
            train: normalise by the batch and update the running statistics.
            key: of the dropout; without one there is none.

        Returns:
            (n, outputs).
        """
        x = self.features(x, lambda layer, x: layer(x, train=train)).mean(axis=(1, 2))
        if train and key is not None:
            kept = 1 - self.settings.dropout
            x = jnp.where(jax.random.bernoulli(key, kept, x.shape), x / kept, 0)
        return self.classifier(x)

    def features(self, x: jax.Array, run: Run) -> jax.Array:
        """(n, h, w, channels) to (n, h / 32, w / 32, features), each layer done by `run`."""
        x = run(self.stem, x)
        for block in self.blocks:
            x = block.through(x, run)
        return run(self.head, x)


def as_input(x: jax.Array, settings: MobileNetV2Settings) -> jax.Array:
    """Images (..., channels) in [0, 1] on the scale that weights of PyTorch or TensorFlow expect.

    PyTorch's ImageNet has a mean and a deviation for each colour; gray images get those of all.
    """
    if settings.padding == "tensorflow":
        return x * (255 / 128) - 1
    if settings.channels == 1:
        return (x - IMAGENET_MEAN.mean()) / IMAGENET_STD.mean()
    return as_imagenet(x)


@nnx.jit
def adopt(model: MobileNetV2, x: jax.Array) -> None:
    """Take the statistics of some images as running ones, leaving every answer as it is.

    Scales and shifts of BN follow, so that training begins with what the network gave before:
    weights that came without statistics, or with those of photographs, are not lost on frames.

    Args:
        model: the network, changed in place.
        x: images as for its call.
    """

    def run(layer: ConvNorm, x: jax.Array) -> jax.Array:
        seen, bn = layer.convolved(x), cast(Any, layer.norm)
        factor = bn.scale[...] / jnp.sqrt(bn.var[...] + bn.epsilon)
        shift = bn.bias[...] - factor * bn.mean[...]
        mean, var = seen.mean(axis=(0, 1, 2)), seen.var(axis=(0, 1, 2))
        bn.mean[...], bn.var[...] = mean, var
        bn.scale[...] = factor * jnp.sqrt(var + bn.epsilon)
        bn.bias[...] = shift + factor * mean
        return layer(x, train=False)

    model.features(x, run)
