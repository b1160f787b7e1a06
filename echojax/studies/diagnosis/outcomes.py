"""What the study measures: the names, units and directions of its outcomes."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Outcome(NamedTuple):
    """One measure of how well something went.

    Attributes:
        name: what it is called in print.
        unit: of its values.
        step: unit of its differences.
        better: which of two values is the better one.
        per: what it has a value for; a mean is over these.
        factor: from a table's numbers to the unit.
    """

    name: str
    unit: str
    step: str
    better: Literal["higher", "lower"]
    per: Literal["frame", "patient"]
    factor: float

    @property
    def head(self) -> str:
        """Heading of a column of its values."""
        return f"{self.name}, {self.unit}"

    def improves(self, difference: float) -> bool:
        """Whether a difference is one for the better."""
        return difference > 0 if self.better == "higher" else difference < 0


ACCURACY = Outcome("accuracy", "%", "points", "higher", "frame", 100)
BALANCED = Outcome("balanced accuracy", "%", "points", "higher", "frame", 100)
AREA = Outcome("area under the ROC curve", "%", "points", "higher", "frame", 100)
OUTCOMES = (ACCURACY, BALANCED, AREA)

# Of masks, by name in tables, where a study measures them. The primary question is of accuracy.
DICE = Outcome("Dice", "%", "points", "higher", "frame", 100)
EF_ERROR = Outcome("error of the ejection fraction", "points", "points", "lower", "patient", 1)
OF_MASKS = {
    "dice": DICE,
    "dice_lv": DICE._replace(name="Dice of the left ventricle"),
    "dice_myocardium": DICE._replace(name="Dice of the myocardium"),
    "dice_la": DICE._replace(name="Dice of the left atrium"),
    "ef_error": EF_ERROR,
}
