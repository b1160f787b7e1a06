"""What is said of a CAMUS folder or file that cannot be used."""

from pathlib import Path


class CamusError(Exception):
    """A CAMUS folder or file that cannot be used: what is wrong, where, what was expected."""


def short(path: Path) -> str:
    """The last two parts of a path, enough to find a file in a CAMUS folder."""
    return "/".join(path.parts[-2:])


def shown(words: object) -> str:
    """What a file or a library says, fit for a terminal: its first line, of at most 300 letters."""
    line = (str(words).splitlines() or [""])[0][:300]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
