"""Numbers before their nouns, and what others wrote made fit for a terminal."""

_LONGEST = 300


def count(number: int, noun: str) -> str:
    """A number of things, as in "1 fold" and "2 folds"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


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
