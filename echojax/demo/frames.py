"""The frames that the page shows: of a clip that is played again and again, or of a camera."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from echojax.errors import InputError
from echojax.inference.seen import DEPTH, gray_levels, scale_of, shown_region
from echojax.media import open_recording
from echojax.media.limits import max_bytes
from echojax.media.pillow import open_bytes
from echojax.media.recording import reading
from echojax.resize import square_size

RATE = 25.0  # frames a second, where none is known
_KINDS = ("JPEG", "PNG")


class Frame(NamedTuple):
    """A frame of square pixels.

    Attributes:
        levels: uint8 (rows, columns).
        spacing: mm between rows and between columns.
        moment: seconds, when it was taken.
    """

    levels: np.ndarray
    spacing: tuple[float, float]
    moment: float


class Clip(NamedTuple):
    """Frames that are played in a loop.

    Attributes:
        name: of the file.
        levels: uint8 (rows, columns) each.
        spacing: mm between rows and between columns.
        rate: frames a second.
        whole: whether these are all frames of the file.
    """

    name: str
    levels: tuple[np.ndarray, ...]
    spacing: tuple[float, float]
    rate: float
    whole: bool

    def at(self, tick: int) -> Frame:
        """The frame of a tick, which there are `rate` of in a second."""
        number = tick % len(self.levels)
        return Frame(self.levels[number], self.spacing, number / self.rate)


def read(path: Path, longest: int) -> Clip:
    """The ultrasound of a recording, as many frames as memory is meant for.

    Args:
        path: any recording; one frame is a clip, too.
        longest: of the sides of a frame; larger ones are reduced.

    Raises:
        InputError: it cannot be read, or shows nothing.
    """
    recording = open_recording(path)
    region, scale = shown_region(recording), scale_of(recording)
    inside = slice(region.top, region.bottom), slice(region.left, region.right)
    rows, columns = region.bottom - region.top, region.right - region.left
    size = _fitting(square_size((rows, columns), scale.spacing), longest)
    kept: list[np.ndarray] = []
    whole, most = True, max(1, max_bytes() // (size[0] * size[1]))
    for frame in recording.frames():
        if len(kept) == most:
            whole = False
            break
        kept.append(_resized(gray_levels(frame[inside], recording.low, recording.high), size))
    if not kept:
        raise InputError(f"{path}: has no frame to show")
    spacing = scale.spacing[0] * rows / size[0], scale.spacing[1] * columns / size[1]
    return Clip(path.name, tuple(kept), spacing, recording.frame_rate or RATE, whole)


def example(longest: int) -> Frame:
    """A frame as most cameras give it, to try programs with before the first comes."""
    rows, columns = _fitting((480, 640), longest)
    levels = np.random.default_rng(0).integers(0, 256, (rows, columns), np.uint8)
    return Frame(levels, (DEPTH / rows, DEPTH / rows), 0.0)


def of_camera(data: bytes, longest: int, moment: float) -> Frame:
    """A picture as a browser sends it; a depth of 160 mm is assumed.

    Args:
        data: a JPEG or PNG file.
        longest: of the sides of a frame; a larger one is reduced.
        moment: seconds, when it came.

    Raises:
        InputError: it is none, or larger than is allowed.
    """
    name = "frame of the camera"
    with reading(name, " or ".join(_KINDS)), open_bytes(data, name, _KINDS) as image:
        levels = np.asarray(image.convert("L"))
    levels = _resized(levels, _fitting(levels.shape, longest))
    step = DEPTH / len(levels)
    return Frame(levels, (step, step), moment)


def _fitting(size: tuple[int, ...], longest: int) -> tuple[int, int]:
    rows, columns = (max(1, round(n * min(1, longest / max(size)))) for n in size)
    return rows, columns


def _resized(levels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if levels.shape == size:
        return levels
    return np.asarray(Image.fromarray(levels).resize(size[::-1], Image.Resampling.BICUBIC))
