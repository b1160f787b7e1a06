"""Opening by Pillow, within our own ceiling on pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from echojax.errors import InputError
from echojax.media.limits import Bounded, check_pixels

# The most pixels that a byte can hold: deflated, of 1 bit; JPEG's bit for a block of 8 x 8; and the
# longest word of GIF's dictionary for a code of 12 bits.
_DENSEST = {"PNG": 8 * 1032, "JPEG": 512, "GIF": 4096 * 8 // 12}


@contextmanager
def open_bounded(path: Path, kind: str) -> Iterator[Image.Image]:
    """Open an image, whose pixels are decoded when they are asked for.

    Raises:
        InputError: more pixels than the ceiling, or than its bytes can hold.
    """
    with Bounded(path) as file, _opened(file, kind) as image:
        columns, rows = image.size
        check_pixels(path, rows, columns)
        size = path.stat().st_size
        if rows * columns > size * _DENSEST.get(kind, rows * columns):
            raise InputError(
                f"{path}: its {size:,} bytes cannot hold {rows:,} x {columns:,} pixels; it is cut "
                "off or damaged, copy it again"
            )
        yield image


def _opened(file: Bounded, kind: str) -> Image.Image:
    # Pillow has a ceiling too, which ours, that can be set, replaces here and nowhere else.
    pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(file, formats=[kind])
    except UnidentifiedImageError:  # whose message would show the open file
        raise ValueError("its first bytes are another format's") from None
    finally:
        Image.MAX_IMAGE_PIXELS = pillows
