"""Enhancing files and folders: what goes where, one frame at a time, and what went wrong."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from echojax import enhance
from echojax.config import Mode
from echojax.errors import EchojaxError, InputError
from echojax.files import written_whole
from echojax.media import Recording, Region, is_supported, open_recording
from echojax.progress import bar
from echojax.weights.networks import Generator

_GAP = 8  # pixels between the pictures of a comparison


class Job(NamedTuple):
    """A recording and the file that its enhanced copy goes to."""

    source: Path
    target: Path

    @property
    def comparison(self) -> Path:
        """The picture that shows it beside bicubic."""
        return self.target.with_name(f"{self.target.name.split('.')[0]}_compare.png")


def plan(inputs: Sequence[Path], out: Path) -> list[Job]:
    """Decide what is enhanced and where it goes.

    Args:
        inputs: recordings, and folders that are searched recursively and keep their structure;
            what is no recording is left alone there.
        out: a folder; for a single file it may be a file.

    Raises:
        InputError: an input is not there, a folder holds no recording, or two would go to one file.
    """
    jobs = []
    single = len(inputs) == 1 and inputs[0].is_file() and not out.is_dir()
    for path in inputs:
        if path.is_dir():
            found = [
                file
                for file in sorted(path.rglob("*"))
                if file.is_file()
                and not file.is_relative_to(out)
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
                and is_supported(file)
            ]
            if not found:
                raise InputError(f"{path}: holds no recording that can be read")
            jobs += [Job(file, out / file.relative_to(path)) for file in found]
        elif path.is_file():
            jobs.append(Job(path, out if single and out.suffix else out / path.name))
        else:
            raise InputError(f"{path}: no such file or folder")
    sources: dict[Path, Path] = {}
    for job in jobs:
        other = sources.setdefault(job.target, job.source)
        if other != job.source:
            raise InputError(f"{other} and {job.source} would both become {job.target}")
        if job.target.resolve() == job.source.resolve():
            raise InputError(f"{job.source}: would be replaced by its copy; choose another -o")
    return jobs


def check_free(jobs: Sequence[Job], *, compare: bool) -> None:
    """See that nothing would be overwritten.

    Raises:
        InputError: a file is there already.
    """
    targets = [path for job in jobs for path in (job.target, job.comparison)[: 1 + compare]]
    there = [path for path in targets if path.exists()]
    if there:
        more = f" and {len(there) - 1} more files are" if len(there) > 1 else " is"
        raise InputError(f"{there[0]}{more} there already; pass --overwrite to replace")


@dataclass(frozen=True)
class Work:
    """How recordings are enhanced.

    Attributes:
        model: a generator, x4.
        description: what is done to them, for formats that have a place for it.
        mode: "upscale" or "restore".
        compare: whether to write a picture of the first frame beside bicubic.
        tile: side of a tile in low-resolution pixels.
    """

    model: Generator
    description: str
    mode: Mode
    compare: bool = False
    tile: int = enhance.TILE

    def run(self, jobs: Sequence[Job]) -> list[str]:
        """Enhance recordings one after the other; a bad one does not stop the others.

        Returns:
            What went wrong, a line each.
        """
        failures = []
        with ExitStack() as stack:
            files = stack.enter_context(bar("Enhancing files", len(jobs))) if jobs[1:] else None
            for job in jobs:
                try:
                    recording = open_recording(job.source)
                    if files is None:
                        frames = bar(f"Enhancing {job.source.name}", recording.count or 1)
                        self._enhance(recording, job, stack.enter_context(frames).advance)
                    else:
                        self._enhance(recording, job, lambda: None)
                except EchojaxError as error:
                    failures.append(str(error))
                except (OSError, MemoryError) as error:
                    failures.append(f"{job.source}: {error or type(error).__name__}")
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

        scale = enhance.SCALE if self.mode == "upscale" else 1
        recording.write(job.target, frames(), scale, self.description)

    def _frame(self, recording: Recording, frame: np.ndarray) -> np.ndarray:
        enhance_by = partial(
            enhance.enhance_frame, mode=self.mode, low=recording.low, high=recording.high
        )
        network = partial(enhance.pieces, self.model, tile=self.tile)
        if not recording.regions:
            return enhance_by(frame, network)
        # Text and scales outside the ultrasound are no work for a network that learned speckle.
        upscaled = self.mode == "upscale"
        result = enhance_by(frame, enhance.interpolated) if upscaled else frame.copy()
        scale = enhance.SCALE if upscaled else 1
        for region in recording.regions:
            inside = enhance_by(_cut(frame, region), network)
            _cut(result, Region(*(scale * edge for edge in region)))[...] = inside
        return result

    def _save_comparison(
        self, recording: Recording, frame: np.ndarray, enhanced: np.ndarray, path: Path
    ) -> None:
        """Bicubic, then the network; the original before them if it has their size."""
        low, high = recording.low, recording.high
        bicubic = enhance.enhance_frame(
            frame, enhance.interpolated, mode=self.mode, low=low, high=high
        )
        pictures = [frame] if self.mode == "restore" else []
        pictures = [_as_picture(p, low, high) for p in (*pictures, bicubic, enhanced)]
        gap = np.full((len(enhanced), _GAP, *enhanced.shape[2:]), 255, np.uint8)
        row = [part for picture in pictures for part in (gap, picture)][1:]
        with written_whole(path) as aside:
            Image.fromarray(np.concatenate(row, axis=1)).save(aside, "PNG")


def _cut(frame: np.ndarray, region: Region) -> np.ndarray:
    return frame[region.top : region.bottom, region.left : region.right]


def _as_picture(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    shown = (frame.astype(np.float32) - low) / (high - low)
    return (shown.clip(0, 1) * 255).round().astype(np.uint8)
