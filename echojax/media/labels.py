"""Masks of recordings: what their files are called, and reading them, whatever the format."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echojax.errors import InputError
from echojax.media import family_of, open_recording, stem

LARGEST = 4  # label: CAMUS has three, some add the aorta
_SUFFIX = {"image": ".png", "DICOM": ".dcm"}
_KEPT = ("NIfTI", "MetaImage")


def suffix(source: Path) -> str:
    """What the file of a recording's masks ends in: NIfTI, MetaImage and TIFF stay what they are.

    An image becomes a PNG, DICOM a segmentation object, a clip NIfTI.
    """
    kind = family_of(source)
    own = source.name[len(stem(source)) :].lower()
    if kind in _KEPT or own in (".tif", ".tiff"):
        return own
    return _SUFFIX.get(kind or "", ".nii.gz")


@dataclass(frozen=True)
class Labels:
    """The masks in a file.

    Attributes:
        path: the file.
        count: how many there are.
        each: gives them one at a time, uint8 (rows, columns).
    """

    path: Path
    count: int
    each: Iterator[np.ndarray]


def read(path: Path) -> Labels:
    """Open a file of masks: NIfTI, MetaImage, PNG, TIFF or a DICOM segmentation.

    Raises:
        InputError: not such a file, or other values than labels; the latter as masks are read.
    """
    kind = family_of(path) if path.is_file() else None
    if kind == "DICOM":
        from echojax.media import dicom_segmentation
        from echojax.media.recording import reading

        with reading(path, "a DICOM segmentation"):
            if dicom_segmentation.is_segmentation(path):
                masks = dicom_segmentation.masks(path)
                return Labels(path, len(masks), iter(masks))
    recording = open_recording(path)
    if kind not in ("NIfTI", "MetaImage", "image") or len(recording.shape) != 2:
        raise InputError(
            f"{path}: holds no masks; expected labels as NIfTI, MetaImage, gray PNG or TIFF, or a "
            "DICOM segmentation"
        )
    return Labels(path, recording.count or 1, _checked(path, recording.frames()))


def _checked(path: Path, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for frame in frames:
        values = np.unique(frame)
        if not np.isin(values, range(LARGEST + 1)).all():
            raise InputError(
                f"{path}: values from {values[0]:g} to {values[-1]:g}; expected the labels 0 "
                "background, 1 left ventricle, 2 myocardium, 3 left atrium"
            )
        yield frame.astype(np.uint8)
