import pytest

from echojax.studies.diagnosis import answer, tables


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 3.0, False), (-3.0, -0.1, False), (-1.0, 2.0, True), (0.0, 0.0, True)],
)
def test_an_interval_with_zero_is_called_indistinguishable(low, high, said):
    row = tables.MeanGainRow("paper", "srresnet", "restore", 4, 1.0, low, high, 0.0, low, high)
    assert ("not distinguishable" in answer.change(row)) == said
    assert ("nothing beyond interpolation" in answer.control(row)) == said


def test_without_an_interval_none_is_claimed():
    nan = float("nan")
    row = tables.MeanGainRow("paper", "srresnet", "restore", 4, 1.0, nan, nan, nan, nan, nan)
    assert "too few trainings or patients" in answer.change(row)
    assert "no bicubic control" in answer.control(row)
