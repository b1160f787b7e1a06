"""The recordings in a folder, and what else lies there."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from echojax.errors import InputError
from echojax.files import LITTER
from echojax.media import is_supported
from echojax.wording import count

_NAMED = 3  # files in a line about many


def found(folder: Path, out: Path) -> list[Path]:
    """The recordings in a folder and those within it, without hidden ones and those in `out`.

    Raises:
        InputError: there is none, or `out` is the folder itself.
    """
    if folder.resolve() == out.resolve():
        raise InputError(f"{folder}: is input and output at once; choose another -o")
    recordings = [file for file in _visible(folder, out) if is_supported(file)]
    if not recordings:
        raise InputError(f"{folder}: holds no recording that can be read")
    return recordings


def left_alone(folders: Iterable[Path], out: Path) -> list[str]:
    """What `found` leaves alone: a line for every reason, with a number and some names.

    Hidden files, earlier results, litter and the data that MetaImage headers refer to are no news.
    """
    reasons: dict[str, list[Path]] = {}
    for file in dict.fromkeys(file for folder in folders for file in _visible(folder, out)):
        if is_supported(file) or file.name in LITTER or _belongs_to_header(file):
            continue
        if not os.access(file, os.R_OK):
            reason = "may not be read"
        elif file.suffix:
            reason = "of no format that is known"
        else:
            reason = "without a suffix and no DICOM"
        reasons.setdefault(reason, []).append(file)
    return [
        f"Left alone, {reason}: {count(len(files), 'file')}, {some(files)}"
        for reason, files in reasons.items()
    ]


def some(paths: Sequence[Path]) -> str:
    """The first few of some files, and how many more there are."""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(map(str, paths[:_NAMED])) + more


def _visible(folder: Path, out: Path) -> Iterator[Path]:
    """The files in a folder, without hidden ones and without those in `out`."""
    results = out.resolve()
    inside = results.is_relative_to(folder.resolve())
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        earlier = inside and file.parent.resolve().is_relative_to(results)
        if file.is_file() and not hidden and not earlier:
            yield file


def _belongs_to_header(file: Path) -> bool:
    return file.suffix.lower() in (".raw", ".zraw") and file.with_suffix(".mhd").is_file()
