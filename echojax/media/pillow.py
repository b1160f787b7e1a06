"""Opening by Pillow, within our own ceiling on pixels."""

from pathlib import Path

from PIL import Image

from echojax.errors import InputError
from echojax.media.limits import check_pixels

# The most pixels that a byte can hold: deflated, of 1 bit; and JPEG's bit for a block of 8 x 8.
_DENSEST = {"PNG": 8 * 1032, "JPEG": 512}


def open_bounded(path: Path, kind: str) -> Image.Image:
    """Open an image without decoding its pixels.

    Raises:
        InputError: more pixels than the ceiling, or than its bytes can hold.
    """
    # Pillow has a ceiling too, which ours, that can be set, replaces here and nowhere else.
    pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        image = Image.open(path, formats=[kind])
    finally:
        Image.MAX_IMAGE_PIXELS = pillows
    try:
        columns, rows = image.size
        check_pixels(path, rows, columns)
        size = path.stat().st_size
        if rows * columns > size * _DENSEST.get(kind, rows * columns):
            raise InputError(
                f"{path}: its {size:,} bytes cannot hold {rows:,} x {columns:,} pixels; it is cut "
                "off or damaged, copy it again"
            )
    except BaseException:
        image.close()
        raise
    return image
