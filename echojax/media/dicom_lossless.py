"""Pixels of DICOM compressed without loss, frame by frame, by what is installed anyway.

JPEG 2000 by Pillow, which brings OpenJPEG along: a fraction of what RLE needs, and pydicom decodes
it by Pillow, too. Pillow encodes bytes only; for wider pixels there is pydicom's own RLE.
"""

import struct
from collections.abc import Iterable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import itemize_frame
from pydicom.pixels import get_encoder  # type: ignore[attr-defined]
from pydicom.uid import JPEG2000Lossless, RLELossless

_NO_OFFSETS = struct.pack("<HHL", 0xFFFE, 0xE000, 0)  # a table of offsets is optional


def announce(dataset: Dataset) -> None:
    """Say in a header how its pixels will be compressed."""
    if _bytes(dataset):
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        if dataset.SamplesPerPixel == 3:
            dataset.PhotometricInterpretation = "YBR_RCT"
    else:
        dataset.file_meta.TransferSyntaxUID = RLELossless


def encapsulated(dataset: Dataset, frames: Iterable[np.ndarray]) -> Iterator[bytes]:
    """Compress frames as `announce` said, in the pieces of an encapsulated element.

    Args:
        dataset: the header.
        frames: as they are stored, (rows, columns) or (rows, columns, 3) in RGB.
    """
    yield _NO_OFFSETS
    encode = _jpeg2000 if _bytes(dataset) else _rle
    for frame in frames:
        yield from itemize_frame(encode(dataset, frame))


def _bytes(dataset: Dataset) -> bool:
    """Whether a value fills a byte, as the precision of what Pillow encodes does."""
    return bool(
        dataset.BitsAllocated == dataset.BitsStored == 8 and not dataset.PixelRepresentation
    )


def _jpeg2000(dataset: Dataset, frame: np.ndarray) -> bytes:
    del dataset
    with BytesIO() as file:
        options = {"no_jp2": True, "irreversible": False, "mct": int(frame.ndim == 3)}
        Image.fromarray(frame).save(file, "JPEG2000", **options)
        return file.getvalue()


def _rle(dataset: Dataset, frame: np.ndarray) -> bytes:
    encoded: bytes = get_encoder(RLELossless).encode(
        frame.astype(frame.dtype.newbyteorder("<")).tobytes(),
        encoding_plugin="pydicom",
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples_per_pixel=dataset.SamplesPerPixel,
        photometric_interpretation=str(dataset.PhotometricInterpretation),
        planar_configuration=0,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        pixel_representation=int(dataset.get("PixelRepresentation", 0)),
        number_of_frames=1,
    )
    return encoded
