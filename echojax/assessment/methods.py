"""The method of grading that a user asks for."""

from pathlib import Path
from typing import NamedTuple

from echojax.errors import InputError
from echojax.inference.contrast import Rule
from echojax.inference.grade import Pixels, Scorer
from echojax.inference.grade_lines import LINES, Line, Measure
from echojax.vocabulary import GradingMethod


class Method(NamedTuple):
    """A method.

    Attributes:
        scorer: grades a frame.
        name: of the method, as the user chooses it.
        title: says how, in a line.
    """

    scorer: Scorer
    name: GradingMethod
    title: str


_NAMES: dict[Measure, str] = {"gcnr": "gCNR", "cr": "CR"}


def chosen(
    method: GradingMethod | None, weights: Path | None, rule: Rule, line: Line | None
) -> Method:
    """The method of a name.

    Args:
        method: its name; that of the network by default.
        weights: the file of its network; None for none.
        rule: of contrast.
        line: from measure to grade; the known one by default.

    Raises:
        InputError: the file holds a network for something else, or no line is known.
    """
    if method in ("gcnr", "cr"):
        return _pixels(method, rule, line)
    assert weights is not None
    raise InputError(f"{weights}: holds no network that grades")


def _pixels(measure: Measure, rule: Rule, line: Line | None) -> Method:
    known = line or LINES[measure, rule]
    inside = " inside the sector" if rule == "literature" else " by arqee's formula"
    return Method(
        Pixels(measure, rule, known), measure, f"{_NAMES[measure]}{inside}, {known.source}"
    )
