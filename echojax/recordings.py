"""Enhancing files and folders: what goes where, one frame at a time, and what went wrong."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.errors import EchojaxError, InputError
from echojax.files import written_whole
from echojax.inference.enhance import Enlarger, Interpolation, enhance
from echojax.inference.surround import enhance_ultrasound, surrounded
from echojax.media import (
    Recording,
    Region,
    check_target,
    open_recording,
    stem,
    written_files,
)
from echojax.media.folders import found, some
from echojax.progress import bar
from echojax.report.panels import side_by_side
from echojax.vocabulary import Mode


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
        region: where ultrasound is shown, whatever the recordings say of it; None if they are to
            be believed.
        compress: whether DICOM is written compressed, without loss.
        anonymize: whether DICOM is written without what tells whose it is; other formats are
            refused then.
    """

    enlarger: Enlarger
    description: str
    mode: Mode
    compare: bool = False
    region: Region | None = None
    compress: bool = False
    anonymize: bool = False

    def run(self, jobs: Sequence[Job], remark: Callable[[str], None] = lambda _: None) -> list[str]:
        """Enhance recordings one after the other; a bad one does not stop the others.

        Args:
            jobs: what goes where.
            remark: told, a line each and at the end, what a user should know of what was done.

        Returns:
            What went wrong, a line each.
        """
        failures: list[str] = []
        unknown: dict[str, list[Path]] = {}  # where ultrasound is, by what was done then
        with ExitStack() as stack:
            files = stack.enter_context(bar("Enhancing files", len(jobs))) if jobs[1:] else None
            for job in jobs:
                with noting(job.source, failures):
                    recording = self._open(job.source)
                    done = files or stack.enter_context(
                        bar(f"Enhancing {job.source.name}", recording.count or 1)
                    )
                    advance = (lambda: None) if files else done.advance
                    if guess := self._enhance(recording, job, advance):
                        unknown.setdefault(guess, []).append(job.source)
                if files is not None:
                    files.advance()
        for guess, sources in unknown.items():
            remark(f"Where ultrasound is shown is not named in {some(sources)}: {guess}")
        return failures

    def _open(self, path: Path) -> Recording:
        recording = open_recording(path)
        recording.compress, recording.anonymize = self.compress, self.anonymize
        if self.anonymize and recording.family != "DICOM":
            raise InputError(
                f"{path}: no DICOM, and only DICOM is anonymized; leave --anonymize out if it "
                "names nobody"
            )
        if self.region is not None:
            rows, columns = recording.shape[:2]
            if self.region.bottom > rows or self.region.right > columns:
                raise InputError(
                    f"{path}: has {rows} rows and {columns} columns; --region must lie inside"
                )
            recording.regions = (self.region,)
        return recording

    def _enhance(self, recording: Recording, job: Job, done: Callable[[], None]) -> str:
        """Write a recording's enhanced copy; says what was done where no region is known."""
        low, high = recording.low, recording.high
        guess = ""

        def frames() -> Iterator[np.ndarray]:
            nonlocal guess
            for number, frame in enumerate(recording.frames()):
                enhanced = enhance_ultrasound(
                    frame,
                    self.enlarger,
                    mode=self.mode,
                    low=low,
                    high=high,
                    regions=recording.regions,
                )
                if number == 0:
                    guess = _guess(recording, frame)
                    if self.compare:
                        self._save_comparison(frame, enhanced, low, high, job.comparison)
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
        return guess

    def _save_comparison(
        self, frame: np.ndarray, enhanced: np.ndarray, low: float, high: float, path: Path
    ) -> None:
        """The original, bicubic (but beside a filter) and the network."""
        scale = self.enlarger.scale
        original = frame.repeat(scale, 0).repeat(scale, 1) if self.mode == "upscale" else frame
        way = {"upscale": f" x{scale}", "restore": f", x{scale} smaller and back", "filter": ""}
        pictures = {
            "original" + (f", each pixel x{scale}" if self.mode == "upscale" else ""): original
        }
        if self.mode != "filter":
            bicubic = Interpolation("bicubic", scale)
            pictures[f"bicubic{way[self.mode]}"] = enhance(
                frame, bicubic, mode=self.mode, low=low, high=high
            )
        pictures[f"network{way[self.mode]}"] = enhanced
        sheet = side_by_side([(name, _as_picture(p, low, high)) for name, p in pictures.items()])
        with written_whole(path) as aside:
            sheet.save(aside, "PNG")


def _guess(recording: Recording, frame: np.ndarray) -> str:
    """What is done with a recording that does not name its regions; nothing if it does."""
    if recording.regions:
        return ""
    if surrounded(frame, recording.low, recording.high) is None:
        return (
            "the whole frame goes through the network, burnt-in text too; "
            "--region TOP,LEFT,BOTTOM,RIGHT says where it is"
        )
    if recording.family != "DICOM":  # no format else has a place to name it
        return ""
    return "the network is at work in the sector that was found on black, and nowhere else"


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


def _as_picture(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    shown = (frame.astype(np.float32) - low) / (high - low)
    return (shown.clip(0, 1) * 255).round().astype(np.uint8)
