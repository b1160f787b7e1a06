"""Ceilings on what a DICOM file unpacks to, checked before pydicom unpacks it."""

import struct
import zlib
from io import BytesIO
from itertools import pairwise
from pathlib import Path

from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)

from echojax.media.limits import Bounded, check_bytes

_PIECE = 1 << 20
_BY_PILLOW = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEG2000, JPEG2000Lossless)
_RLE_HEADER = struct.Struct("<16L")  # how many segments, and where each begins


def is_deflated(meta: Dataset) -> bool:
    """Whether all of a file behind its file meta information is deflated."""
    return bool(meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian)


def check_deflated(path: Path) -> None:
    """See that a file deflated whole inflates to no more than the ceiling.

    Raises:
        InputError: it does not.
    """
    with Bounded(path) as file:
        read_preamble(file, force=False)
        if not is_deflated(_read_file_meta_info(file)):
            return
        unpacker, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        rest = file.read()
    while rest and not unpacker.eof:
        size += len(unpacker.decompress(rest, _PIECE))
        rest = unpacker.unconsumed_tail
        check_bytes(path, size)


def check_frames(path: Path, dataset: Dataset) -> None:
    """See that no compressed frame decodes to more than rows and columns say.

    Raises:
        ValueError: one does.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax != RLELossless and syntax not in _BY_PILLOW:
        return
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    with Bounded(path) as file:
        dcmread(file, stop_before_pixels=True)
        file.seek(12, 1)  # tag, kind and length of the pixel data
        count = int(dataset.get("NumberOfFrames") or 1)
        for number, frame in enumerate(generate_frames(file, number_of_frames=count), start=1):
            if syntax == RLELossless:
                fits = _rle_fits(frame, rows * columns)
            else:
                with Image.open(BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
                    fits = image.size == (columns, rows)
            if not fits:
                raise ValueError(f"frame {number} is not {rows} x {columns} pixels as it says")


def _rle_fits(frame: bytes, size: int) -> bool:
    """Whether no segment, a byte of every pixel, holds much more bytes than there are pixels."""
    if 64 * len(frame) <= size:  # two bytes become 128 at most
        return True
    count, *starts = _RLE_HEADER.unpack_from(frame)
    edges = [*starts[: min(count, 15)], len(frame)]
    for start, end in pairwise(edges):
        place, held = start, 0
        while place < end:
            code = frame[place]
            place += 2 if code > 128 else 1 if code == 128 else code + 2
            held += 257 - code if code > 128 else 0 if code == 128 else code + 1
            if held > size + 256:
                return False
    return True
