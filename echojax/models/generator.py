"""What a network must be to enlarge images."""

from typing import Protocol, runtime_checkable

import jax


@runtime_checkable
class Generator(Protocol):
    """A network from low-resolution images to larger ones."""

    @property
    def scale(self) -> int:
        """How many times larger, along either axis."""

    @property
    def reach(self) -> int:
        """How far a pixel's neighbourhood reaches, in pixels of the low resolution."""

    @property
    def channels(self) -> int:
        """Of the images that go in and come out: 1 or 3."""

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Enlarge images.

        Args:
            x: (n, rows, columns, channels), values in [0, 1].
            train: normalise by the batch and update the running statistics, if there are any.

        Returns:
            (n, scale rows, scale columns, channels), nominally in [0, 1].
        """
