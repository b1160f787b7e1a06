"""What every source of images offers, in memory or streamed from disk."""

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

import numpy as np


def evenly(number: int, wanted: int) -> np.ndarray:
    """Indices of `wanted` of a number of things, or of all if they are fewer, evenly spread."""
    return np.linspace(0, number - 1, min(wanted, number)).round().astype(int)


class Source(Protocol):
    """Images with what is known of each; entry k of every column belongs to image k."""

    @property
    def name(self) -> str:
        """What errors call it: "camus", "div2k"."""

    @property
    def table(self) -> Mapping[str, np.ndarray]:
        """Columns, each as long as the source."""

    @property
    def smallest_side(self) -> int | None:
        """Of all images, pixels; None where nobody recorded it."""

    def __len__(self) -> int:
        """How many images there are."""

    def image(self, index: int) -> np.ndarray:
        """One image, uint8 (rows, columns); read when it is asked for if the source is streamed."""

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """The images at some indices, in that order, unread if the source is streamed."""

    def fingerprint(self) -> str:
        """A short hash, alike only for the same images."""
