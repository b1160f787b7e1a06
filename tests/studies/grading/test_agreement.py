import numpy as np
import pytest
from scipy import stats

from echojax.studies.grading import agreement


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_spearman_is_scipys_with_ties(rng):
    x = rng.integers(1, 6, 80)
    y = x + rng.normal(size=80).round()
    assert agreement.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert np.isnan(agreement.spearman(x, np.ones(80)))
    assert np.isnan(agreement.spearman(x[:1], y[:1]))


def test_grades_are_cut_halfway():
    continuous = [0.2, 1.49, 1.5, 2.5, 3.49, 4.5, 9]
    assert agreement.cut(np.array(continuous)).tolist() == [1, 1, 2, 3, 3, 5, 5]


def test_kappa_is_one_minus_weighted_disagreement():
    """By hand: 1 2 3 against 1 3 3. Observed (0 + 1 + 0) / 3; by chance, over all nine pairs,
    (0 + 4 + 4 + 1 + 1 + 1 + 4 + 0 + 0) / 9."""
    found = agreement.kappa(np.array([1, 2, 3]), np.array([1, 3, 3]))
    assert found == pytest.approx(1 - (1 / 3) / (15 / 9))
    assert agreement.kappa(np.arange(1, 6), np.arange(1, 6)) == 1
    assert agreement.kappa(np.arange(1, 6), np.arange(5, 0, -1)) == -1
    assert np.isnan(agreement.kappa(np.full(3, 2), np.full(3, 2)))


def test_kappa_is_that_of_the_matrix_of_weights(rng):
    """Reference: Cohen's formula, weights (i - j)^2 on observed and expected counts."""
    one, other = rng.integers(1, 6, (2, 200))
    observed = np.zeros((5, 5))
    np.add.at(observed, (one - 1, other - 1), 1)
    expected = np.outer(observed.sum(1), observed.sum(0)) / 200
    weights = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    reference = 1 - (weights * observed).sum() / (weights * expected).sum()
    assert agreement.kappa(one, other) == pytest.approx(reference, abs=1e-12)


def test_area_is_mann_whitneys_with_ties_at_half(rng):
    value, positive = rng.integers(0, 9, 60), rng.random(60) < 0.4
    statistic = stats.mannwhitneyu(value[positive], value[~positive]).statistic
    assert agreement.area(value, positive) == pytest.approx(
        statistic / (positive.sum() * (~positive).sum()), abs=1e-12
    )
    assert np.isnan(agreement.area(value, np.ones(60, bool)))


def test_absolute_error():
    assert agreement.absolute_error(np.array([1.0, 4]), np.array([2.0, 2])) == 1.5
    assert np.isnan(agreement.absolute_error(np.array([]), np.array([])))


def test_intervals_are_of_patients_not_of_frames(rng):
    """Twenty copies of each patient's frame say no more than one does."""
    value, positive = rng.normal(size=40), np.arange(40) % 2 == 0
    once = agreement.by_patient(agreement.area, np.arange(40), value, positive)
    many = agreement.by_patient(
        agreement.area, np.repeat(np.arange(40), 20), np.repeat(value, 20), np.repeat(positive, 20)
    )
    assert many.value == pytest.approx(once.value)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.05)
    assert once.low < once.value < once.high


def test_an_interval_holds_the_truth_about_as_often_as_it_says(rng):
    """Means of patients with three alike frames: 95 % of intervals hold 0, 90 to 99 % allowed."""
    held = 0
    for number in range(200):
        own = np.repeat(rng.normal(size=40), 3) + 0.1 * rng.normal(size=120)
        found = agreement.by_patient(
            lambda x: float(x.mean()), np.repeat(np.arange(40), 3), own, draws=200, seed=number
        )
        held += found.low <= 0 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_few_patients_give_no_interval():
    few = agreement.by_patient(agreement.absolute_error, np.arange(4), np.ones(4), np.zeros(4))
    assert few.value == 1
    assert np.isnan(few.low)


def test_wilcoxon_ranks_patients(rng):
    patient = np.repeat(np.arange(12), 5)
    one, other = rng.random((2, 60))
    means = (one - other).reshape(12, 5).mean(1)
    assert agreement.wilcoxon(one, other, patient) == pytest.approx(stats.wilcoxon(means).pvalue)
    assert agreement.wilcoxon(one, one, patient) == 1
    assert np.isnan(agreement.wilcoxon(one[:20], other[:20], patient[:20]))


def test_a_person_is_in_one_fold_and_folds_are_alike_in_size(rng):
    group = rng.permutation(np.repeat([f"p{n}" for n in range(23)], 4))
    fold = agreement.folds(group, 5)
    assert all(len(set(fold[group == person])) == 1 for person in set(group))
    sizes = [len(set(group[fold == number])) for number in range(5)]
    assert sorted(sizes) == [4, 4, 5, 5, 5]
    assert (fold == agreement.folds(group, 5)).all()
    assert (fold != agreement.folds(group, 5, seed=1)).any()


def test_a_line_learns_from_other_folds_only(rng):
    value, fold = rng.random(60), np.repeat([0, 1, 2], 20)
    grade = 1 + 3 * value
    assert agreement.calibrated(value, grade, fold) == pytest.approx(grade)
    wrong = np.where(fold == 2, 5.0, grade)  # of what it is applied to, it must not know
    assert agreement.calibrated(value, wrong, fold)[fold == 2] == pytest.approx(grade[fold == 2])


def test_grades_stay_on_their_scale_and_what_is_unknown_stays_so():
    value = np.array([0.0, 1, 2, 3, 100, np.nan])
    grade = np.array([1.0, 2, 3, 4, np.nan, 2])
    found = agreement.calibrated(value, grade, np.array([0, 0, 0, 0, 1, 1]))
    assert found[4] == 5
    assert np.isnan(found[5])
    assert np.isnan(found[:4]).all()  # the other fold has no pair of both
    constant = agreement.calibrated(np.ones(4), np.array([1.0, 3, 1, 3]), np.array([0, 0, 1, 1]))
    assert constant == pytest.approx(np.full(4, 2.0))
