"""Which quality goes to whom."""

from collections import Counter

import numpy as np
import pytest

from echojax.simulate.quality import CAMUS_COUNTS, QUALITIES, VIEWS_ALIKE, assign_qualities
from tests.simulate.reading import VIEWS


def grades(patients, seed=0):
    return assign_qualities(np.random.default_rng(seed), patients)


def of_view(view, patients, seed=0):
    return [of_patient[VIEWS.index(view)] for of_patient in grades(patients, seed)]


@pytest.mark.parametrize("view", VIEWS)
def test_qualities_follow_camus_by_quota(view):
    rounded = {"2CH": (43, 43, 14), "4CH": (58, 33, 9)}[view]
    orders = []
    for seed in range(3):
        qualities = of_view(view, 100, seed)
        assert tuple(Counter(qualities)[quality] for quality in QUALITIES) == rounded
        orders.append(qualities)
    assert orders[0] != orders[1]
    whole = Counter(of_view(view, 500))
    assert tuple(whole[quality] for quality in QUALITIES) == CAMUS_COUNTS[view]


@pytest.mark.parametrize("patients", [3, 4, 5, 10])
def test_every_quality_occurs_from_three_patients_on(patients):
    for view in VIEWS:
        qualities = of_view(view, patients)
        assert len(qualities) == patients
        assert set(qualities) == set(QUALITIES)


def test_views_of_a_patient_are_graded_alike_as_in_camus():
    codes = np.array([[QUALITIES.index(q) for q in row] for row in grades(20_000)])
    # Three grades of so many have a little less in common than what is behind them.
    assert 0.6 < np.corrcoef(codes.T)[0, 1] < VIEWS_ALIKE
    # No patient's views are good and poor but by chance.
    assert 0 < (np.ptp(codes, axis=1) == 2).mean() < 0.01
