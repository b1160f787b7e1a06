"""What to set where trainings would take long."""

import math

from echojax.progress import Jobs
from echojax.wording import duration

MUCH = 3600.0  # seconds


def advice(
    seconds: float, steps: int, kind: str, length: tuple[str, float] | None, jobs: Jobs
) -> str:
    """How long the trainings of a kind take, and a setting that makes it less; "" below an hour.

    Args:
        seconds: of a step.
        steps: of one training.
        kind: of training.
        length: the setting that says how long one is, and steps for each unit of it.
        jobs: how many there are, and what makes them fewer.
    """
    number = max(1, jobs.planned[kind])
    whole = seconds * steps * number
    if length is None or not whole > MUCH:
        return ""
    key, unit = length
    if number > 1 and kind in jobs.shorter:
        setting, share = jobs.shorter[kind]
        takes = share * whole
    else:
        units = _round(MUCH / (seconds * number * unit))
        setting, takes = f"{key}={units}", units * unit * seconds * number
    of = f" for {number:,} of them" if number > 1 else ""
    return f"about {duration(whole)}{of} at this pace; --set {setting} takes {duration(takes)}"


def _round(number: float) -> int:
    """The largest of 1, 2, 5, 10, 20 ... that is no more, at least 1."""
    number = max(1.0, number)
    power: int = 10 ** int(math.log10(number))
    return max(power * factor for factor in (1, 2, 5) if power * factor <= number)
