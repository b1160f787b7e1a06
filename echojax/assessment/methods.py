"""The method of grading that a user asks for."""

from pathlib import Path
from typing import NamedTuple

from echojax.assessment.masks import Segment
from echojax.errors import InputError
from echojax.inference.contrast import Rule
from echojax.inference.grade_lines import COHERENCE, LINES, Line, Measure
from echojax.inference.scorers import Coherence, Pixels, Scorer
from echojax.vocabulary import GradingMethod


class Method(NamedTuple):
    """A method.

    Attributes:
        scorer: grades a frame.
        name: of the method, as the user chooses it.
        title: says how, in a line.
        segment: makes the masks that it needs; None if it does not.
    """

    scorer: Scorer
    name: GradingMethod
    title: str
    segment: Segment | None = None


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
    if method == "gcnr" or method == "cr":
        return _pixels(method, rule, line)
    assert weights is not None
    if method == "end-to-end" or (method is None and _grades(weights)):
        return _end_to_end(weights, line)
    return _coherence(weights, line)


def _grades(weights: Path) -> bool:
    """Whether a file says that its network gives grades."""
    from echojax.inference.regional_quality import HALF_WIDTHS
    from echojax.weights import networks

    return HALF_WIDTHS in networks.card(weights)


def _end_to_end(weights: Path, line: Line | None) -> Method:
    from echojax.inference.regional_quality import Grader

    if line is not None:
        raise InputError(f"{weights}: gives grades itself; leave --line out")
    grader = Grader.load(weights)
    covered = f"intervals of {grader.coverage:.0%}"
    title = f"grades by {weights.stem}, {covered}"
    return Method(grader.scorer, "end-to-end", title, grader.segmenter)


def _coherence(weights: Path, line: Line | None) -> Method:
    from echojax.inference.coherence import CoherenceNetwork

    network = CoherenceNetwork.load(weights)
    known = line or COHERENCE
    title = f"coherence by {weights.stem}, {known.source}"
    return Method(Coherence(network, known), "coherence", title)


def _pixels(measure: Measure, rule: Rule, line: Line | None) -> Method:
    known = line or LINES[measure, rule]
    inside = " inside the sector" if rule == "literature" else " by arqee's formula"
    return Method(
        Pixels(measure, rule, known), measure, f"{_NAMES[measure]}{inside}, {known.source}"
    )
