"""Which quality goes to whom."""

from collections import Counter

import numpy as np
import pytest

from echojax.simulate.quality import CAMUS_COUNTS, QUALITIES, assign_qualities
from tests.simulate.reading import VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_qualities_follow_camus_by_quota(view):
    rounded = {"2CH": (43, 43, 14), "4CH": (58, 33, 9)}[view]
    orders = []
    for seed in range(3):
        qualities = assign_qualities(np.random.default_rng(seed), view, 100)
        assert tuple(Counter(qualities)[quality] for quality in QUALITIES) == rounded
        orders.append(qualities)
    assert orders[0] != orders[1]
    whole = Counter(assign_qualities(np.random.default_rng(0), view, 500))
    assert tuple(whole[quality] for quality in QUALITIES) == CAMUS_COUNTS[view]


@pytest.mark.parametrize("patients", [3, 4, 5, 10])
def test_every_quality_occurs_from_three_patients_on(patients):
    for view in VIEWS:
        qualities = assign_qualities(np.random.default_rng(0), view, patients)
        assert len(qualities) == patients
        assert set(qualities) == set(QUALITIES)
