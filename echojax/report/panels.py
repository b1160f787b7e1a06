"""Pictures side by side, each under its name."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 8  # pixels between pictures, and around their names
_SMALLEST, _LARGEST = 14, 48  # pixels of the letters: readable, and no larger than need be
_WHITE, _BLACK = 255, 0


def side_by_side(pictures: Sequence[tuple[str, np.ndarray]]) -> Image.Image:
    """Draw pictures in a row on white, the name of each above it.

    Args:
        pictures: names, and uint8 arrays, all gray (rows, columns) or all RGB (rows, columns, 3);
            one that is narrower than its name stands in the middle below it.
    """
    names, arrays = zip(*pictures, strict=True)
    height = max(len(array) for array in arrays)
    size = min(max(height // 40, _SMALLEST), _LARGEST)
    font = ImageFont.load_default(size)
    head = size + 2 * GAP
    widths = [max(array.shape[1], int(np.ceil(font.getlength(name)))) for name, array in pictures]
    colours = arrays[0].ndim == 3
    width = sum(widths) + GAP * (len(widths) - 1)
    sheet = Image.new("RGB" if colours else "L", (width, head + height), _colour(_WHITE, colours))
    pen = ImageDraw.Draw(sheet)
    left = 0
    for name, array, wide in zip(names, arrays, widths, strict=True):
        pen.text((left + wide // 2, head // 2), name, _colour(_BLACK, colours), font, anchor="mm")
        sheet.paste(Image.fromarray(array), (left + (wide - array.shape[1]) // 2, head))
        left += wide + GAP
    return sheet


def _colour(level: int, colours: bool) -> int | tuple[int, int, int]:
    return (level, level, level) if colours else level
