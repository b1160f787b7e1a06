"""How much a recording may unpack to: a few kilobytes can claim gigabytes."""

import gzip
import os
from io import BufferedReader, FileIO
from pathlib import Path

from echojax.errors import InputError

SETTING = "ECHOJAX_MAX_PIXELS"
_PIXELS = 2**25  # over twice those of 1024 x 768 enlarged 4 times
_BYTES = 8  # of a pixel; what is unpacked whole may hold as many frames as fit
_FRAMES = 16  # of the most pixels, which may be decoded before the first is shown
_PIECE = 1 << 20


def max_pixels() -> int:
    """The most pixels of a frame: `ECHOJAX_MAX_PIXELS`, or 33,554,432.

    Raises:
        InputError: the setting is no positive number.
    """
    stated = os.environ.get(SETTING, "")
    if not stated:
        return _PIXELS
    if not (stated.isdecimal() and int(stated) > 0):
        raise InputError(f"{SETTING} is {stated!r}; expected a positive number of pixels")
    return int(stated)


def max_bytes() -> int:
    """The most bytes that may be unpacked at once: 8 for every pixel that a frame may have."""
    return _BYTES * max_pixels()


def check_pixels(path: Path | str, rows: int, columns: int) -> None:
    """See that a frame is not larger than the ceiling.

    Raises:
        InputError: it is, or it has no pixels.
    """
    if rows < 1 or columns < 1:
        raise InputError(
            f"{path}: {rows} x {columns} pixels; expected a frame that shows something"
        )
    if rows * columns > max_pixels():
        raise InputError(
            f"{path}: {rows:,} x {columns:,} pixels, more than {max_pixels():,}; if you trust the "
            f"file, set {SETTING}={rows * columns}"
        )


def check_frames(path: Path, count: int, rows: int, columns: int) -> None:
    """See that frames which are all decoded to open a file are not too many: a matter of minutes.

    Raises:
        InputError: they are.
    """
    if count * rows * columns > _FRAMES * max_pixels():
        raise InputError(
            f"{path}: {count:,} frames of {rows:,} x {columns:,} pixels, more than "
            f"{_FRAMES * max_pixels():,} in all; if you trust the file, set "
            f"{SETTING}={-(-count * rows * columns // _FRAMES)}"
        )


def check_bytes(path: Path, size: int) -> None:
    """See that what is unpacked whole is not larger than the ceiling.

    Raises:
        InputError: it is.
    """
    if size > max_bytes():
        raise InputError(
            f"{path}: unpacks to {size:,} bytes, more than {max_bytes():,}; if you trust the file, "
            f"set {SETTING}={-(-size // _BYTES)}"
        )


class Bounded(BufferedReader):
    """A file for readers that ask for as many bytes as a part of it claims to have.

    Python would make room for them before it looks whether they are there.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        self._size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """At most what is left of the file."""
        left = max(self._size - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def gunzip(path: Path) -> bytes:
    """All that a .gz file holds, its checksum compared.

    Raises:
        InputError: it unpacks to more than the ceiling.
    """
    pieces, size = [], 0
    with gzip.open(path) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            if size > max_bytes():
                raise InputError(
                    f"{path}: unpacks to more than {max_bytes():,} bytes; if you trust the file, "
                    f"set {SETTING} above {max_pixels()}"
                )
            pieces.append(piece)
    return b"".join(pieces)
