"""Configurations that come with echojax and go by a name: the files of the folder `configs`."""

import difflib
from pathlib import Path

from echojax.errors import InputError

_PACKAGE = Path(__file__).parent
_IN_WHEEL, _IN_CHECKOUT = _PACKAGE / "configs", _PACKAGE.parent / "configs"
_FOLDER = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT


def names() -> list[str]:
    """Every name, in alphabetical order."""
    return sorted(file.stem for file in _FOLDER.glob("*.toml"))


def headline(name: str) -> str:
    """What a configuration is for: the first line of its file."""
    with (_FOLDER / f"{name}.toml").open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").rstrip()


def find(given: str) -> Path:
    """The file of a configuration, by its name or its path.

    A word alone is a name; what has a folder or a suffix is a path, whether there is such a file or
    not.

    Raises:
        InputError: no configuration goes by that name; the closest is named.
    """
    path = Path(given)
    if path.name != given or path.suffix:
        return path
    known = names()
    if given in known:
        return _FOLDER / f"{given}.toml"
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.0)
    raise InputError(
        f"{given}: no configuration goes by that name; did you mean {close[0]}? There are "
        f"{', '.join(known)}; a file of your own ends with .toml"
    )
