"""What a segmentation network learns from: frames as it sees them, shares of pixels as targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echojax.data.frames import Frames
from echojax.inference.overlap import STRUCTURES
from echojax.inference.segment import as_input
from echojax.resize import resize


@dataclass(frozen=True)
class Examples:
    """Frames to learn from as the network sees them, with the share of each structure in a pixel.

    Attributes:
        frames: uint8 (n, size, size), or float32 where gray levels are not whole ones.
        targets: uint8 (n, size, size, 3), 255 where a pixel is all LV, myocardium or left atrium.
    """

    frames: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, datasets: Sequence[Frames], size: int) -> "Examples":
        """All frames of some datasets, each of which has a mask, brought to a square."""
        images = (image for frames in datasets for image in frames.images)
        return cls(
            np.stack([_levels(as_input(image, size)) for image in images]),
            _targets(datasets, size),
        )

    @classmethod
    def seen(cls, seen: np.ndarray, frames: Frames) -> "Examples":
        """Frames that were enhanced, with masks of what they show.

        Enhancement moves nothing, so that a mask fits whatever size a frame was given on the way.

        Args:
            seen: float32 (n, size, size) in [0, 1], as the network sees them. They are not rounded
                to whole gray levels, as enhancement may change less than that.
            frames: (n,) that they were made of, each of which has a mask.
        """
        return cls(255 * seen, _targets([frames], seen.shape[-1]))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.frames)


def _targets(datasets: Sequence[Frames], size: int) -> np.ndarray:
    """Targets of the masks of some datasets."""
    masks = (frames.mask(k) for frames in datasets for k in range(len(frames)))
    return np.stack([_levels(_shares(mask, size)) for mask in masks])


def _levels(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as 0 to 255."""
    return np.round(255 * values).astype(np.uint8)


def _shares(mask: np.ndarray | None, size: int) -> np.ndarray:
    """A mask as float32 (size, size, 3) in [0, 1]."""
    if mask is None:
        raise ValueError("a frame without a mask")
    shares = (mask[..., None] == np.array([*STRUCTURES.values()])).astype(np.float32)
    return resize(shares, (size, size)).clip(0, 1)
