import numpy as np
import pytest

from echojax.studies.grading import causes
from echojax.studies.grading.causes import BASE, GAINS, WORSE, Cause


def invented_scores(moves):
    """Scores of ten hearts that differ by one from each other, moved by some changes."""
    return [
        Cause(heart, changed, "cr", "expert", heart + moves.get(changed, 0.0))
        for heart in range(10)
        for changed in (BASE, *GAINS, *WORSE)
    ]


def test_changes_are_in_deviations_between_hearts():
    rows = {row.changed: row for row in causes.cause_rows(invented_scores({"haze": -3.0}))}
    assert rows["haze"].change == pytest.approx(-3 / np.std(np.arange(10)))
    assert rows["haze"].hearts == 10
    assert rows["gain"].change == rows["shadow"].change == 0
    assert list(rows)[:3] == list(GAINS)


def test_what_never_differs_has_no_unit():
    same = [each._replace(score=1.0) for each in invented_scores({})]
    assert causes.cause_rows(same) == []


def test_simulated_walls_fade_with_their_cause_and_not_with_gray_levels(tmp_path):
    scores = list(causes.measure(1, {}))
    found = {(each.changed, each.method): each.score for each in scores}
    assert {changed for changed, _ in found} == {BASE, *GAINS, *WORSE}
    assert found["dropout", "gcnr"] < found[BASE, "gcnr"] - 0.02
    # Matching takes the factor out again, but for what it brings to white.
    assert found["gray levels", "cr"] == pytest.approx(found[BASE, "cr"], rel=0.02)
    assert found["gray levels", "sector"] > 1.2 * found[BASE, "sector"]
    causes.write(tmp_path, scores)
    assert len(causes.read(tmp_path)) == len(scores)
