"""What every recording offers, whatever its format: frames in, enlarged frames out."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.wording import shown

SUFFIXES: dict[str, tuple[str, ...]] = {
    "image": (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    "NIfTI": (".nii", ".nii.gz"),
    "MetaImage": (".mhd", ".mha"),
    "DICOM": (".dcm", ".dicom"),
    "clip": (".avi", ".mp4", ".mov", ".mkv"),
    "GIF": (".gif",),
}


class Region(NamedTuple):
    """A rectangle of pixels; bottom and right are the first row and column outside."""

    top: int
    bottom: int
    left: int
    right: int


class Recording(ABC):
    """One image, several, or a clip, in a file.

    Attributes:
        path: the file.
        shape: of a frame, (rows, columns) if gray, (rows, columns, 3) if RGB.
        dtype: of the frames.
        low: the value of black.
        high: the value of white, above `low`.
        count: how many frames there are, as the file states; None if it does not.
        regions: where ultrasound is shown, as DICOM states; empty if that is not known.
        compress: whether to write it compressed without loss, where the format leaves that open
            (DICOM).
        anonymize: whether to write it without what tells whose it is (DICOM).
    """

    family: ClassVar[str]
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    low: float
    high: float
    count: int | None
    regions: tuple[Region, ...] = ()
    compress: bool = False
    anonymize: bool = False
    counted: ClassVar[bool] = True  # `count` can be relied on

    @property
    def files(self) -> tuple[Path, ...]:
        """All files it consists of: `path`, and what that refers to."""
        return (self.path,)

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Millimetres between rows and between columns; None if the file does not state them."""
        return None

    @property
    def frame_rate(self) -> float | None:
        """Frames per second; None if the file does not state it, or the frames are no clip."""
        return None

    @abstractmethod
    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time, upright, bright is white: arrays of `shape` and `dtype`.

        Raises:
            InputError: the file is damaged or cut off.
        """

    def write(self, path: Path, frames: Iterable[np.ndarray], scale: int, description: str) -> None:
        """Write a recording derived from this one; its file appears whole or not at all.

        Args:
            path: where to; the suffix decides the format, within the family of this one.
            frames: as many as this recording has, of its dtype and channels, each side `scale`
                times as long.
            scale: 1 for frames of the same size.
            description: what was done to the frames, for the formats that have a place for it.

        Raises:
            InputError: `path` asks for another format, or one that cannot hold these frames.
            ValueError: frames of another shape or dtype, or another number of them.
        """
        self._refuse(path)
        with written_whole(path) as aside:
            self._write(aside, self._checked(frames, scale), scale, description)

    @abstractmethod
    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        """Write frames already checked to a file that nobody looks at yet."""

    def write_labels(self, path: Path, masks: Iterable[np.ndarray], description: str) -> None:
        """Write a mask of each frame where the frames lie; the file appears whole or not at all.

        NIfTI and MetaImage keep their geometry; DICOM becomes a segmentation object that refers to
        its source; an image becomes a picture of labels, a clip a NIfTI file of all its frames.

        Args:
            path: where to, with the suffix that `labels.suffix` says.
            masks: labels, uint8 (rows, columns), as many as this recording has frames.
            description: what made them, for the formats that have a place for it.

        Raises:
            ValueError: masks of another shape or dtype, or another number of them.
        """
        with written_whole(path) as aside:
            self._write_labels(aside, self._as_labels(masks), description)

    @abstractmethod
    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        """Write masks already checked to a file that nobody looks at yet."""

    def _as_labels(self, masks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        number = 0
        for number, mask in enumerate(masks, start=1):
            if mask.shape != self.shape[:2] or mask.dtype != np.uint8:
                raise ValueError(
                    f"mask {number} is {mask.dtype} {mask.shape}; expected uint8 {self.shape[:2]}"
                )
            yield mask
        self._check_number(number)

    def _refuse(self, path: Path) -> None:
        check_suffix(self.path, self.family, path)

    def _checked(self, frames: Iterable[np.ndarray], scale: int) -> Iterator[np.ndarray]:
        rows, columns, *channels = self.shape
        shape = (rows * scale, columns * scale, *channels)
        number = 0
        for number, frame in enumerate(frames, start=1):
            if frame.shape != shape or frame.dtype != self.dtype:
                raise ValueError(
                    f"frame {number} is {frame.dtype} {frame.shape}; expected {self.dtype} {shape}"
                )
            yield frame
        self._check_number(number)

    def _check_number(self, number: int) -> None:
        if number == 0 or (self.counted and number != self.count):
            raise ValueError(
                f"{number} frames for {self.path.name}; expected {self.count or 'some'}"
            )


def family(path: Path) -> str | None:
    """The family of formats a name belongs to, None if its suffix is unknown or missing."""
    name = path.name.lower()
    return next((key for key, suffixes in SUFFIXES.items() if name.endswith(suffixes)), None)


def stem(path: Path) -> str:
    """A name without the suffix of its format; the whole name if that is unknown or missing."""
    suffixes = SUFFIXES.get(family(path) or "", ())
    return next(
        (path.name[: -len(end)] for end in suffixes if path.name.lower().endswith(end)), path.name
    )


def check_suffix(source: Path, kind: str, target: Path) -> None:
    """See that a recording of a family can be written under a name.

    Raises:
        InputError: the name belongs to another family.
    """
    # A DICOM file may have any suffix or none.
    if family(target) != kind and not (kind == "DICOM" and family(target) is None):
        raise InputError(
            f"{target}: {source.name} cannot be written in this format; "
            f"choose a name that ends in {', '.join(SUFFIXES[kind])}"
        )


def written_files(path: Path) -> tuple[Path, ...]:
    """All files that are made or replaced where a recording is written to `path`, by its suffix."""
    if path.suffix.lower() != ".mhd":
        return (path,)
    return path, path.with_suffix(".raw"), path.with_suffix(".zraw")  # compressed as the source is


def bounds(arrays: Iterable[np.ndarray]) -> tuple[float, float]:
    """The values of black and white of a format that does not state them, judged by its data.

    Args:
        arrays: all values there are, at least one, in as many pieces as is convenient.
    """
    low, high, integers = 0.0, -np.inf, True
    for array in arrays:
        values = array
        if array.dtype.kind == "f":
            integers, values = False, array[np.isfinite(array)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return low, (1.0 if high <= 1 and not integers else max(high, 255.0))


def full_depth(frames: Iterable[np.ndarray]) -> float:
    """White of 16-bit frames that may hold fewer bits: their maximum rounded up to a full depth.

    Depths are 8, 10, 12, 14 and 16 bit: scanners and cameras often store 12 bits in 16, which
    would be nearly black if white were 65535.
    """
    bits = max(int(frame.max()) for frame in frames).bit_length()
    return 2.0 ** max(8, bits + bits % 2) - 1


def as_spacing(rows: object, columns: object) -> tuple[float, float] | None:
    """Two distances in a file as spacing, mm; None if they are no positive numbers."""
    with suppress(TypeError, ValueError):
        found = float(str(rows)), float(str(columns))
        if all(0 < step < math.inf for step in found):
            return found
    return None


@contextmanager
def reading(path: Path | str, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one line for the user.

    Raises:
        InputError: the block failed.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # on damaged files the decoders raise nearly every type there is
        raise InputError(
            f"{path}: cannot be read as {kind} ({_cause(error)}); check that the file is whole and "
            f"really {kind}"
        ) from error


@contextmanager
def keeping(path: Path, kind: str) -> Iterator[None]:
    """Turn what an encoder raises, over what a file says of itself, into one line for the user.

    Raises:
        InputError: the block failed; what tells of the disk, OSError, passes.
    """
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:  # as above
        raise InputError(
            f"{path}: what it says of itself cannot be written as {kind} ({_cause(error)}); save "
            "it anew by a program that can show it"
        ) from error


def _cause(error: Exception) -> str:
    # Where a message has many lines, the first say where in the library, the last says why.
    return shown((str(error).strip().splitlines() or [type(error).__name__])[-1].strip())


@contextmanager
def writing() -> Iterator[None]:
    """Turn what SimpleITK raises where a file cannot be written into what everybody else raises.

    Raises:
        OSError: the block failed.
    """
    try:
        yield
    except RuntimeError as error:  # of several lines, the last says why
        raise OSError(str(error).strip().splitlines()[-1]) from error
