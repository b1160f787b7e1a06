import math

import numpy as np
import pytest
from scipy import stats

from echojax.report import crossed, measures, statistics
from echojax.report.crossed import Estimate, Scores


def table(scores, kind="a"):
    """Scores (patients, seeds), of one frame each."""
    scores = np.asarray(scores, float)
    patient, seed = np.indices(scores.shape)
    one = np.full(scores.size, kind)
    return Scores(scores.ravel(), patient.ravel(), one, seed.ravel(), one)


def test_where_trainings_agree_it_is_the_t_test_of_the_patients():
    own = np.random.default_rng(0).normal(0.3, 1, 20)
    found = crossed.estimate([table(np.stack([own, own, own], axis=1))])
    expected = stats.ttest_1samp(own, 0)
    low, high = expected.confidence_interval()
    assert found.value == pytest.approx(own.mean())
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.freedom == pytest.approx(19)
    assert found.p == pytest.approx(expected.pvalue)


def test_where_patients_agree_it_is_the_t_test_of_the_trainings():
    luck = np.array([0.1, 0.5, 0.2, 0.35])
    found = crossed.estimate([table(np.tile(luck, (30, 1)))])
    low, high = stats.ttest_1samp(luck, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def test_variances_of_patients_and_trainings_add():
    """Reference: the expected mean squares of the crossed two-way layout, by hand."""
    scores = (
        np.random.default_rng(1).normal(size=(12, 1))
        + np.random.default_rng(2).normal(size=(12, 4))
        + np.array([0.0, 1.0, -1.0, 2.0])
    )
    p, t = scores.shape
    grand = scores.mean()
    rest = scores - scores.mean(1, keepdims=True) - scores.mean(0) + grand
    mean_squares = (
        t * ((scores.mean(1) - grand) ** 2).sum() / (p - 1),
        p * ((scores.mean(0) - grand) ** 2).sum() / (t - 1),
        -(rest**2).sum() / (p - 1) / (t - 1),
    )
    found = crossed.estimate([table(scores)])
    assert found.error**2 == pytest.approx(sum(mean_squares) / (p * t))
    freedom = (p - 1, t - 1, (p - 1) * (t - 1))
    parts = sum(m**2 / f for m, f in zip(mean_squares, freedom, strict=True))
    assert found.freedom == pytest.approx(sum(mean_squares) ** 2 / parts)


def test_cells_count_alike_and_share_their_patients():
    luck = np.random.default_rng(3).normal(size=(20, 2))
    one, other = table(luck), table(2 + np.repeat(luck, 2, axis=0)[:20], "b")
    both = crossed.estimate([one, other])
    assert both.value == pytest.approx((one.score.mean() + other.score.mean()) / 2)
    same = crossed.estimate([one, one])
    assert same.error == pytest.approx(crossed.estimate([one]).error)


def test_trainings_of_one_seed_stand_for_repetitions_of_each_other():
    scores = np.random.default_rng(4).normal(size=(20, 3)) + np.arange(3)
    rows = table(scores)
    kinds = rows._replace(repeated=rows.seed.astype(str), seed=np.zeros_like(rows.seed))
    assert crossed.estimate([kinds]) == pytest.approx(crossed.estimate([rows]))


def test_trainings_of_another_sort_may_lie_further_apart():
    """Reference: Welch's t test, of patients that are alike."""
    near, far = np.array([0.1, 0.12, 0.09, 0.11]), np.array([0.9, -0.3, 0.4, 0.2, -0.6])
    cells = [table(np.tile(-near, (30, 1)), "near"), table(np.tile(far, (30, 1)), "far")]
    found = crossed.estimate(cells)
    expected = stats.ttest_ind(far, near, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)
    known = crossed.spreads([cell] for cell in cells)
    one, other = (crossed.estimate([cell], known) for cell in cells)
    assert other.error > 10 * one.error


def test_a_sort_that_was_trained_once_is_judged_by_the_others():
    others = table(np.tile([0.1, 0.5, 0.2], (30, 1)), "others")
    own = table(np.full((30, 1), 0.3), "own")
    found = crossed.estimate([own, own._replace(seed=own.seed + 1)], crossed.spreads([[others]]))
    assert found.error == pytest.approx(np.std([0.1, 0.5, 0.2], ddof=1) / np.sqrt(2))


@pytest.mark.parametrize("shape", [(4, 3), (20, 1)])
def test_too_few_patients_or_trainings_give_no_interval(shape):
    found = crossed.estimate([table(np.random.default_rng(5).random(shape))])
    assert not math.isnan(found.value)
    assert all(map(math.isnan, found[1:]))
    assert math.isnan(found.p)


def test_identical_answers_differ_by_nothing_and_no_answers_say_nothing():
    zero = crossed.estimate([table(np.zeros((20, 2)))])
    assert zero[:3] == (0, 0, 0)
    assert zero.p == 1
    assert crossed.sign_flip([table(np.zeros((20, 2)))]) == 1
    assert all(map(math.isnan, crossed.estimate([])))
    assert math.isnan(crossed.sign_flip([]))


def test_sign_flips_agree_with_every_flip_of_few_patients():
    sums = np.array([3.0, 1, 2, 5, -1, 4])
    signs = np.array(np.meshgrid(*6 * [[-1, 1]])).reshape(6, -1)
    expected = np.mean(np.abs(sums @ signs) >= sums.sum())
    assert crossed.sign_flip([table(sums[:, None])]) == pytest.approx(expected)


def test_holm_multiplies_by_how_many_are_left_and_never_falls():
    found = crossed.holm([0.04, math.nan, 0.01, 0.03, 0.9])
    np.testing.assert_allclose(found, [0.09, math.nan, 0.04, 0.09, 0.9])


def test_a_narrow_interval_around_nothing_is_equivalent_and_a_wide_one_is_not():
    narrow, wide = (Estimate(0.5, math.nan, math.nan, error, 20) for error in (0.5, 5))
    assert crossed.equivalence(narrow, 3) < 0.001
    assert crossed.equivalence(wide, 3) > 0.2
    assert crossed.equivalence(narrow._replace(value=4), 3) > 0.9
    assert crossed.detectable(wide) == pytest.approx(5 * (2.086 + 0.860), abs=0.01)


def answers(right, patients, seed=0):
    """Answers of one training."""
    right = np.asarray(right, float)
    return Scores(
        right,
        np.asarray(patients),
        np.full(len(right), "a"),
        np.full(len(right), seed),
        np.zeros(len(right)),
    )


def twice(right, patients):
    """The same answers of two trainings."""
    both = zip(answers(right, patients), answers(right, patients, seed=1), strict=True)
    return Scores(*map(np.concatenate, both))


def test_change_is_relative_to_before_in_percent():
    patients = np.arange(200)
    before, after = (twice(patients < right, patients) for right in (174, 154))
    change = crossed.estimate([measures.relative(before, after)])
    assert change.value == pytest.approx(-11.494, abs=1e-3)  # 87 to 77, the paper's "11.5 %"
    assert change.low < change.value < change.high < 0


def test_the_error_of_a_change_is_that_of_resampled_patients():
    """Reference: 4000 resamples of the patients; to 5 %."""
    rng = np.random.default_rng(7)
    own = rng.beta(4, 2, 60)
    before, after = (rng.random((60, 4)) < np.clip(own + gain, 0, 1)[:, None] for gain in (0, 0.1))
    patients = np.repeat(np.arange(60), 4)
    found = crossed.estimate(
        [measures.relative(twice(before.ravel(), patients), twice(after.ravel(), patients))]
    )
    drawn = rng.integers(0, 60, (4000, 60))
    resampled = 100 * (after.sum(1)[drawn].sum(1) / before.sum(1)[drawn].sum(1) - 1)
    assert found.error == pytest.approx(resampled.std(), rel=0.05)


def test_pairing_narrows_the_interval_of_a_change():
    rng = np.random.default_rng(4)
    before, patients = rng.random(120) < 0.7, np.arange(120)
    after = before | (rng.random(120) < 0.2)
    paired, apart = (
        crossed.estimate([measures.relative(twice(before, patients), twice(after, others))])
        for others in (patients, patients + 120)
    )
    assert paired.value == pytest.approx(apart.value)
    assert paired.error < 0.6 * apart.error


def test_a_change_from_nothing_is_not_known():
    patients = np.arange(20)
    none, all_right = twice(np.zeros(20), patients), twice(np.ones(20), patients)
    assert all(map(math.isnan, crossed.estimate([measures.relative(none, all_right)])))


def test_an_accuracy_of_agreeing_trainings_is_that_of_its_patients():
    """Reference: the interval of one network, `statistics.accuracy`, but for the t quantile."""
    rng = np.random.default_rng(8)
    right, patients = rng.random(240) < 0.8, np.repeat(np.arange(60), 4)
    found = crossed.share(twice(right, patients), 240)
    one = statistics.accuracy(statistics.Sample(right, patients), np.arange(240))
    assert (found.low, found.high) == pytest.approx((one.low, one.high), abs=0.003)
    assert found.low < one.low


def test_trainings_that_differ_widen_the_interval_of_an_accuracy():
    rng = np.random.default_rng(9)
    patients = np.tile(np.repeat(np.arange(60), 4), 3)
    seed = np.repeat(np.arange(3), 240)
    alike, apart = (
        crossed.share(
            Scores(rng.random(720) < share[seed], patients, np.full(720, "a"), seed, np.zeros(720)),
            240,
        )
        for share in (np.array([0.8, 0.8, 0.8]), np.array([0.7, 0.8, 0.9]))
    )
    assert apart.high - apart.low > 2 * (alike.high - alike.low)
    assert 0 <= apart.low < apart.value < apart.high <= 1


def test_a_perfect_cell_is_not_certain():
    found = crossed.share(twice(np.ones(80), np.repeat(np.arange(20), 4)), 80)
    assert found.value == found.high == 1
    assert found.low == pytest.approx(20 / (20 + statistics.Z_95**2))  # Wilson, 20 of 20


def test_balanced_accuracy_is_the_mean_of_both_recalls_and_varies_as_when_resampled():
    """Reference: 4000 resamples of the patients; to 5 %."""
    rng = np.random.default_rng(10)
    patients, label = np.repeat(np.arange(80), 3), (rng.random(240) < 0.3).astype(int)
    right = rng.random(240) < np.where(label, 0.6, 0.9)
    cell = twice(right, patients)
    found = crossed.estimate([measures.balanced(cell, np.tile(label, 2))])

    def recalls(weight):
        of = [weight[label == k] @ right[label == k] / weight[label == k].sum() for k in (0, 1)]
        return np.mean(of)

    assert found.value == pytest.approx(recalls(np.ones(240)))
    drawn = rng.multinomial(80, np.full(80, 1 / 80), 4000)
    resampled = [recalls(weight[patients].astype(float)) for weight in drawn]
    assert found.error == pytest.approx(np.std(resampled), rel=0.05)


def test_the_area_is_the_share_of_pairs_in_the_right_order_and_ties_count_half():
    """Reference: every pair; and DeLong's variance for patients of one frame, in plain NumPy."""
    rng = np.random.default_rng(11)
    label = (rng.random(90) < 0.4).astype(int)
    probability = np.round(np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1), 1)
    found = crossed.estimate(
        [
            measures.area(
                twice(np.ones(90), np.arange(90)), np.tile(label, 2), np.tile(probability, 2)
            )
        ]
    )
    ones, zeros = probability[label == 1], probability[label == 0]
    order = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    assert found.value == pytest.approx(order.mean())
    variance = sum(np.var(order.mean(axis), ddof=1) / order.shape[1 - axis] for axis in (0, 1))
    assert found.error == pytest.approx(math.sqrt(variance), rel=0.02)


def test_of_one_class_alone_neither_is_known():
    cell = twice(np.ones(20), np.arange(20))
    label = np.zeros(40, int)
    for scores in (measures.balanced(cell, label), measures.area(cell, label, np.ones(40))):
        assert all(map(math.isnan, crossed.estimate([scores])))


def test_a_difference_of_unlike_patients_has_the_error_of_both():
    """Reference: variances of two independent means add; to 1 %."""
    rng = np.random.default_rng(12)
    one, other = rng.random(60) < 0.6, rng.random(90) < 0.8
    before, after = twice(one, np.arange(60)), twice(other, 100 + np.arange(90))
    found = crossed.estimate([measures.difference(before, after)])
    assert found.value == pytest.approx(other.mean() - one.mean())
    variance = one.var(ddof=1) / 60 + other.var(ddof=1) / 90
    assert found.error == pytest.approx(math.sqrt(variance), rel=0.01)
    assert not len(measures.difference(before, answers([], [])).score)
