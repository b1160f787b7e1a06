"""What networks and measures see of a recording: gray levels of its ultrasound, and millimetres."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from echojax.media import Recording, Region
from echojax.metrics import LUMA

DEPTH = 160.0  # mm that a frame is taken to show from top to bottom where nothing tells
_UNSET = (1.0, 1.0)  # what formats say of pixels that nobody measured


def gray_levels(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    """A frame of any depth and colour in gray levels of 8 bit, uint8 (rows, columns)."""
    if frame.ndim == 3:
        frame = (frame.astype(np.float32) @ LUMA)[..., 0]
    if frame.dtype == np.uint8 and (low, high) == (0, 255):
        return frame
    levels = np.nan_to_num((frame.astype(np.float64) - low) / (high - low), nan=0.0)
    return (255 * levels.clip(0, 1)).round().astype(np.uint8)


def largest(regions: Sequence[Region]) -> Region:
    """Of the regions that a file names, the one that is seen."""
    return max(regions, key=lambda r: (r.bottom - r.top) * (r.right - r.left))


def shown_region(recording: Recording) -> Region:
    """The rectangle of a recording that shows ultrasound; all of it where its file names none."""
    rows, columns = recording.shape[:2]
    return largest(recording.regions or (Region(0, rows, 0, columns),))


def only(frame: np.ndarray, region: Region) -> np.ndarray:
    """A frame (rows, columns) that is black outside of a region."""
    inside = slice(region.top, region.bottom), slice(region.left, region.right)
    kept = np.zeros_like(frame)
    kept[inside] = frame[inside]
    return kept


class Scale(NamedTuple):
    """How large pixels are.

    Attributes:
        spacing: mm between rows and between columns.
        known: whether that was told; else it is assumed.
    """

    spacing: tuple[float, float]
    known: bool


def scale_of(recording: Recording, told: tuple[float, float] | None = None) -> Scale:
    """The spacing of a recording: as the user told, as its file states, or assumed.

    A file's spacing of 1 by 1 mm, which formats have where nobody set it, tells nothing. Assumed
    are square pixels and a depth of 160 mm from the top of the ultrasound to its bottom.
    """
    spacing = told or recording.spacing
    if spacing is not None and (told or spacing != _UNSET):
        return Scale(spacing, True)
    region = shown_region(recording)
    step = DEPTH / (region.bottom - region.top)
    return Scale((step, step), False)
