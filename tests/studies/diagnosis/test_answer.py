import pytest

from echojax.studies.diagnosis import answer, costs
from echojax.studies.diagnosis.cells import Cell

NAN = float("nan")
CELL = Cell("patient", "view", "good", "poor", "none", "none", "none")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 3.0, False), (-3.0, -0.1, False), (-1.0, 2.0, True), (0.0, 0.0, True)],
)
def test_an_interval_with_zero_is_called_indistinguishable(low, high, said):
    row = costs.CostRow(CELL, 0.9, 0.8, 1.0, low, high, 1.0, low, high, False)
    assert ("not distinguishable" in answer.change(row)) == said


def test_without_an_interval_none_is_claimed():
    row = costs.CostRow(CELL, 0.9, 0.8, 1.0, *2 * (NAN,), 1.0, *2 * (NAN,), False)
    assert "too few trainings or patients" in answer.change(row)
