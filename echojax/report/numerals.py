"""How numbers are written in every report."""

from __future__ import annotations

import math

from echojax.report.blocks import Aside, Strong, Words

_SPACE = "\N{NO-BREAK SPACE}"


def signed(value: float) -> str:
    """A number with its sign and one decimal."""
    rounded = round(value, 1)
    return f"{rounded:+.1f}".replace("-", "\N{MINUS SIGN}") if rounded else "0.0"


def points(value: float) -> str:
    """A difference of two shares in percent."""
    return f"{signed(value)}{_SPACE}points"


def share(value: float) -> str:
    """A share in [0, 1] as percent."""
    return f"{100 * value:.1f}{_SPACE}%"


def bounds(low: float, high: float) -> str:
    """The interval of a change; empty where it is nan."""
    return "" if math.isnan(low) else f"{signed(low)} to {signed(high)}"


def interval(value: float, low: float, high: float, *, sure: bool = False) -> Words:
    """A change with its interval, strong if it is sure; empty where it is nan."""
    if math.isnan(value):
        return ""
    shown = Strong(signed(value)) if sure else signed(value)
    return shown if math.isnan(low) else (shown, " ", Aside(f"({bounds(low, high)})"))


def shares(value: float, low: float, high: float) -> Words:
    """A share in [0, 1] and its interval, in percent without the sign; empty where it is nan."""
    if math.isnan(value):
        return ""
    shown = f"{100 * value:.1f}"
    if math.isnan(low):
        return shown
    return shown, " ", Aside(f"({100 * low:.1f} to {100 * high:.1f})")


def plain(value: float, *, sign: bool = False) -> str:
    """A number of two decimals, with its sign if asked for; empty where it is nan."""
    if math.isnan(value):
        return ""
    rounded = round(value, 2) + 0.0  # no minus before a zero
    return f"{rounded:{'+' if sign and rounded else ''}.2f}".replace("-", "\N{MINUS SIGN}")


def between(value: float, low: float, high: float, *, sign: bool = False) -> Words:
    """A number of two decimals with its interval; empty where it is nan."""
    if math.isnan(low) or math.isnan(value):
        return plain(value, sign=sign)
    return (
        plain(value, sign=sign),
        " ",
        Aside(f"({plain(low, sign=sign)} to {plain(high, sign=sign)})"),
    )


def probability(p: float) -> str:
    """A p value; empty where it is nan."""
    if math.isnan(p):
        return ""
    return f"<{_SPACE}0.001" if p < 0.001 else f"{p:.3f}"
