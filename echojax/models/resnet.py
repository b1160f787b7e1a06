"""ResNet-18 of He et al., CVPR 2016 (arXiv:1512.03385), Table 1, laid out as torchvision's."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx

from echojax.models.layers import conv, norm

_STAGES = 4
_BLOCKS_PER_STAGE = 2


@dataclass(frozen=True)
class ResNetSettings:
    """Classes, and the channels of the first stage (64 is the paper's network)."""

    classes: int = 2
    width: int = 64


def _conv(inputs: int, outputs: int, kernel: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    he = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
    return conv(inputs, outputs, kernel, stride=stride, bias=False, init=he, rngs=rngs)


class BasicBlock(nnx.Module):
    """Two conv3 with BN, added to the input or its projection."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, rngs: nnx.Rngs) -> None:
        """Make the block; it projects its input where its shape changes."""
        self.conv1 = _conv(inputs, outputs, 3, stride, rngs)
        self.bn1 = norm(outputs, rngs)
        self.conv2 = _conv(outputs, outputs, 3, 1, rngs)
        self.bn2 = norm(outputs, rngs)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.downsample_conv = _conv(inputs, outputs, 1, stride, rngs)
            self.downsample_bn = norm(outputs, rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """(n, h, w, inputs) to (n, h / stride, w / stride, outputs)."""
        y = nnx.relu(self.bn1(self.conv1(x), use_running_average=not train))
        y = self.bn2(self.conv2(y), use_running_average=not train)
        if self.projects:
            x = self.downsample_bn(self.downsample_conv(x), use_running_average=not train)
        return nnx.relu(x + y)


class ResNet18(nnx.Module):
    """RGB images to class logits."""

    def __init__(self, settings: ResNetSettings, *, rngs: nnx.Rngs) -> None:
        """Make the network."""
        self.settings = settings
        widths = [settings.width * 2**stage for stage in range(_STAGES)]
        self.conv1 = _conv(3, widths[0], 7, 2, rngs)
        self.bn1 = norm(widths[0], rngs)
        self.layers: nnx.List[nnx.List[BasicBlock]] = nnx.List()
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            blocks: nnx.List[BasicBlock] = nnx.List()
            for block in range(_BLOCKS_PER_STAGE):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(inputs, outputs, stride, rngs=rngs))
                inputs = outputs
            self.layers.append(blocks)
        self.fc = nnx.Linear(inputs, settings.classes, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Classify images.

        Args:
            x: (n, h, w, 3), normalised as ImageNet's.
            train: normalise by the batch and update the running statistics.

        Returns:
            (n, classes) logits.
        """
        x = nnx.relu(self.bn1(self.conv1(x), use_running_average=not train))
        x = nnx.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        for blocks in self.layers:
            for block in blocks:
                x = block(x, train=train)
        return self.fc(jnp.mean(x, axis=(1, 2)))
