"""What a DICOM header says of millimetres and seconds."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydicom import Dataset

from echojax.media.dicom_header import PLANAR, measured
from echojax.media.recording import as_spacing

_CENTIMETRES = 3  # PhysicalUnitsXDirection and PhysicalUnitsYDirection


def spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Millimetres between rows and between columns, in the largest region if any tells them.

    Source: DICOM PS3.3, C.8.5.5 (US Region Calibration) and 10.7.1.3 (Pixel Spacing).
    """
    found = [_of_region(item) for item in _items(dataset, "SequenceOfUltrasoundRegions")]
    told = [each for each in found if each is not None]
    if told:
        return max(told)[1]
    with suppress(Exception):  # a damaged element raises nearly anything
        for part in measured(dataset):
            if part.get("PixelSpacing"):
                return as_spacing(*part.PixelSpacing)
    return None


def _of_region(item: Dataset) -> tuple[int, tuple[float, float]] | None:
    """How large a region is, and the spacing in it."""
    with suppress(Exception):
        units = item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection
        if item.RegionSpatialFormat == PLANAR and units == (_CENTIMETRES, _CENTIMETRES):
            rows = int(item.RegionLocationMaxY1) - int(item.RegionLocationMinY0)
            columns = int(item.RegionLocationMaxX1) - int(item.RegionLocationMinX0)
            # Some devices count upwards.
            deltas = (10 * abs(float(item[f"PhysicalDelta{axis}"].value)) for axis in "YX")
            steps = as_spacing(*deltas)
            return None if steps is None else (rows * columns, steps)
    return None


def _items(dataset: Dataset, sequence: str) -> Iterator[Dataset]:
    with suppress(Exception):
        yield from dataset.get(sequence) or ()


def frame_rate(dataset: Dataset) -> float | None:
    """Frames per second, as they were taken if that is told, else as they are to be shown."""
    time = _number(dataset.get("FrameTime"))
    if time is None:
        with suppress(Exception):
            steps = [float(step) for step in dataset.FrameTimeVector][1:]
            time = _number(sum(steps) / len(steps))
    if time is not None:
        return 1000 / time
    told = (_number(dataset.get(key)) for key in ("CineRate", "RecommendedDisplayFrameRate"))
    return next((rate for rate in told if rate is not None), None)


def _number(value: Any) -> float | None:
    with suppress(TypeError, ValueError):
        if 0 < float(value) < math.inf:
            return float(value)
    return None
