import numpy as np
import pytest

from echojax.studies.grading import labels
from echojax.studies.grading.grades import Source
from echojax.studies.grading.labels import MEAN, WHOLE


def word(grades):
    return "good" if grades.mean() > 3.4 else "poor" if grades.mean() < 2.6 else "medium"


METHODS = {
    Source("expert", "cr"): lambda grades: grades,
    Source("expert", "gcnr"): lambda grades: -grades,
    Source("none", "sector"): lambda grades: np.full(8, 7.0),
}


@pytest.fixture
def rows(invented, truth):
    return {
        (row.method, row.over): row
        for row in labels.label_rows(invented(truth, METHODS, word), parts=5, seed=0)
    }


def test_a_measure_that_follows_quality_tells_good_from_poor(rows):
    row = rows["cr", MEAN]
    assert row.auc == 1
    assert row.rho > 0.8
    assert row.error < 0.5
    assert row.kappa > 0.6
    assert (row.frames, row.patients) == (60, 30)


def test_its_opposite_does_so_the_wrong_way_round(rows):
    row = rows["gcnr", WHOLE]
    assert row.auc == 0
    assert row.rho == pytest.approx(-rows["cr", WHOLE].rho)
    assert row.more == -1
    assert row.more_high <= -1 + 1e-9
    assert row.error == pytest.approx(rows["cr", WHOLE].error)  # a line may have any slope


def test_what_is_always_the_same_knows_nothing(rows):
    row = rows["sector", WHOLE]
    assert row.auc == 0.5
    assert np.isnan(row.rho)


def test_every_region_stands_alone(invented, truth):
    def one_region(grades):
        return np.where(np.arange(8) == 2, word(grades) == "good", 0.0)

    found = invented(truth, {Source("expert", "cr"): one_region}, word)
    area = {row.region: row.auc for row in labels.region_rows(found)}
    assert area.pop("apical left") == 1
    assert set(area.values()) == {0.5}
    assert len(area) == 7


def test_a_view_with_few_good_or_poor_patients_is_left_out(invented, truth):
    few = {name: truth[name] for name in list(truth)[:8]}
    assert labels.label_rows(invented(few, METHODS, word), parts=2, seed=0) == []
    nobody = invented(truth, METHODS)
    assert labels.label_rows(nobody, parts=5, seed=0) == []
    assert labels.region_rows(nobody) == []
