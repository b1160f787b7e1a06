"""Masks of the left heart by a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.data.masks import largest_parts
from echojax.errors import InputError
from echojax.inference.enhance import as_float
from echojax.inference.overlap import STRUCTURES
from echojax.models.unet import UNet
from echojax.resize import resize
from echojax.weights import networks

SIZE = "input size"  # on the card of a file
CLASSES = 1 + len(STRUCTURES)  # background first
_ASK = 16  # frames asked about at once


class Segmentation(NamedTuple):
    """The mask of a frame.

    Attributes:
        mask: uint8 (rows, columns), 0 background, 1 LV cavity, 2 myocardium, 3 left atrium.
        probabilities: float32 (rows, columns, 4) of these; None if they were not asked for.
    """

    mask: np.ndarray
    probabilities: np.ndarray | None = None


@dataclass(frozen=True)
class Segmenter:
    """A segmentation network with what must be known to ask it.

    Attributes:
        model: the network.
        size: side of the square that it sees, pixels; the aspect of frames is not kept.
        mirror: whether answers are averaged with those for the mirror image.
        largest: whether of each structure only the largest connected part is kept.
    """

    model: UNet
    size: int
    mirror: bool = False
    largest: bool = True

    @classmethod
    def load(cls, file: Path, *, mirror: bool = False, largest: bool = True) -> "Segmenter":
        """The segmenter of a file.

        Raises:
            InputError: it is not there, or holds something else.
        """
        model, size = networks.load(file, UNet), networks.card(file).get(SIZE, "")
        if model.settings.classes != CLASSES or not size.isdecimal() or not int(size):
            raise InputError(
                f"{file}: holds no network that segments the left heart; pass a file of `echojax "
                "train-segmenter`"
            )
        return cls(model, int(size), mirror, largest)

    def __call__(self, frame: np.ndarray, *, probabilities: bool = False) -> Segmentation:
        """Segment one frame.

        Args:
            frame: uint8 (rows, columns), upright.
            probabilities: whether to give them, too.

        Returns:
            What the network sees, in the frame's own geometry.
        """
        return self.clip([frame], probabilities=probabilities)[0]

    def clip(
        self, frames: Sequence[np.ndarray], *, probabilities: bool = False
    ) -> list[Segmentation]:
        """Segment frames, uint8 (rows, columns) each, several at once."""
        found = []
        for first in range(0, len(frames), _ASK):
            part = frames[first : first + _ASK]
            seen = np.stack([as_input(frame, self.size) for frame in part])
            if len(frames) > _ASK:  # one program for all parts
                seen = _filled(seen)
            found += self._ask(seen, [frame.shape for frame in part], keep=probabilities)
        return found

    def masks(self, seen: np.ndarray, sizes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """Masks of frames that were made what the network sees by somebody else.

        Args:
            seen: float32 (n, size, size) in [0, 1].
            sizes: (rows, columns) of each frame, whose geometry its mask is given in.

        Returns:
            uint8 (rows, columns) each.
        """
        found = []
        for first in range(0, len(seen), _ASK):
            part = slice(first, first + _ASK)
            found += self._ask(_filled(seen[part]), sizes[part], keep=False)
        return [each.mask for each in found]

    def _ask(
        self, seen: np.ndarray, sizes: Sequence[tuple[int, ...]], *, keep: bool
    ) -> list[Segmentation]:
        shares = np.asarray(_ask(self.model, jnp.asarray(seen), self.mirror))
        return [
            self._segmentation(share, size, keep=keep)
            for share, size in zip(shares, sizes, strict=False)
        ]

    def _segmentation(
        self, share: np.ndarray, size: tuple[int, ...], *, keep: bool
    ) -> Segmentation:
        rows, columns = size
        share = resize(share, (rows, columns))
        mask = share.argmax(axis=-1).astype(np.uint8)
        if self.largest:
            mask = largest_parts(mask)
        return Segmentation(mask, share if keep else None)


def _filled(seen: np.ndarray) -> np.ndarray:
    """Frames (n, h, w) with black ones behind, as many as are asked about at once."""
    return np.pad(seen, [(0, _ASK - len(seen)), (0, 0), (0, 0)])


def as_input(frame: np.ndarray, size: int) -> np.ndarray:
    """A uint8 frame (rows, columns) as float32 (size, size) in [0, 1]."""
    return resize(as_float(frame)[..., None], (size, size))[..., 0].clip(0, 1)


def standardised(frames: jax.Array) -> jax.Array:
    """Frames (n, h, w) as the network sees them: (n, h, w, 1), each of mean 0 and variance 1."""
    x = frames[..., None]
    mean, deviation = (f(x, axis=(1, 2), keepdims=True) for f in (jnp.mean, jnp.std))
    return (x - mean) / jnp.maximum(deviation, 1e-3)  # of a black frame it is 0


@nnx.jit(static_argnums=2)
def _ask(model: UNet, frames: jax.Array, mirror: bool) -> jax.Array:
    x = standardised(frames)
    shares = nnx.softmax(model(x))
    if not mirror:
        return shares
    return (shares + nnx.softmax(model(x[:, :, ::-1]))[:, :, ::-1]) / 2
