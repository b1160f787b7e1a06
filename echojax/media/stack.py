"""Frames in memory: of a recording with what it says of them, or of an array, which is checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from echojax.media import open_recording
from echojax.media.recording import Region, full_depth

_ROUNDING = 1e-4  # by which floats may lie outside of 0 to 1


@dataclass(frozen=True)
class Stack:
    """Frames of one size, with what is known of them.

    Attributes:
        frames: (n, rows, columns) if gray, (n, rows, columns, 3) if RGB; upright, bright is white.
        low: the value of black.
        high: the value of white.
        spacing: mm between rows and between columns; None if it is not known.
        frame_rate: frames per second; None if it is not known, or there is only one.
        regions: where ultrasound is shown, as DICOM states; empty if the whole frame is image.
        path: the file they are from; None for an array.
    """

    frames: np.ndarray
    low: float
    high: float
    spacing: tuple[float, float] | None = None
    frame_rate: float | None = None
    regions: tuple[Region, ...] = ()
    path: Path | None = None

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self.frames)


def read(path: Path) -> Stack:
    """Read all frames of a recording, of any format that `open_recording` knows.

    Raises:
        InputError: no such file, an unknown format, or damaged.
    """
    recording = open_recording(path)
    return Stack(
        np.stack(list(recording.frames())),
        recording.low,
        recording.high,
        recording.spacing,
        recording.frame_rate,
        recording.regions,
        path,
    )


def of_array(array: Any) -> Stack:
    """The frames of an array.

    White is 255 for uint8, 1 for floats, and for uint16 the largest value rounded up to a full
    depth, as of files: 255, 1023, 4095, 16383 or 65535.

    Args:
        array: (rows, columns), (rows, columns, 3) of RGB, or several such frames along a first
            axis; a last axis of 1 is gray, too. uint8, uint16, or floats from 0 to 1, where what is
            no finite number is left out of account.

    Raises:
        TypeError: values of another type, which do not say what is black and white.
        ValueError: another shape, no pixels, or floats outside of 0 to 1.
    """
    array = np.asarray(array)
    lead, channels = layout(array)
    colours = channels if channels == (3,) else ()
    rows_and_columns = array.shape[len(lead) : len(lead) + 2]
    low, high = _range(array)
    return Stack(array.reshape(-1, *rows_and_columns, *colours), low, high)


def layout(array: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of an array before and after rows and columns: of frames, and of channels.

    Raises:
        ValueError: it has another shape than `of_array` says, or no pixels.
    """
    shape = array.shape
    if 0 in shape:
        raise ValueError(f"an array of shape {shape} holds no pixels")
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] > 4):
        return shape[:-2], ()
    if len(shape) in (3, 4) and shape[-1] in (1, 3):
        return shape[:-3], shape[-1:]
    raise ValueError(
        f"an array of shape {shape}; expected (rows, columns) or (n, rows, columns), with a last "
        "axis of 3 for RGB; leave alpha out: array[..., :3]"
    )


def _range(array: np.ndarray) -> tuple[float, float]:
    """The values of black and white."""
    if array.dtype == np.uint8:
        return 0.0, 255.0
    if array.dtype == np.uint16:
        return 0.0, full_depth([array])
    if array.dtype.kind != "f":
        raise TypeError(
            f"{array.dtype} values do not say what is black and what is white; pass uint8, uint16, "
            "or floats from 0 (black) to 1 (white)"
        )
    finite = array[np.isfinite(array)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if least < -_ROUNDING or most > 1 + _ROUNDING:
        raise ValueError(
            f"floats from {least:.4g} to {most:.4g}; expected 0 (black) to 1 (white): divide by "
            "the value of white (frame / 255 for 8 bit), or cut off what goes a little too far "
            "(np.clip(frame, 0, 1))"
        )
    return 0.0, 1.0
