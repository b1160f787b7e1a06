"""Enlarging an image of any size in bounded memory: tiles that overlap, joined without a seam."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np


class Piece(NamedTuple):
    """Part of an enlarged image: its place, and float32 values (rows, columns, channels)."""

    rows: slice
    columns: slice
    values: np.ndarray


class Span(NamedTuple):
    """One tile along one axis: pixels begin to end are seen, from `keep` to `stop` are kept."""

    begin: int
    end: int
    keep: int
    stop: int

    def place(self, scale: int) -> slice:
        """What is kept, in pixels of the enlarged image."""
        return slice(self.keep * scale, self.stop * scale)

    def inner(self, scale: int) -> slice:
        """What is kept, in pixels of the enlarged tile."""
        return slice((self.keep - self.begin) * scale, (self.stop - self.begin) * scale)


def spans(length: int, tile: int, reach: int) -> list[Span]:
    """The tiles along one axis: they overlap by at least twice `reach`, and share the overlap.

    Args:
        length: of the axis.
        tile: length of a tile, above twice `reach`; a shorter axis is one tile.
        reach: how far a pixel's neighbourhood reaches.
    """
    if length <= tile:
        return [Span(0, length, 0, length)]
    number = -(-(length - 2 * reach) // (tile - 2 * reach))
    begins = np.linspace(0, length - tile, number).round().astype(int).tolist()
    cuts = [(begin + tile + after) // 2 for begin, after in itertools.pairwise(begins)]
    return [
        Span(begin, begin + tile, keep, stop)
        for begin, keep, stop in zip(begins, [0, *cuts], [*cuts, length], strict=True)
    ]


def tiled(
    image: np.ndarray,
    enlarge: Callable[[np.ndarray], np.ndarray],
    *,
    scale: int,
    tile: int,
    reach: int,
) -> Iterator[Piece]:
    """Enlarge an image tile by tile, so that no pixel sees where its tile ends.

    Args:
        image: (rows, columns, channels).
        enlarge: makes a window of it `scale` times larger.
        scale: of `enlarge`.
        tile: side of a tile in pixels of `image`.
        reach: how far `enlarge` looks around a pixel of `image`.

    Yields:
        Pieces that together cover the enlarged image once.
    """
    for rows, columns in itertools.product(*(spans(n, tile, reach) for n in image.shape[:2])):
        large = enlarge(image[rows.begin : rows.end, columns.begin : columns.end])
        values = large[rows.inner(scale), columns.inner(scale)]
        yield Piece(rows.place(scale), columns.place(scale), values)
