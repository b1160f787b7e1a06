"""Enlarging frames by a network, tile by tile, and the two ways to use it: upscale and restore."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.metrics import LUMA
from echojax.models.generator import Generator
from echojax.resize import Array, Method, enlarge, reduce
from echojax.vocabulary import Mode

SCALE = 4
TILE = 384  # low-resolution pixels; SRResNet needs about 1.2 GB for one tile
_CUBIC = 3  # low-resolution pixels that a cubic kernel sees to either side, generously
_STEP = 32  # low-resolution sizes are rounded up to this, so that few programs are compiled

Enlarge = Callable[[np.ndarray], np.ndarray]
"""From a float32 frame (rows, columns) in [0, 1] to one SCALE times larger, in [0, 1]."""


def degrade(images: Array) -> Array:
    """Low-resolution counterpart of images (..., rows, columns, channels) in [0, 1]: bicubic /4."""
    return reduce(images, SCALE).clip(0, 1)


def interpolation(method: Method) -> Enlarge:
    """Enlarging by resampling alone, the control of every network."""
    return lambda frame: enlarge(frame[..., None], SCALE, method)[..., 0].clip(0, 1)


def network(model: Generator, tile: int = TILE) -> Enlarge:
    """Enlarging gray frames by a trained x4 network."""
    return lambda frame: joined(model, frame[..., None], tile)[..., 0]


class Piece(NamedTuple):
    """Part of an enlarged image: its place, and float32 values (rows, columns, channels)."""

    rows: slice
    columns: slice
    values: np.ndarray


def pieces(
    model: Generator, image: np.ndarray, tile: int = TILE, *, step: int = _STEP
) -> Iterator[Piece]:
    """Enlarge an image of any size in bounded memory.

    Tiles overlap by twice the network's reach and are cut in the middle of the overlap, so that no
    pixel sees where a tile ends: the result is that of the whole image (see `step`). A network of
    one channel enlarges the luminance of colour images, and their chrominance is interpolated; a
    network of three sees gray replicated.

    Args:
        model: a generator, x4.
        image: float32 (rows, columns, 1 or 3) in [0, 1].
        tile: side of a tile in low-resolution pixels, overlaps included.
        step: images smaller than a tile are continued by their mirror image up to a multiple of
            this, so that few programs are compiled; 1 leaves them as they are.

    Yields:
        Pieces that together cover the enlarged image, with the channels of `image`, in [0, 1].
    """
    reach = model.reach
    tile = -(-max(tile, 4 * reach) // _STEP) * _STEP
    yield from _tiled(image, tile, reach, lambda window: _colours(model, window, step))


def joined(
    model: Generator, image: np.ndarray, tile: int = TILE, *, step: int = _STEP
) -> np.ndarray:
    """The pieces of `pieces` put together: float32 (4 rows, 4 columns, channels)."""
    rows, columns, channels = image.shape
    large = np.empty((rows * SCALE, columns * SCALE, channels), np.float32)
    for piece in pieces(model, image, tile, step=step):
        large[piece.rows, piece.columns] = piece.values
    return large


def interpolated(image: np.ndarray) -> Iterator[Piece]:
    """Enlarge an image of any size by bicubic interpolation, as `pieces` does."""
    yield from _tiled(image, TILE, _CUBIC, lambda window: enlarge(window, SCALE).clip(0, 1))


def _tiled(
    image: np.ndarray, tile: int, reach: int, run: Callable[[np.ndarray], np.ndarray]
) -> Iterator[Piece]:
    for rows, columns in itertools.product(*(_spans(n, tile, reach) for n in image.shape[:2])):
        window = run(image[rows.begin : rows.end, columns.begin : columns.end])
        yield Piece(rows.place, columns.place, window[rows.inner, columns.inner])


class _Span(NamedTuple):
    """One tile along one axis: pixels begin to end are seen, from `keep` to `stop` are kept."""

    begin: int
    end: int
    keep: int
    stop: int

    @property
    def place(self) -> slice:
        """What is kept, in pixels of the enlarged image."""
        return slice(self.keep * SCALE, self.stop * SCALE)

    @property
    def inner(self) -> slice:
        """What is kept, in pixels of the enlarged tile."""
        return slice((self.keep - self.begin) * SCALE, (self.stop - self.begin) * SCALE)


def _spans(length: int, tile: int, reach: int) -> list[_Span]:
    if length <= tile:
        return [_Span(0, length, 0, length)]
    number = -(-(length - 2 * reach) // (tile - 2 * reach))
    begins = np.linspace(0, length - tile, number).round().astype(int).tolist()
    cuts = [(begin + tile + after) // 2 for begin, after in itertools.pairwise(begins)]
    return [
        _Span(begin, begin + tile, keep, stop)
        for begin, keep, stop in zip(begins, [0, *cuts], [*cuts, length], strict=True)
    ]


def _colours(model: Generator, window: np.ndarray, step: int) -> np.ndarray:
    """Enlarge a window whose channels need not be the network's."""
    given, wanted = window.shape[-1], model.channels
    if given == wanted:
        return _padded(model, window, step)
    if given == 1:
        return _padded(model, np.repeat(window, 3, -1), step).mean(-1, keepdims=True)
    luma = window @ LUMA
    large = enlarge(window - luma, SCALE) + _padded(model, luma, step)
    return large.clip(0, 1)


def _padded(model: Generator, window: np.ndarray, step: int) -> np.ndarray:
    rows, columns, _ = window.shape
    surplus = [(0, -n % step) for n in (rows, columns)]
    whole = np.pad(window, [*surplus, (0, 0)], mode="symmetric")
    large = np.asarray(_run(model, jnp.asarray(whole)[None]))[0]
    return large[: rows * SCALE, : columns * SCALE]


@nnx.jit
def _run(model: Generator, x: jax.Array) -> jax.Array:
    return jnp.clip(model(x), 0, 1)


def enhance_frame(
    frame: np.ndarray,
    by: Callable[[np.ndarray], Iterator[Piece]],
    *,
    mode: Mode,
    low: float,
    high: float,
) -> np.ndarray:
    """Upscale or restore a frame of any depth and colour, without holding the result as floats.

    What is no finite number, as outside of some sectors, is black to the network and stays so.

    Args:
        frame: (rows, columns) or (rows, columns, 3) of any real type.
        by: what enlarges it: `pieces` of a network, or `interpolated`.
        mode: "upscale", or "restore": reduced by four and brought back to its size.
        low: the value of black.
        high: the value of white, above `low`.

    Returns:
        The frame four times larger or as large as before, in its own type and range.
    """
    holes = ~np.isfinite(frame)
    known = np.where(holes, low, frame) if holes.any() else frame
    image = np.atleast_3d(((known.astype(np.float32) - low) / (high - low)).clip(0, 1))
    size = tuple(n * SCALE for n in frame.shape[:2])
    if mode == "restore":
        image, size = reduced(image), frame.shape[:2]
    result = np.empty((*size, image.shape[-1]), frame.dtype)
    # Floats of 32 bit cannot tell the levels of wider integers apart.
    exact = np.dtype(np.float64 if high - low > 2**24 else np.float32)
    for piece in by(image):
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


def upscale(frame: np.ndarray, enlarge_by: Enlarge) -> np.ndarray:
    """The frame itself, four times larger.

    Args:
        frame: uint8 (rows, columns).
        enlarge_by: what enlarges it.

    Returns:
        float32 (4 rows, 4 columns) in [0, 1].
    """
    return enlarge_by(as_float(frame))


def restore(frame: np.ndarray, enlarge_by: Enlarge) -> np.ndarray:
    """The frame reduced by four and brought back to its size.

    Args:
        frame: uint8 (rows, columns).
        enlarge_by: what brings it back.

    Returns:
        float32 (rows, columns) in [0, 1].
    """
    rows, columns = frame.shape
    return enlarge_by(reduced(as_float(frame)[..., None])[..., 0])[:rows, :columns]


def reduced(image: np.ndarray) -> np.ndarray:
    """Low-resolution counterpart of an image whose size four need not divide.

    Args:
        image: float32 (rows, columns, channels) in [0, 1]; its last row and column are repeated up
            to the next multiple of four.
    """
    surplus = [(0, -n % SCALE) for n in image.shape[:2]]
    return degrade(np.pad(image, [*surplus, (0, 0)], mode="edge"))


def as_float(frame: np.ndarray) -> np.ndarray:
    """Uint8 gray levels as float32 in [0, 1]."""
    return frame.astype(np.float32) / 255
