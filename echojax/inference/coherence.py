"""Coherence of an echo frame, which only its channel data have, predicted from its gray levels."""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.errors import InputError
from echojax.inference.enhance import as_float
from echojax.inference.sector import sector
from echojax.models.unet import UNet
from echojax.resize import resize
from echojax.weights import networks

SIZE = "input size"  # on the card of a file


@dataclass(frozen=True)
class CoherenceNetwork:
    """A network that predicts coherence, with what must be known to ask it.

    Attributes:
        model: the network.
        size: side of the square that it sees, pixels; the aspect of frames is not kept.
    """

    model: UNet
    size: int

    @classmethod
    def load(cls, file: Path) -> "CoherenceNetwork":
        """The network of a file.

        Raises:
            InputError: it is not there, or holds something else.
        """
        model, size = networks.load(file, UNet), networks.card(file).get(SIZE, "")
        if model.settings.classes != 1 or not size.isdecimal() or not int(size):
            raise InputError(
                f"{file}: holds no network that predicts coherence; pass a file of `echojax "
                "train-coherence`"
            )
        return cls(model, int(size))

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Predict the coherence of one frame.

        Args:
            frame: uint8 (rows, columns), upright.

        Returns:
            The square root of the coherence factor, float32 (rows, columns) in [0, 1]; 0 outside
            the sector.
        """
        found = predict(self.model, as_input(frame, self.size)[None])[0]
        own = resize(found[..., None], frame.shape)[..., 0].clip(0, 1)
        return np.where(sector(frame), own, np.float32(0))


def as_input(frame: np.ndarray, size: int) -> np.ndarray:
    """A uint8 frame (rows, columns) as float32 (size, size) in [0, 1]."""
    return resize(as_float(frame)[..., None], (size, size))[..., 0].clip(0, 1)


def predict(model: UNet, frames: np.ndarray) -> np.ndarray:
    """Coherence of frames as the network sees them, float32 (n, size, size) in [0, 1]."""
    return np.asarray(_ask(model, jnp.asarray(frames)))


@nnx.jit
def _ask(model: UNet, frames: jax.Array) -> jax.Array:
    return nnx.sigmoid(model(frames[..., None]))[..., 0]
