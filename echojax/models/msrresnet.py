"""MSRResNet, the SRResNet without BatchNorm that BasicSR and mmagic publish weights of.

Wang et al., ESRGAN (arXiv:1809.00219), section 4.1, and its public code: ReLU inside the blocks,
LeakyReLU elsewhere, and a bilinear enlargement of the input added to the output.
"""

import math
from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx

from echojax.models.layers import conv, pixel_shuffle

# The factor of each stage of enlargement.
_STAGES = {2: (2,), 3: (3,), 4: (2, 2)}

_leaky = partial(nnx.leaky_relu, negative_slope=0.1)


@dataclass(frozen=True)
class MSRResNetSettings:
    """Size of the network; the defaults are BasicSR's, for gray frames.

    Attributes:
        leaky_stages: whether a LeakyReLU follows each stage of enlargement (BasicSR; none does in
            mmagic).
    """

    scale: int = 4
    blocks: int = 16
    channels: int = 64
    in_channels: int = 1
    out_channels: int = 1
    leaky_stages: bool = True


class ResidualBlock(nnx.Module):
    """conv3, ReLU, conv3, added to the input."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        """Make the block."""
        self.conv1 = conv(channels, channels, 3, rngs=rngs)
        self.conv2 = conv(channels, channels, 3, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """(n, rows, columns, channels) to the same."""
        return x + self.conv2(nnx.relu(self.conv1(x)))


class MSRResNet(nnx.Module):
    """Low-resolution images to `scale` times larger ones."""

    def __init__(self, settings: MSRResNetSettings, *, rngs: nnx.Rngs) -> None:
        """Make the network.

        Raises:
            ValueError: `settings.scale` is not 2, 3 or 4.
        """
        if settings.scale not in _STAGES:
            raise ValueError(f"scale is {settings.scale}; expected 2, 3 or 4")
        s, c = settings, settings.channels
        self.settings = s
        self.conv_first = conv(s.in_channels, c, 3, rngs=rngs)
        self.body = nnx.List(ResidualBlock(c, rngs=rngs) for _ in range(s.blocks))
        self.upsample = nnx.List(conv(c, c * f**2, 3, rngs=rngs) for f in _STAGES[s.scale])
        self.conv_hr = conv(c, c, 3, rngs=rngs)
        self.conv_last = conv(c, s.out_channels, 3, rngs=rngs)

    @property
    def scale(self) -> int:
        """How many times larger images get."""
        return self.settings.scale

    @property
    def reach(self) -> int:
        """How far a pixel's neighbourhood reaches, in pixels of the low resolution."""
        stages = _STAGES[self.scale]
        enlarged = sum(1 / math.prod(stages[:k]) for k in range(len(stages))) + 2 / self.scale
        return math.ceil(1 + 2 * self.settings.blocks + enlarged)

    @property
    def channels(self) -> int:
        """Channels of the images that go in and come out."""
        return self.settings.in_channels

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Enlarge images.

        Args:
            x: (n, h, w, channels), values in [0, 1].
            train: changes nothing; there is no BatchNorm.

        Returns:
            (n, scale h, scale w, channels), nominally in [0, 1].
        """
        del train
        s = self.settings
        n, h, w, channels = x.shape
        base = jax.image.resize(x, (n, s.scale * h, s.scale * w, channels), "bilinear")
        y = _leaky(self.conv_first(x))
        for block in self.body:
            y = block(y)
        for stage, factor in zip(self.upsample, _STAGES[s.scale], strict=True):
            y = pixel_shuffle(stage(y), factor)
            y = _leaky(y) if s.leaky_stages else y
        return self.conv_last(_leaky(self.conv_hr(y))) + base
