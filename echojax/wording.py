"""Nouns after their numbers."""


def count(number: int, noun: str) -> str:
    """A number of things, as in "1 fold" and "2 folds"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
