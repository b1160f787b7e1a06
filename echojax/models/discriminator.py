"""The discriminator of SRGAN, Ledig et al., CVPR 2017 (arXiv:1609.04802), Fig. 4."""

from functools import partial

import jax
from flax import nnx

from echojax.models.layers import conv, norm

# Channels (for width 64 they are 64, 64, 128 ...) and stride of each convolution.
_CONVOLUTIONS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))

_leaky = partial(nnx.leaky_relu, negative_slope=0.2)


class Discriminator(nnx.Module):
    """Tells high-resolution images from super-resolved ones."""

    def __init__(
        self, side: int = 96, channels: int = 1, width: int = 64, *, rngs: nnx.Rngs
    ) -> None:
        """Make the network.

        Args:
            side: of the square images, pixels.
            channels: of the images.
            width: channels of the first convolution, 64 in the paper; the dense layer has 16 times
                as many units.
            rngs: keys of the random start.
        """
        self.convolutions: nnx.List[nnx.Conv] = nnx.List()
        self.norms: nnx.List[nnx.BatchNorm] = nnx.List()
        inputs = channels
        for number, (factor, stride) in enumerate(_CONVOLUTIONS):
            outputs = width * factor
            first = number == 0
            self.convolutions.append(conv(inputs, outputs, 3, stride=stride, bias=first, rngs=rngs))
            if not first:
                self.norms.append(norm(outputs, rngs))
            inputs = outputs
            side = -(-side // stride)
        self.dense1 = nnx.Linear(side**2 * inputs, 16 * width, rngs=rngs)
        self.dense2 = nnx.Linear(16 * width, 1, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """How real images look.

        Args:
            x: (n, side, side, channels), values in [0, 1].
            train: normalise by the batch and update the running statistics.

        Returns:
            (n,) logits; the paper's sigmoid belongs to the loss.
        """
        x = _leaky(self.convolutions[0](x))
        for convolution, norm_ in zip(self.convolutions[1:], self.norms, strict=True):
            x = _leaky(norm_(convolution(x), use_running_average=not train))
        x = _leaky(self.dense1(x.reshape(len(x), -1)))
        return self.dense2(x)[:, 0]
