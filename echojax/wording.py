"""Numbers as people say them, and what others wrote made fit for a terminal."""

_LONGEST = 300


def count(number: int, noun: str) -> str:
    """A number of things, as in "1 fold" and "2 folds"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """A time, as in "42 s", "12 min" and "3.2 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:,.0f} h"


def size(number: float) -> str:
    """A number of bytes, as in "0.1 MB" and "15.2 GB"."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def one_line(text: str) -> str:
    r"""A text as one line that cannot steer a terminal: an escape becomes the letters `\x1b`."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in line
    )


def shown(words: object, longest: int = _LONGEST) -> str:
    """What a file or a library says: one line, cut after `longest` letters.

    Args:
        words: a text; of anything else, the name of its type is shown.
        longest: how many letters of the text are shown.
    """
    text = words if isinstance(words, str) else type(words).__name__
    return one_line(text[:longest]) + ("..." if len(text) > longest else "")
