"""VGG19 of Simonyan and Zisserman (arXiv:1409.1556) up to conv5_4, for perceptual losses."""

from dataclasses import dataclass

import jax
from flax import nnx

from echojax.models.layers import conv

# Convolutions of each stage: (how many, channels for width 64); stages are divided by pooling.
_STAGES = ((2, 1), (2, 2), (4, 4), (4, 8), (4, 8))


@dataclass(frozen=True)
class VGG19Settings:
    """Channels of the first stage; 64 is the paper's network."""

    width: int = 64


class VGG19(nnx.Module):
    """RGB images to the features of conv5_4, after its ReLU."""

    def __init__(self, settings: VGG19Settings, *, rngs: nnx.Rngs) -> None:
        """Make the network."""
        self.settings = settings
        width = settings.width
        self.stages: nnx.List[nnx.List[nnx.Conv]] = nnx.List()
        inputs = 3
        for number, factor in _STAGES:
            convolutions: nnx.List[nnx.Conv] = nnx.List()
            for _ in range(number):
                convolutions.append(conv(inputs, width * factor, 3, rngs=rngs))
                inputs = width * factor
            self.stages.append(convolutions)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Features of images.

        Args:
            x: (n, h, w, 3), normalised as ImageNet's.

        Returns:
            (n, h / 16, w / 16, 8 width); sides must be 16 pixels or more.
        """
        for number, convolutions in enumerate(self.stages):
            if number:
                x = nnx.max_pool(x, (2, 2), strides=(2, 2))
            for convolution in convolutions:
                x = nnx.relu(convolution(x))
        return x
