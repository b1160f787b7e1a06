"""Enhancing files and folders: what goes where, one frame at a time, and what went wrong."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from echojax.errors import EchojaxError, InputError
from echojax.files import written_whole
from echojax.inference.enhance import Enlarger, Interpolation, enhance
from echojax.media import (
    Recording,
    Region,
    check_target,
    is_supported,
    open_recording,
    stem,
    written_files,
)
from echojax.progress import bar
from echojax.vocabulary import Mode

_GAP = 8  # pixels between the pictures of a comparison


class Job(NamedTuple):
    """A recording, the file that its enhanced copy goes to, and the picture beside bicubic."""

    source: Path
    target: Path
    comparison: Path

    def files(self, *, compare: bool) -> tuple[Path, ...]:
        """All files that are made or replaced."""
        return written_files(self.target) + (self.comparison,) * compare


def plan(inputs: Sequence[Path], out: Path) -> list[Job]:
    """Decide what is enhanced and where it goes.

    Args:
        inputs: recordings, and folders that are searched recursively and keep their structure;
            what is no recording is left alone there.
        out: a folder; for a single file it may be a file.

    Raises:
        InputError: an input is not there, a folder holds no recording, `out` cannot hold what is
            asked for, two would go to one file, or an input would be replaced.
    """
    single = len(inputs) == 1 and not inputs[0].is_dir()
    if out.exists() and not out.is_dir() and not single:
        raise InputError(f"{out}: is a file; -o must be a folder for several inputs")
    as_file = single and not out.is_dir() and (out.exists() or bool(out.suffix))
    pairs = []
    for path, name in found(inputs, out):
        if as_file:
            check_target(path, out)
        pairs.append((path, out if as_file else out / name))
    # What is named twice is done once.
    pairs = list(
        {(source.resolve(), target): (source, target) for source, target in pairs}.values()
    )
    sources = {source.resolve() for source, _ in pairs}
    writers: dict[Path, Path] = {}
    for source, target in pairs:
        for file in written_files(target):
            if file.resolve() in sources:
                raise InputError(f"{file}: is an input and would be replaced; choose another -o")
            other = writers.setdefault(file.resolve(), source)
            if other != source:
                raise InputError(f"{other} and {source} would both become {file}")
    comparisons = _comparisons([target for _, target in pairs], sources | writers.keys())
    return [Job(*pair, comparison) for pair, comparison in zip(pairs, comparisons, strict=True)]


def found(inputs: Sequence[Path], out: Path | None = None) -> list[tuple[Path, Path]]:
    """The recordings that are meant, each with its name in the folder that was searched.

    Args:
        inputs: recordings, and folders that are searched recursively.
        out: where results go, and earlier ones may lie, which are left out.

    Raises:
        InputError: an input is not there, a folder holds no recording, or is `out`.
    """
    pairs: list[tuple[Path, Path]] = []
    for path in inputs:
        if path.is_dir():
            pairs += [(file, file.relative_to(path)) for file in _in_folder(path, out)]
        elif path.is_file():
            pairs.append((path, Path(path.name)))
        else:
            raise InputError(f"{path}: no such file or folder")
    return pairs


def _in_folder(folder: Path, out: Path | None) -> list[Path]:
    """The recordings in a folder, without hidden ones and without earlier results."""
    place, results = folder.resolve(), None if out is None else out.resolve()
    if place == results:
        raise InputError(f"{folder}: is input and output at once; choose another -o")
    inside = results if results is not None and results.is_relative_to(place) else None
    found = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not (inside and file.parent.resolve().is_relative_to(inside))
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and is_supported(file)
    ]
    if not found:
        raise InputError(f"{folder}: holds no recording that can be read")
    return found


def _comparisons(targets: Sequence[Path], taken: set[Path]) -> Iterator[Path]:
    """Names for pictures beside targets: short ones, but where two would share one or it is taken.

    Args:
        targets: what is shown in the pictures.
        taken: the files that must not be named, resolved.
    """
    short = [target.with_name(f"{stem(target)}_compare.png") for target in targets]
    times = Counter(short)
    taken = taken | {path.resolve() for path in short if times[path] > 1}
    for target, first in zip(targets, short, strict=True):
        longer = (target.with_name(f"{target.name}{'_' * n}compare.png") for n in count(1))
        path = next(path for path in chain([first], longer) if path.resolve() not in taken)
        taken.add(path.resolve())
        yield path


def check_free(jobs: Sequence[Job], *, compare: bool) -> None:
    """See that nothing would be overwritten.

    Raises:
        InputError: a file is there already.
    """
    there = [file for job in jobs for file in job.files(compare=compare) if file.exists()]
    if there:
        more = f" and {len(there) - 1} more files are" if len(there) > 1 else " is"
        raise InputError(f"{there[0]}{more} there already; pass --overwrite to replace")


@dataclass(frozen=True)
class Work:
    """How recordings are enhanced.

    Attributes:
        enlarger: what enlarges them.
        description: what is done to them, for formats that have a place for it.
        mode: "upscale", "restore" or "filter".
        compare: whether to write a picture of the first frame beside bicubic.
    """

    enlarger: Enlarger
    description: str
    mode: Mode
    compare: bool = False

    @property
    def _bicubic(self) -> Enlarger:
        return Interpolation("bicubic", self.enlarger.scale)

    def run(self, jobs: Sequence[Job]) -> list[str]:
        """Enhance recordings one after the other; a bad one does not stop the others.

        Returns:
            What went wrong, a line each.
        """
        failures: list[str] = []
        with ExitStack() as stack:
            files = stack.enter_context(bar("Enhancing files", len(jobs))) if jobs[1:] else None
            for job in jobs:
                with noting(job.source, failures):
                    recording = open_recording(job.source)
                    if files is None:
                        frames = bar(f"Enhancing {job.source.name}", recording.count or 1)
                        self._enhance(recording, job, stack.enter_context(frames).advance)
                    else:
                        self._enhance(recording, job, lambda: None)
                if files is not None:
                    files.advance()
        return failures

    def _enhance(self, recording: Recording, job: Job, done: Callable[[], None]) -> None:
        def frames() -> Iterator[np.ndarray]:
            for number, frame in enumerate(recording.frames()):
                enhanced = self._frame(recording, frame)
                if self.compare and number == 0:
                    self._save_comparison(recording, frame, enhanced, job.comparison)
                yield enhanced
                done()

        own = {file.resolve() for file in recording.files}
        for file in job.files(compare=self.compare):
            if file.resolve() in own:
                raise InputError(
                    f"{file}: holds data of {job.source} and would be replaced; choose another -o"
                )
        scale = self.enlarger.scale if self.mode == "upscale" else 1
        try:
            recording.write(job.target, frames(), scale, self.description)
        except OSError as error:
            raise EchojaxError(f"{job.target}: cannot be written ({_in_a_line(error)})") from error

    def _frame(self, recording: Recording, frame: np.ndarray) -> np.ndarray:
        enhanced = partial(enhance, mode=self.mode, low=recording.low, high=recording.high)
        if not recording.regions:
            return enhanced(frame, self.enlarger)
        # Text and scales outside the ultrasound are no work for a network that learned speckle.
        upscaled = self.mode == "upscale"
        result = enhanced(frame, self._bicubic) if upscaled else frame.copy()
        scale = self.enlarger.scale if upscaled else 1
        for region in recording.regions:
            inside = enhanced(_cut(frame, region), self.enlarger)
            _cut(result, Region(*(scale * edge for edge in region)))[...] = inside
        return result

    def _save_comparison(
        self, recording: Recording, frame: np.ndarray, enhanced: np.ndarray, path: Path
    ) -> None:
        """Bicubic (a filter: the original), then the network; before a restored frame, itself."""
        low, high = recording.low, recording.high
        bicubic = enhance(frame, self._bicubic, mode=self.mode, low=low, high=high)
        pictures = [frame] if self.mode == "restore" else []
        pictures = [_as_picture(p, low, high) for p in (*pictures, bicubic, enhanced)]
        gap = np.full((len(enhanced), _GAP, *enhanced.shape[2:]), 255, np.uint8)
        row = [part for picture in pictures for part in (gap, picture)][1:]
        with written_whole(path) as aside:
            Image.fromarray(np.concatenate(row, axis=1)).save(aside, "PNG")


@contextmanager
def noting(source: Path, failures: list[str]) -> Iterator[None]:
    """Put down in a line what goes wrong with a file, so that the others are still done."""
    try:
        yield
    except EchojaxError as error:
        failures.append(str(error))
    except Exception as error:  # whatever it is
        failures.append(f"{source}: {_in_a_line(error)}")


def _in_a_line(error: Exception) -> str:
    """The type, where the message alone would not say that something is wrong with the program."""
    words = " ".join(str(error).split())
    if isinstance(error, OSError) and words:
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _cut(frame: np.ndarray, region: Region) -> np.ndarray:
    return frame[region.top : region.bottom, region.left : region.right]


def _as_picture(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    shown = (frame.astype(np.float32) - low) / (high - low)
    return (shown.clip(0, 1) * 255).round().astype(np.uint8)
