"""Areas drawn over a frame: translucent, with an outline, and a legend below."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from echojax.report.grade_colours import Colour

# In the order of labels, from 1 on; of Okabe and Ito's palette.
STRUCTURES = (
    ("left ventricle", Colour(0, 158, 115)),
    ("myocardium", Colour(204, 121, 167)),
    ("left atrium", Colour(86, 180, 233)),
)
_OPACITY = 0.45
_SHOWN = 480  # pixels that a smaller frame's longer side is enlarged to at least
_LETTERS, _GAP = 14, 6  # pixels
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


class Area(NamedTuple):
    """What is drawn.

    Attributes:
        mask: bool (rows, columns).
        colour: of its outline, and translucent within.
        filled: whether it is more than an outline.
        text: what is written in it, below it if it is small.
    """

    mask: np.ndarray
    colour: Colour
    filled: bool = True
    text: str = ""


def shown_size(shape: tuple[int, int], spacing: tuple[float, float] | None) -> tuple[int, int]:
    """Rows and columns of a frame as it is shown: its pixels square, and not too small."""
    steps = spacing or (1.0, 1.0)
    rows, columns = (round(n * step / max(steps)) for n, step in zip(shape, steps, strict=True))
    times = max(1, -(-_SHOWN // max(rows, columns)))
    return rows * times, columns * times


def overlaid(frame: np.ndarray, areas: Sequence[Area], size: tuple[int, int]) -> np.ndarray:
    """Draw areas over a frame, the later ones on top.

    Args:
        frame: uint8 gray (rows, columns).
        areas: of the frame.
        size: rows and columns of the picture.

    Returns:
        uint8 RGB (rows, columns, 3) of the size.
    """
    picture = np.repeat(_resized(frame, size)[..., None], 3, axis=2)
    width = max(1, max(size) // 400)
    texts: list[tuple[str, tuple[int, int]]] = []
    for area in areas:
        mask = _resized(area.mask.astype(np.uint8) * 255, size) > 127
        if not mask.any():
            continue
        box = tuple(slice(places[0], places[-1] + 1) for places in _extent(mask))
        mask, part = mask[box], picture[box]
        if area.filled:
            under = part[mask].astype(np.float32)
            part[mask] = (under + _OPACITY * (np.asarray(area.colour) - under)).round()
        part[_outline(mask, width)] = area.colour
        if area.text:
            texts.append((area.text, _place(mask, box)))
    return _written(picture, texts) if texts else picture


def _place(mask: np.ndarray, box: tuple[slice, ...]) -> tuple[int, int]:
    """Column and row for the middle of a text: of the area, or below what it would hide."""
    rows, columns = np.nonzero(mask)
    column = box[1].start + int(columns.mean())
    if len(mask) < 2 * _LETTERS and mask.shape[1] < 2 * _LETTERS:
        return column, box[0].stop + _LETTERS
    return column, box[0].start + int(rows.mean())


def _written(picture: np.ndarray, texts: Sequence[tuple[str, tuple[int, int]]]) -> np.ndarray:
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(_LETTERS)
    for text, place in texts:
        pen.text(place, text, _WHITE, font, anchor="mm", stroke_width=2, stroke_fill=_BLACK)
    return np.asarray(image)


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def _extent(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows and the columns that have something."""
    return np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))


def _outline(mask: np.ndarray, width: int) -> np.ndarray:
    """The outermost pixels of a mask."""
    inner = mask
    for _ in range(width):
        padded = np.pad(inner, 1)
        inner = (
            padded[1:-1, 1:-1]
            & padded[:-2, 1:-1]
            & padded[2:, 1:-1]
            & padded[1:-1, :-2]
            & padded[1:-1, 2:]
        )
    return mask & ~inner


def legend(entries: Sequence[tuple[str, Colour]], width: int, title: str = "") -> np.ndarray:
    """A strip to stand below a picture: a patch of every colour and its word, in lines.

    Args:
        entries: words and colours.
        width: of the picture, pixels.
        title: what stands above them.

    Returns:
        uint8 RGB (rows, width, 3), on black.
    """
    font = ImageFont.load_default(_LETTERS)
    line = _LETTERS + _GAP
    places, left, row = [], _GAP, 1 if title else 0
    for word, _ in entries:
        length = line + int(np.ceil(font.getlength(word))) + 2 * _GAP
        if left + length > width and left > _GAP:
            left, row = _GAP, row + 1
        places.append((left, _GAP + row * line))
        left += length
    strip = Image.new("RGB", (width, (row + 1) * line + 2 * _GAP))
    pen = ImageDraw.Draw(strip)
    pen.text((_GAP, _GAP), title, _WHITE, font)
    for (word, colour), (x, y) in zip(entries, places, strict=True):
        pen.rectangle((x, y, x + _LETTERS, y + _LETTERS), fill=tuple(colour))
        pen.text((x + line, y), word, _WHITE, font)
    return np.asarray(strip)
