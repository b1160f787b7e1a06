from types import SimpleNamespace

import numpy as np

from benchmarks.partners import partners, told
from echojax.studies.diagnosis.predictions import Predictions

IDS = ["a_2CH_ED", "a_2CH_ES", "a_4CH_ED", "b_2CH_ED", "b_2CH_ES"]


def fold(*train):
    return SimpleNamespace(train={"good": np.array(train, int)})


def test_a_partner_is_the_other_phase_of_the_same_view():
    assert partners(IDS, fold(0), "good") == {"a_2CH_ED", "a_2CH_ES"}
    assert partners(IDS, fold(1, 3), "good") == {"a_2CH_ED", "a_2CH_ES", "b_2CH_ED", "b_2CH_ES"}
    assert partners(IDS, fold(), "good") == set()


def test_answers_are_told_apart_by_what_their_own_fold_trained_on():
    rows = Predictions({"frame": np.array(IDS[:2] * 2), "fold": np.array([0, 0, 1, 1])})
    found = dict(told(SimpleNamespace(train="good"), rows, IDS, [fold(0), fold(3)]))
    assert found["partner trained"]["fold"].tolist() == [0, 0]
    assert found["partner did not"]["fold"].tolist() == [1, 1]
