"""What is done to which file, and where its results go."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from echojax.errors import InputError
from echojax.media import family_of, labels, stem, written_files
from echojax.media.folders import found

PICTURE, CLIP = ".png", ".mp4"
MASKS = ("_mask", "_gt")  # end the names of masks, after those of their recordings
_BESIDE = (*MASKS, "_cf")  # and of what else lies beside: the coherence of a simulated frame


class Job(NamedTuple):
    """A recording and the beginning of the names of what is made of it.

    Attributes:
        source: the recording.
        name: its name in the folder that was searched.
        target: folder and name without a suffix.
    """

    source: Path
    name: Path
    target: Path

    @property
    def mask(self) -> Path:
        """The file of its masks."""
        return self._with(f"_mask{labels.suffix(self.source)}")

    def overlay(self, *, clip: bool) -> Path:
        """What shows it with something drawn over."""
        return self._with(f"_overlay{CLIP if clip else PICTURE}")

    def files(self, *, mask: bool, overlay: bool) -> list[Path]:
        """All that may be made or replaced; before it is opened, nobody knows how many frames."""
        made = list(written_files(self.mask)) if mask else []
        return made + [self.overlay(clip=clip) for clip in (False, True) if overlay]

    def _with(self, ending: str) -> Path:
        return self.target.with_name(self.target.name + ending)


def plan(inputs: Sequence[Path], out: Path) -> list[Job]:
    """Decide what is done and where its results go.

    Args:
        inputs: recordings, and folders that are searched recursively and keep their structure;
            what lies in a folder beside a recording, as a_gt.nii.gz beside a.nii.gz, is none.
        out: a folder.

    Raises:
        InputError: an input is not there, a folder holds no recording, `out` is a file or named
            like one, or results of two would have one name.
    """
    if out.is_file() or family_of(out):
        raise InputError(f"{out}: is a file, or named like one; -o must be a folder")
    pairs = {path.resolve(): (path, name) for path, name in found(inputs, out)}
    there = {_short(path) for path in pairs}
    asked = {path.resolve() for path in inputs}
    pairs = {
        path: pair for path, pair in pairs.items() if path in asked or not _beside(path, there)
    }
    times = Counter(_short(name) for _, name in pairs.values())
    jobs = [
        Job(path, name, out / (name if times[_short(name)] > 1 else _short(name)))
        for path, name in pairs.values()
    ]
    writers: dict[Path, Path] = {}
    for job in jobs:
        other = writers.setdefault(job.target, job.source)
        if other != job.source:
            raise InputError(f"{other} and {job.source} would both become {job.target}")
    return jobs


def _beside(path: Path, there: Collection[Path]) -> bool:
    short = _short(path)
    names = (short.name.removesuffix(ending) for ending in _BESIDE if short.name.endswith(ending))
    return any(name and short.with_name(name) in there for name in names)


def _short(name: Path) -> Path:
    return name.with_name(stem(name))


def check_free(files: Sequence[Path], sources: Sequence[Path], *, overwrite: bool) -> None:
    """See that nothing would be overwritten that must not be.

    Raises:
        InputError: a file is there already, or is an input.
    """
    inputs = {source.resolve() for source in sources}
    taken = next((file for file in files if file.resolve() in inputs), None)
    if taken is not None:
        raise InputError(f"{taken}: is an input and would be replaced; choose another -o")
    there = [file for file in files if file.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more files are" if len(there) > 1 else " is"
        raise InputError(f"{there[0]}{more} there already; pass --overwrite to replace")
