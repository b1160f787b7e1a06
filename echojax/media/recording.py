"""What every recording offers, whatever its format: frames in, enlarged frames out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.files import written_whole

SUFFIXES: dict[str, tuple[str, ...]] = {
    "image": (".png", ".jpg", ".jpeg", ".tif", ".tiff"),
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
        high: the value of white.
        count: how many frames there are, as the file states; None if it does not.
        regions: where ultrasound is shown, as DICOM states; empty if the whole frame is image.
    """

    family: ClassVar[str]
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    low: float
    high: float
    count: int | None
    regions: tuple[Region, ...] = ()
    counted: ClassVar[bool] = True  # `count` can be relied on

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

    def _refuse(self, path: Path) -> None:
        if family(path) != self.family:
            raise InputError(
                f"{path}: {self.path.name} cannot be written in this format; "
                f"choose a name that ends in {', '.join(SUFFIXES[self.family])}"
            )

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
        if number == 0 or (self.counted and number != self.count):
            raise ValueError(
                f"{number} frames for {self.path.name}; expected {self.count or 'some'}"
            )


def family(path: Path) -> str | None:
    """The family of formats a name belongs to, None if its suffix is unknown or missing."""
    name = path.name.lower()
    return next((key for key, suffixes in SUFFIXES.items() if name.endswith(suffixes)), None)


def bounds(values: np.ndarray) -> tuple[float, float]:
    """The values of black and white of a format that does not state them, judged by its data."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return min(low, 0.0), (1.0 if high <= 1 and values.dtype.kind == "f" else max(high, 255.0))


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one line for the user.

    Raises:
        InputError: the block failed.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # on damaged files the decoders raise nearly every type there is
        # Where a message has many lines, the first say where in the library, the last says why.
        cause = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise InputError(
            f"{path}: cannot be read as {kind} ({cause}); check that the file is whole and "
            f"really {kind}"
        ) from error
