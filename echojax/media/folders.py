"""The recordings in a folder, and what else lies there."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from echojax.errors import InputError
from echojax.files import LITTER
from echojax.media import is_supported
from echojax.wording import count

_NAMED = 3  # files in a line about many


def found(inputs: Iterable[Path], out: Path | None = None) -> list[tuple[Path, Path]]:
    """The recordings that are meant, each with its name in the folder that was searched.

    Args:
        inputs: recordings, and folders that are searched recursively, but for what is hidden.
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
    if out is not None and folder.resolve() == out.resolve():
        raise InputError(f"{folder}: is input and output at once; choose another -o")
    recordings = [file for file in _visible(folder, out) if is_supported(file)]
    if not recordings:
        raise InputError(f"{folder}: holds no recording that can be read")
    return recordings


def left_alone(inputs: Iterable[Path], out: Path | None = None) -> list[str]:
    """What `found` leaves alone in folders: a line for every reason, with a number and some names.

    Hidden files, earlier results, litter and the data that MetaImage headers refer to are no news.
    """
    reasons: dict[str, list[Path]] = {}
    folders = (path for path in inputs if path.is_dir())
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


def _visible(folder: Path, out: Path | None) -> Iterator[Path]:
    """The files in a folder, without hidden ones and without those in `out`."""
    results = None if out is None else out.resolve()
    inside = results if results and results.is_relative_to(folder.resolve()) else None
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        earlier = inside and file.parent.resolve().is_relative_to(inside)
        if file.is_file() and not hidden and not earlier:
            yield file


def _belongs_to_header(file: Path) -> bool:
    return file.suffix.lower() in (".raw", ".zraw") and file.with_suffix(".mhd").is_file()
