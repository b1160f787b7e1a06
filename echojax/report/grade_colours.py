"""The colour of every grade of image quality, the same in overlays, figures and the live page.

Vermilion, orange, yellow, sky blue and blue of Okabe and Ito's palette, which colour-blind people
tell apart; whoever shows a colour shows its word, too.
"""

from collections.abc import Iterator
from typing import NamedTuple

from echojax.vocabulary import GRADES, UNGRADED, grade_word


class Colour(NamedTuple):
    """Red, green and blue, 0 to 255."""

    red: int
    green: int
    blue: int

    @property
    def hex(self) -> str:
        """As pages and figures write it, as in "#0072b2"."""
        return "#{:02x}{:02x}{:02x}".format(*self)


UNGRADED_COLOUR = Colour(160, 160, 160)
COLOURS: dict[str, Colour] = dict(
    zip(
        GRADES,
        (
            Colour(213, 94, 0),
            Colour(230, 159, 0),
            Colour(240, 228, 66),
            Colour(86, 180, 233),
            Colour(0, 114, 178),
        ),
        strict=True,
    )
)


def colour_of(grade: float) -> Colour:
    """The colour of a grade in [1, 5], that of its word; gray for nan."""
    return COLOURS.get(grade_word(grade), UNGRADED_COLOUR)


def legend() -> Iterator[tuple[str, Colour]]:
    """What stands beside a picture: "1 not visible" to "5 excellent", and what has no grade."""
    for number, (word, colour) in enumerate(COLOURS.items(), 1):
        yield f"{number} {word}", colour
    yield UNGRADED, UNGRADED_COLOUR
