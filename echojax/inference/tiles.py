"""Enlarging images of any size in bounded memory: tile by tile, as if it were done at once."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np


class Piece(NamedTuple):
    """Part of an enlarged image: its place, and float32 values (rows, columns, channels)."""

    rows: slice
    columns: slice
    values: np.ndarray


class _Span(NamedTuple):
    """One tile along one axis: pixels begin to end are seen, from `keep` to `stop` are kept."""

    begin: int
    end: int
    keep: int
    stop: int


def tiled(
    image: np.ndarray,
    enlarge: Callable[[np.ndarray], np.ndarray],
    scale: int,
    tile: int,
    reach: int,
) -> Iterator[Piece]:
    """Enlarge an image tile by tile.

    Tiles overlap by twice the reach and are cut in the middle of the overlap, so that no pixel sees
    where a tile ends.

    Args:
        image: (rows, columns, channels).
        enlarge: makes a tile `scale` times larger.
        scale: of `enlarge`.
        tile: side of a tile in pixels of `image`, overlaps included, more than twice `reach`.
        reach: how far a pixel's neighbourhood reaches in `enlarge`, in pixels of `image`.

    Yields:
        Pieces that together cover the enlarged image.
    """
    for rows, columns in itertools.product(*(spans(n, tile, reach) for n in image.shape[:2])):
        large = enlarge(image[rows.begin : rows.end, columns.begin : columns.end])
        (row_place, row_inner), (column_place, column_inner) = (
            (
                slice(span.keep * scale, span.stop * scale),
                slice((span.keep - span.begin) * scale, (span.stop - span.begin) * scale),
            )
            for span in (rows, columns)
        )
        yield Piece(row_place, column_place, large[row_inner, column_inner])


def spans(length: int, tile: int, reach: int) -> list[_Span]:
    """Tiles along an axis of `length` pixels; what is kept of them covers it without a gap."""
    if length <= tile:
        return [_Span(0, length, 0, length)]
    number = -(-(length - 2 * reach) // (tile - 2 * reach))
    begins = np.linspace(0, length - tile, number).round().astype(int).tolist()
    cuts = [(begin + tile + after) // 2 for begin, after in itertools.pairwise(begins)]
    return [
        _Span(begin, begin + tile, keep, stop)
        for begin, keep, stop in zip(begins, [0, *cuts], [*cuts, length], strict=True)
    ]
