"""Networks kept apart from the persons they learned from: of several files, the one for a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.files import sha256
from echojax.recipes import learned_from
from echojax.weights import catalogue

NO_FILE = -1


def files(named: str, key: str) -> list[Path]:
    """The files of a setting: one, the name of a known one, or all that a folder has.

    Args:
        named: a file, a name, or a folder such as that of a run, whose networks are of folds.
        key: of the setting.

    Raises:
        InputError: the folder has none.
    """
    folder = Path(named).expanduser()
    if not folder.is_dir():
        return [catalogue.locate(named)]
    found = sorted(folder.rglob("*.safetensors"))
    if not found:
        raise InputError(f"{key} = {named}: there is no .safetensors file in that folder")
    return found


def hashes(every: Sequence[Path], key: str) -> dict[str, str]:
    """Hash of each file, for a job's record.

    Raises:
        InputError: one is not there.
    """
    names = [key] if len(every) == 1 else [f"{key} {number}" for number in range(len(every))]
    return {name: sha256(file) for name, file in zip(names, every, strict=True)}


def places(every: Sequence[Path], frames: Frames) -> np.ndarray:
    """For each frame the first file that learned from no frame of its person, or -1.

    Raises:
        InputError: a file learned from echo frames and does not say from which.
    """
    place = np.full(len(frames), NO_FILE)
    for number, file in reversed(list(enumerate(every))):
        known = frames.group[learned_from.seen(file, frames)]
        place[~np.isin(frames.group, known)] = number
    return place
