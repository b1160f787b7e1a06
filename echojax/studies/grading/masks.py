"""Where masks come from: experts, or networks that never saw the person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.recipes.cross_segmentation import read_masks

EXPERT, AUTOMATIC, NO_MASK = "expert", "automatic", "none"
KINDS = (EXPERT, AUTOMATIC)
_KEY = "grading.segmenter"

Masks = Callable[[int], "np.ndarray | None"]


def expert(frames: Frames) -> Masks:
    """The masks of a dataset by frame; None where a frame has none."""
    return frames.mask


def automatic(run: str, frames: Frames) -> Masks:
    """The masks that a run of `echojax train-segmenter` has of frames; None where it has none.

    Raises:
        InputError: it has none at all, or one of another shape than its frame.
    """
    digest(run)
    found = read_masks(Path(run).expanduser())
    ids = frames.ids
    for name, image in zip(ids, frames.images, strict=True):
        if name in found and found[name].shape != image.shape:
            raise InputError(
                f"{_KEY} = {run}: its mask of {name} is of {found[name].shape}, the frame of "
                f"{image.shape}; name a run on the same frames"
            )
    return lambda index: found.get(ids[index])


def digest(run: str) -> str:
    """A hash of the masks of a run, 64 hex digits.

    Raises:
        InputError: it has none.
    """
    files = sorted((Path(run).expanduser() / "masks").glob("*.npz"))
    if not files:
        raise InputError(
            f"{_KEY} = {run}: no run with masks; expected one of `echojax train-segmenter`, in "
            "which every frame was segmented by a network of other persons"
        )
    found = hashlib.sha256()
    for file in files:
        found.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
