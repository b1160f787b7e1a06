"""DICOM, one frame or many, compressed or not; written uncompressed, or without loss."""

import tempfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.pixels import (  # type: ignore[attr-defined]
    apply_color_lut,
    get_decoder,
    iter_pixels,
)

from echojax.errors import InputError
from echojax.media import dicom_limits, dicom_lossless, dicom_scale, dicom_segmentation
from echojax.media.dicom_header import derived, regions
from echojax.media.limits import Bounded, check_pixels
from echojax.media.recording import Recording, bounds, keeping, reading
from echojax.wording import shown

_LONGEST = 2**32 - 2  # bytes of an element whose length is stated


class DicomRecording(Recording):
    """A DICOM file; frames hold the stored values, which the modality LUT leaves alone.

    YBR and palette colours are read, and written back, as 8-bit RGB; MONOCHROME1 is inverted
    on reading and back on writing. Overlays and icons are not enlarged but left out.

    Up to 8 bit, black and white are the smallest and the largest value that can be stored. Beyond,
    few devices use all bits, so they are judged by the values of all frames and by those that the
    header states as smallest and largest.

    Raises:
        InputError: not DICOM, cut off, without an image, or compressed in a way that no installed
            decoder knows.
    """

    family = "DICOM"

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "DICOM"):
            dicom_limits.check_deflated(path)
            with Bounded(path) as file:
                dataset = dcmread(file, stop_before_pixels=True)
            if "Rows" not in dataset:
                raise InputError(f"{path}: holds no image; choose a file that shows one")
            check_pixels(path, int(dataset.Rows), int(dataset.Columns))
            self._dataset = dataset
            self._photometric = str(dataset.PhotometricInterpretation)
            self._kind = f"DICOM, {_decodable(path, dataset)}"
            self.count = int(dataset.get("NumberOfFrames") or 1)
            if not 0 < int(dataset.BitsStored) <= 32:
                raise ValueError(f"{dataset.BitsStored} bits of a value")
            self._palette = _palette(dataset) if self._photometric == "PALETTE COLOR" else None
            bits = 8 if self._palette is not None else int(dataset.BitsStored)
            signed = self._palette is None and int(dataset.get("PixelRepresentation", 0))
            self._lowest = -(2 ** (bits - 1)) if signed else 0
            self._highest = self._lowest + 2**bits - 1
        with reading(path, self._kind):
            dicom_limits.check_frames(path, dataset)
        self.low, self.high = self._range() if bits > 8 else (self._lowest, self._highest)
        first = next(self.frames())
        self.shape, self.dtype = first.shape, first.dtype
        with reading(path, self._kind):
            self.regions = regions(dataset, first.shape)

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Millimetres between rows and between columns, in the largest region if there are any."""
        return dicom_scale.spacing(self._dataset)

    @property
    def frame_rate(self) -> float | None:
        """Frames per second, if the header tells and there are several."""
        return dicom_scale.frame_rate(self._dataset) if self.count != 1 else None

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time, decoded as they are asked for."""
        with reading(self.path, self._kind):
            for stored in self._stored():
                yield self._inverted(stored) if self._photometric == "MONOCHROME1" else stored

    def _stored(self) -> Iterator[np.ndarray]:
        number = 0
        with reading(self.path, self._kind), Bounded(self.path) as file:
            # Of a file deflated whole, pydicom finds frames only where it has been read whole.
            source = dcmread(file) if dicom_limits.is_deflated(self._dataset.file_meta) else file
            # Some files hold more frames than they count.
            for pixels in islice(iter_pixels(source), self.count):
                stored = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
                if self._palette is not None:
                    stored = self._palette[stored]
                elif self._lowest == 0:  # overlays once lay in the upper bits
                    stored = stored & stored.dtype.type(self._highest)
                yield stored
                number += 1
            if number != self.count:
                raise ValueError(f"{number} frames of {self.count}")

    def _inverted(self, frame: np.ndarray) -> np.ndarray:
        return frame.dtype.type(self._lowest + self._highest) - frame

    def _range(self) -> tuple[float, float]:
        """Black and white of frames that need not use all their bits."""
        low, high = bounds(chain(self._stored(), self._stated()))
        if self._photometric == "MONOCHROME1":
            return self._lowest + self._highest - high, self._lowest + self._highest - low
        return low, high

    def _stated(self) -> list[np.ndarray]:
        """The smallest and the largest value as the header states them, if it makes sense."""
        small, large = (
            self._dataset.get(f"{which}ImagePixelValue") for which in ("Smallest", "Largest")
        )
        if not (isinstance(small, int) and isinstance(large, int)):
            return []
        sane = self._lowest <= small < large <= self._highest
        return [np.array([small, large])] if sane else []

    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        with reading(self.path, self._kind):  # an element may be missing, or of an unknown kind
            dataset = self._derived(scale, description)
        inverted = self._photometric == "MONOCHROME1"
        stored = (self._inverted(frame) if inverted else frame for frame in frames)
        if self.compress:
            dicom_lossless.announce(dataset)
            pieces = dicom_lossless.encapsulated(dataset, stored)
        else:
            little = self.dtype.newbyteorder("<")
            pieces = (frame.astype(little).tobytes() for frame in stored)
        with tempfile.TemporaryFile(dir=path.parent) as spool:
            spool.writelines(pieces)
            spool.write(b"\0" * (spool.tell() % 2))
            if spool.tell() > _LONGEST and not self.compress:
                raise InputError(
                    f"{self.path}: its {self.count} frames would exceed the 4 GB of a DICOM file; "
                    "split it, or pass --compress"
                )
            spool.seek(0)
            as_bytes = self.compress or self.dtype.itemsize == 1
            dataset.add_new("PixelData", "OB" if as_bytes else "OW", spool)
            dataset["PixelData"].is_undefined_length = self.compress
            with keeping(self.path, "DICOM"):
                dcmwrite(path, dataset, enforce_file_format=True)

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        with reading(self.path, self._kind):
            header = dicom_segmentation.header(self._dataset, self.spacing, description)
        with keeping(self.path, "DICOM"):
            dicom_segmentation.write(path, header, self._dataset, masks)

    def _derived(self, scale: int, description: str) -> Dataset:
        source: Dataset = self._dataset
        if self.anonymize:
            from echojax.media.dicom_anonymous import anonymized  # takes a while, and is rare

            source = anonymized(source)
        dataset = derived(source, scale, description)
        dataset.Rows, dataset.Columns = (side * scale for side in self.shape[:2])
        dataset.BitsAllocated = 8 * self.dtype.itemsize
        if len(self.shape) == 3:
            dataset.PhotometricInterpretation = "RGB"
            dataset.SamplesPerPixel = 3
            dataset.PlanarConfiguration = 0
        if self._palette is not None:
            dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 7, 0
        else:
            dataset.HighBit = int(dataset.BitsStored) - 1
        return dataset


def _decodable(path: Path, dataset: Dataset) -> str:
    """The name of the transfer syntax."""
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        known = get_decoder(syntax).is_available
    except NotImplementedError:
        known = False
    if not known:
        raise InputError(
            f"{path}: compressed as {shown(syntax.name)}, for which no decoder is installed; "
            "save it uncompressed, or try again after: pip install 'pylibjpeg[all]'"
        )
    return syntax.name


def _palette(dataset: Dataset) -> np.ndarray:
    """The colours of all stored values: uint8 (values, 3)."""
    if int(dataset.BitsStored) > 16:
        raise ValueError(f"a palette of {dataset.BitsStored} bits")
    values = np.arange(2 ** int(dataset.BitsStored), dtype=f"u{int(dataset.BitsAllocated) // 8}")
    colours = apply_color_lut(values, dataset)
    # Tables are mostly of 16 bit; some devices fill only the lower byte.
    return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
