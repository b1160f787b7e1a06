"""Enhancing frames: what enlarges them, and the ways to use it, upscale, restore and filter."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.inference.tiles import Piece, tiled
from echojax.metrics import LUMA
from echojax.models.generator import Generator
from echojax.resize import Array, Method, enlarge, reduce
from echojax.vocabulary import Mode

TILE = 384  # low-resolution pixels; SRResNet x4 needs about 1.2 GB for one tile
STEP = 32  # low-resolution sizes are rounded up to this, so that few programs are compiled
_KERNEL = {"bicubic": 3, "lanczos": 4}  # low-resolution pixels seen to either side, generously


class Enlarger(Protocol):
    """What makes images larger."""

    @property
    def scale(self) -> int:
        """How many times larger, along either axis."""

    def pieces(self, image: np.ndarray) -> Iterator[Piece]:
        """Enlarge an image of any size in bounded memory.

        Args:
            image: float32 (rows, columns, 1 or 3) in [0, 1].

        Yields:
            Pieces that together cover the enlarged image, with the channels of `image`, in [0, 1].
        """


@dataclass(frozen=True)
class Network:
    """Enlarging by a trained network.

    A network of one channel enlarges the luminance of colour images, and their chrominance is
    interpolated; a network of three sees gray replicated.

    Attributes:
        model: the network.
        tile: side of a tile in low-resolution pixels, overlaps included; the network's reach may
            ask for a larger one.
        step: images smaller than a tile are continued by their mirror image up to a multiple of
            this, so that few programs are compiled; 1 leaves them as they are.
    """

    model: Generator
    tile: int = TILE
    step: int = STEP

    @property
    def scale(self) -> int:
        """How many times larger images get."""
        return self.model.scale

    def pieces(self, image: np.ndarray) -> Iterator[Piece]:
        """Enlarge an image of any size, as `Enlarger` says."""
        reach = self.model.reach
        tile = -(-max(self.tile, 4 * reach) // STEP) * STEP
        return tiled(image, self._enlarge, scale=self.scale, tile=tile, reach=reach)

    def _enlarge(self, window: np.ndarray) -> np.ndarray:
        """Enlarge a window whose channels need not be the network's."""
        given, wanted = window.shape[-1], self.model.channels
        if given == wanted:
            return self._run(window)
        if given == 1:
            return self._run(np.repeat(window, 3, -1)).mean(-1, keepdims=True)
        luma = window @ LUMA
        return (enlarge(window - luma, self.scale) + self._run(luma)).clip(0, 1)

    def _run(self, window: np.ndarray) -> np.ndarray:
        rows, columns, _ = window.shape
        surplus = [(0, -n % self.step) for n in (rows, columns)]
        whole = np.pad(window, [*surplus, (0, 0)], mode="symmetric")
        large = np.asarray(_program(self.model, jnp.asarray(whole)[None]))[0]
        return large[: rows * self.scale, : columns * self.scale]


@nnx.jit
def _program(model: Generator, x: jax.Array) -> jax.Array:
    return jnp.clip(model(x), 0, 1)


@dataclass(frozen=True)
class Interpolation:
    """Enlarging by resampling alone, the control of every network.

    Attributes:
        method: "bicubic" or "lanczos".
        scale: how many times larger images get.
    """

    method: Method
    scale: int

    def pieces(self, image: np.ndarray) -> Iterator[Piece]:
        """Enlarge an image of any size, as `Enlarger` says."""
        return tiled(
            image,
            lambda window: enlarge(window, self.scale, self.method).clip(0, 1),
            scale=self.scale,
            tile=TILE,
            reach=_KERNEL[self.method],
        )


def enhance(
    frame: np.ndarray, enlarger: Enlarger, *, mode: Mode, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Upscale, restore or filter a frame of any depth and colour.

    What is no finite number, as outside of some sectors, is black to the enlarger and stays so.

    Args:
        frame: (rows, columns) or (rows, columns, 1 or 3) of any real type.
        enlarger: what enlarges it.
        mode: "upscale", or "restore": reduced by the enlarger's scale and brought back to its size;
            "filter" by what keeps the size, of scale 1, and by nothing else.
        low: the value of black.
        high: the value of white, above `low`.

    Returns:
        The frame `enlarger.scale` times larger or as large as before, in its own type and range.

    Raises:
        ValueError: the mode does not fit the enlarger's scale.
    """
    if (mode == "filter") != (enlarger.scale == 1):
        raise ValueError(f"mode {mode} by what enlarges {enlarger.scale} times")
    holes = ~np.isfinite(frame)
    known = np.where(holes, low, frame) if holes.any() else frame
    image = np.atleast_3d(((known.astype(np.float32) - low) / (high - low)).clip(0, 1))
    size = tuple(n * enlarger.scale for n in frame.shape[:2])
    if mode == "restore":
        image, size = reduced(image, enlarger.scale), frame.shape[:2]
    # Of its own type from the start: floats of the whole would take four times as much memory.
    result = np.empty((*size, image.shape[-1]), frame.dtype)
    # Floats of 32 bit cannot tell the levels of wider integers apart.
    exact = np.dtype(np.float64 if high - low > 2**24 else np.float32)
    for piece in enlarger.pieces(image):
        place = result[piece.rows, piece.columns]
        values = piece.values[: place.shape[0], : place.shape[1]].astype(exact, copy=False)
        values = (low + values * (high - low)).clip(low, high)
        place[...] = values.round() if np.issubdtype(frame.dtype, np.integer) else values
    result = result.reshape(*size, *frame.shape[2:])
    if holes.any():
        factor = size[0] // frame.shape[0]
        holes, old = (np.repeat(np.repeat(x, factor, 0), factor, 1) for x in (holes, frame))
        result[holes] = old[holes]
    return result


def degrade(images: Array, scale: int) -> Array:
    """Low-resolution counterpart of images (..., rows, columns, channels) in [0, 1]: bicubic."""
    return reduce(images, scale).clip(0, 1)


def reduced(image: np.ndarray, scale: int) -> np.ndarray:
    """Low-resolution counterpart of an image whose size `scale` need not divide.

    Args:
        image: float32 (rows, columns, channels) in [0, 1]; its last row and column are repeated up
            to the next multiple of `scale`.
        scale: how many times smaller it gets.
    """
    surplus = [(0, -n % scale) for n in image.shape[:2]]
    return degrade(np.pad(image, [*surplus, (0, 0)], mode="edge"), scale)


def as_float(frame: np.ndarray) -> np.ndarray:
    """Uint8 gray levels as float32 in [0, 1]."""
    return frame.astype(np.float32) / 255
