"""Opening by Pillow, within our own ceiling on pixels."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
    with Bounded(path) as file, _opened(file, [kind]) as image:
        _check(path, path.stat().st_size, image, [kind])
        yield image


@contextmanager
def open_bytes(data: bytes, name: str, kinds: Sequence[str]) -> Iterator[Image.Image]:
    """Open an image in memory, of one of some kinds, as `open_bounded` does.

    Raises:
        InputError: as there.
    """
    with _opened(io.BytesIO(data), kinds) as image:
        _check(name, len(data), image, kinds)
        yield image


def _check(name: Path | str, size: int, image: Image.Image, kinds: Sequence[str]) -> None:
    columns, rows = image.size
    check_pixels(name, rows, columns)
    if rows * columns > size * max(_DENSEST.get(kind, rows * columns) for kind in kinds):
        raise InputError(
            f"{name}: its {size:,} bytes cannot hold {rows:,} x {columns:,} pixels; it is cut "
            "off or damaged, copy it again"
        )


def _opened(file: BinaryIO, kinds: Sequence[str]) -> Image.Image:
    # Pillow has a ceiling too, which ours, that can be set, replaces here and nowhere else.
    pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(file, formats=list(kinds))
    except UnidentifiedImageError:  # whose message would show the open file
        raise ValueError("its first bytes are another format's") from None
    finally:
        Image.MAX_IMAGE_PIXELS = pillows
