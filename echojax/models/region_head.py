"""A U-Net that gives masks and grades: a head that sees its features, averaged over each region.

The head is one for all regions and is told which of them it grades. No paper has it; by it one
network and one file segment a frame and grade the regions that the mask is divided into.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx

from echojax.models.unet import UNet, UNetSettings

HEAD = ("region", "classifier")  # what of the network is the head


@dataclass(frozen=True)
class PooledSettings(UNetSettings):
    """The settings of the U-Net, and of the head beside its own.

    Attributes:
        regions: how many there are.
        hidden: units of the head's one layer between.
    """

    regions: int = 8
    hidden: int = 32


class Pooled(UNet):
    """A U-Net whose call gives logits, as ever, and `graded` what it thinks of regions."""

    settings: PooledSettings

    def __init__(self, settings: PooledSettings, *, rngs: nnx.Rngs) -> None:
        """Make the network."""
        super().__init__(settings, rngs=rngs)
        inputs = sum(settings.decoder) + settings.regions
        self.region = nnx.Linear(inputs, settings.hidden, rngs=rngs)
        self.classifier = nnx.Linear(settings.hidden, 1, rngs=rngs)

    def pooled(self, x: jax.Array, masks: jax.Array) -> jax.Array:
        """The mean over each region of what every level of the decoder gives.

        A coarse level is averaged with the shares of its pixels that lie in the region, as if it
        had been enlarged to the image by repeating them.

        Args:
            x: (n, rows, columns, channels), as for the call.
            masks: (n, regions, rows, columns) in [0, 1].

        Returns:
            (n, regions, features), the coarsest level first; NaN of a region without pixels.
        """
        rows, columns = x.shape[1:3]
        more = [(0, -side % self.multiple) for side in (rows, columns)]
        x = jnp.pad(x, [(0, 0), *more, (0, 0)], mode="edge")
        masks = jnp.pad(masks, [(0, 0), (0, 0), *more])
        found = []
        for level in self._levels(x, train=False):
            shares = _reduced(masks, x.shape[1] // level.shape[1])
            sums = jnp.einsum("nkrc,nrcf->nkf", shares, level)
            found.append(sums / shares.sum(axis=(2, 3))[..., None])
        return jnp.concatenate(found, axis=-1)

    def graded(self, features: jax.Array) -> jax.Array:
        """Grades (n, regions) of features that `pooled` gave."""
        regions = self.settings.regions
        which = jnp.broadcast_to(jnp.eye(regions), (len(features), regions, regions))
        x = nnx.gelu(self.region(jnp.concatenate([features, which], axis=-1)))
        return self.classifier(x)[..., 0]


def _reduced(masks: jax.Array, factor: int) -> jax.Array:
    """Masks (n, regions, rows, columns) as means over squares of so many pixels a side."""
    n, regions, rows, columns = masks.shape
    squares = masks.reshape(n, regions, rows // factor, factor, columns // factor, factor)
    return squares.mean(axis=(3, 5))
