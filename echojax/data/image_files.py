"""Image files as 8-bit arrays, and the folders they lie in."""

from pathlib import Path

import numpy as np

from echojax.errors import InputError
from echojax.media import open_recording
from echojax.media.images import KINDS

SUFFIXES = tuple(KINDS)


def find(folder: Path, *, recursive: bool = False) -> list[Path]:
    """The image files of a folder, sorted; hidden ones (macOS's `._0001.png`) do not count.

    Raises:
        InputError: no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path")
    found = sorted(
        path
        for path in (folder.rglob("*") if recursive else folder.iterdir())
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"{folder}: no images; expected files ending in {', '.join(SUFFIXES)}")
    return found


def read(path: Path) -> np.ndarray:
    """One image, upright as EXIF says, without alpha, 16 bit scaled to 8.

    Returns:
        uint8 (rows, columns) if gray, (rows, columns, 3) if RGB.

    Raises:
        InputError: damaged, more than one page, or pixels that are not 8 or 16 bit.
    """
    recording = open_recording(path)
    if recording.count != 1:
        raise InputError(f"{path}: holds {recording.count} pages; save each as a file of its own")
    (image,) = recording.frames()
    if image.dtype == np.uint8:
        return image
    # By the type, not by what this one image holds: a reference must not be stretched.
    return np.round(image * (255 / np.iinfo(image.dtype).max)).astype(np.uint8)
