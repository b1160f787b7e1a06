"""A run directory belongs to one process at a time; a lock of a process that is gone is none."""

import atexit
import os
import sys
from pathlib import Path
from typing import TextIO

from echojax.errors import InputError
from echojax.files import command

NAME = ".lock"
_held: dict[Path, TextIO] = {}

# The system's own locks, since those end with a process, however it ends.
if sys.platform == "win32":
    import msvcrt

    def _take(file: TextIO) -> None:
        file.seek(1 << 20)  # a locked place cannot be read; what is written of the owner can
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: TextIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def check(run: Path) -> None:
    """See that no other process has a run directory; nothing is written.

    Raises:
        InputError: one has; it is named.
    """
    file = run / NAME
    if run.resolve() not in _held and file.is_file():
        with file.open() as opened:
            _lock(opened, run)


def hold(run: Path) -> None:
    """Take a run directory, which is made if need be, until `release` or the end of this process.

    Raises:
        InputError: another process has it; it is named.
    """
    key = run.resolve()
    if key in _held:
        _held.pop(key).close()
    run.mkdir(parents=True, exist_ok=True)
    file = (run / NAME).open("a+")
    try:
        _lock(file, run)
    except InputError:
        file.close()
        raise
    file.truncate(0)
    import socket  # only who works in a run needs it

    file.write(f"process {os.getpid()} on {socket.gethostname()} ({command()})\n")
    file.flush()
    _held[key] = file


@atexit.register
def release() -> None:
    """Give back every run directory that this process has."""
    while _held:
        _held.popitem()[1].close()


def _lock(file: TextIO, run: Path) -> None:
    try:
        _take(file)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        owner = " ".join(file.read().split()) or "another process"
        raise InputError(
            f"{run}: {owner} is at work in it; wait for that or stop it, or choose another --run"
        ) from None
    except OSError:
        pass  # a file system without locks; work there must be possible
