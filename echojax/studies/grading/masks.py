"""Where masks come from: experts, or networks that never saw the patient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.measures import LA

EXPERT, AUTOMATIC, NO_MASK = "expert", "automatic", "none"
KINDS = (EXPERT, AUTOMATIC)
_KEY = "grading.segmenter"

Masks = Callable[[int], "np.ndarray | None"]


def of(kind: str, frames: Frames, folder: str) -> Masks:
    """The masks of some kind by frame; None where a frame has none.

    Args:
        kind: "expert" or "automatic".
        frames: of the study.
        folder: of the automatic ones.
    """
    if kind == EXPERT:
        return lambda index: frames.masks[index]
    ids, home = frames.ids, Path(folder).expanduser()

    def automatic(index: int) -> np.ndarray | None:
        file = home / f"{ids[index]}.png"
        return _read(file, frames.images[index].shape) if file.is_file() else None

    return automatic


def digest(folder: str) -> str:
    """A hash of all label pictures of a folder, 64 hex digits.

    Raises:
        InputError: there is no such folder, or no picture in it.
    """
    home = Path(folder).expanduser()
    files = sorted(home.glob("*.png")) if home.is_dir() else []
    if not files:
        raise InputError(
            f"{_KEY} = {folder}: no folder with label pictures; expected one with a PNG a frame, "
            "as patient0001_2CH_ED.png, gray levels 0 background, 1 cavity, 2 myocardium, 3 atrium"
        )
    found = hashlib.sha256()
    for file in files:
        found.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _read(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        with Image.open(file) as picture:
            mask = np.asarray(picture)
    except OSError as error:
        raise InputError(f"{file}: cannot be read as a picture ({error})") from error
    if mask.shape != shape:
        raise InputError(f"{file}: is of shape {mask.shape}; its frame is of {shape}")
    if mask.dtype.kind not in "bu" or mask.max() > LA:
        raise InputError(f"{file}: holds labels up to {mask.max()}; expected 0 to {LA}")
    return mask.astype(np.uint8)
