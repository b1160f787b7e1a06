"""Nouns after their numbers, and times and sizes as people say them."""


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
