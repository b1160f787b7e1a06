"""Where the masks of a recording come from: a file, or a network."""

from collections.abc import Callable, Iterator
from itertools import repeat, zip_longest
from pathlib import Path
from typing import Protocol

import numpy as np

from echojax.assessment.places import MASKS
from echojax.errors import InputError
from echojax.inference.seen import gray_levels, only, shown_region
from echojax.media import Recording, is_supported, labels, stem
from echojax.wording import count

_ENDINGS = ("", *MASKS)  # of a mask's name, after that of its recording


class Segmented(Protocol):
    """What a segmenter gives."""

    @property
    def mask(self) -> np.ndarray:
        """Labels, uint8 (rows, columns)."""


Segment = Callable[[np.ndarray], Segmented]
# The frames of a recording in gray levels, each with its mask.
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


def ultrasound(recording: Recording) -> Iterator[np.ndarray]:
    """The frames in gray levels, uint8 (rows, columns), black where no ultrasound is shown."""
    region = shown_region(recording)
    for frame in recording.frames():
        yield only(gray_levels(frame, recording.low, recording.high), region)


def segmented(recording: Recording, segment: Segment) -> Pairs:
    """Frames and the masks that a network makes of the ultrasound in them."""
    region = shown_region(recording)
    inside = slice(region.top, region.bottom), slice(region.left, region.right)
    for frame in ultrasound(recording):
        mask = np.zeros(frame.shape, np.uint8)
        mask[inside] = segment(np.ascontiguousarray(frame[inside])).mask
        yield frame, mask


def given(recording: Recording, path: Path, remark: Callable[[str], None]) -> Pairs:
    """Frames and the masks that a file has for them; a single one serves all of a clip.

    Raises:
        InputError: there are more or fewer masks than frames, or they are of another size.
    """
    found = labels.read(path)
    every = ultrasound(recording)
    pairs: Iterator[tuple[np.ndarray | None, np.ndarray | None]]
    if found.count == 1 and recording.count != 1:
        remark(f"{path}: one mask, which serves every frame of {recording.path}")
        pairs = zip(every, repeat(next(found.each)), strict=False)
    else:
        pairs = zip_longest(every, found.each)
    for frame, mask in pairs:
        if frame is None or mask is None:
            raise InputError(
                f"{path}: {count(found.count, 'mask')} for {recording.path}, which has another "
                "number of frames; expected one for each, or one for all"
            )
        if mask.shape != frame.shape:
            raise InputError(
                f"{path}: masks of {_size(mask)} pixels, and {recording.path} has frames of "
                f"{_size(frame)}"
            )
        yield frame, mask


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"


class Folder:
    """A folder of masks; that of study/a.dcm is called study/a_mask, study/a_gt or study/a."""

    def __init__(self, path: Path) -> None:
        """Look through it once."""
        self._path = path
        self._found: dict[Path, list[Path]] = {}
        for file in sorted(path.rglob("*")):
            if not (file.is_file() and is_supported(file)):
                continue
            relative = file.relative_to(path)
            self._found.setdefault(relative.with_name(stem(relative)), []).append(file)

    def of(self, source: Path, name: Path) -> Path:
        """The file of a recording's masks.

        Args:
            source: the recording, which may lie in the folder itself.
            name: its name in the folder that was searched for recordings.

        Raises:
            InputError: it has no mask here, or several.
        """
        places = [name.with_name(stem(name) + ending) for ending in _ENDINGS]
        beside = [file for place in places[1:] for file in self._found.get(place, [])]
        same = [file for file in self._found.get(places[0], []) if not file.samefile(source)]
        candidates = beside or same
        if len(candidates) != 1:
            there = ", ".join(map(str, candidates)) or "none"
            raise InputError(
                f"{source}: masks in {self._path}: {there}; expected one called "
                + " or ".join(str(place) for place in (*places[1:], places[0]))
                + ", with a suffix"
            )
        return candidates[0]
