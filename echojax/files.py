"""Writing files whole or not at all, and telling them apart."""

import functools
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from echojax.errors import InputError

# To the end of a word, of a quoted string or of a list's entry; no part of an address.
_ABSOLUTE = re.compile(r"""(?<![\w.:/~-])(?:[A-Za-z]:[\\/]|/)[^"',\]\n]+""")
# What file managers leave behind in folders that they have shown.
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what was written there takes `path`'s place if the block succeeds.

    Missing folders are made. A crash, or a reader at the wrong moment, never sees half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def stranger(folder: Path, ours: Callable[[str], bool]) -> str | None:
    """The first file in a folder that is not ours, relative to it; None if there is no such file.

    Args:
        folder: searched to its depth, but through no link.
        ours: asked about every file and link by its name relative to the folder, with slashes.
    """
    for place, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted([*files, *links]):
            relative = Path(place, name).relative_to(folder).as_posix()
            if name not in LITTER and not ours(relative):
                return relative
    return None


def from_here(path: str) -> str:
    """A path, as seen from the work folder if it lies in there; anything else as it is."""
    here = Path.cwd()
    if Path(path).is_absolute() and Path(path).is_relative_to(here):
        return Path(path).relative_to(here).as_posix()
    return path


def without_places(text: str) -> str:
    """A text that may travel: of paths of this machine in it, what `from_here` or the name says."""

    def short(found: re.Match[str]) -> str:
        path = from_here(found[0])
        return Path(path).name if Path(path).is_absolute() else path

    return _ABSOLUTE.sub(short, text)


def command() -> str:
    """How this process was called, without places."""
    return " ".join(["echojax", *map(without_places, sys.argv[1:])])


def sha256(path: Path) -> str:
    """The sha256 of a file, 64 hex digits.

    Raises:
        InputError: no such file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    return _sha256(path.absolute(), found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, modified: int, size: int) -> str:
    # Kept, since hundreds of classifiers start from one file.
    del modified, size
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
