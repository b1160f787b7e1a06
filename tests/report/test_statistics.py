import math

import numpy as np
import pytest

from echojax.report import statistics
from echojax.report.statistics import Sample


def sample(correct, patients) -> Sample:
    return Sample(np.asarray(correct, dtype=bool), np.asarray(patients))


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0, 0.1611)],
)
def test_wilson_agrees_with_newcombes_examples(right, n, low, high):
    # Newcombe, Statistics in Medicine 17, 1998, table I, method 3; four decimals.
    assert statistics.wilson(right / n, n) == pytest.approx((low, high), abs=5e-5)


def test_a_perfect_cell_is_not_certain():
    patients = np.repeat(np.arange(20), 4)
    estimate = statistics.accuracy(sample(np.ones(80), patients), np.arange(80))
    assert estimate.value == estimate.high == 1
    assert estimate.low == pytest.approx(20 / (20 + statistics.Z_95**2))  # Wilson, 20 of 20


def test_frames_of_a_patient_that_agree_widen_the_interval():
    generator = np.random.default_rng(0)
    patients = np.repeat(np.arange(50), 4)
    agreeing = np.repeat(generator.random(50) < 0.8, 4)
    clustered = statistics.accuracy(sample(agreeing, patients), np.arange(200))
    independent = statistics.accuracy(sample(agreeing, np.arange(200)), np.arange(200))
    ratio = (clustered.high - clustered.low) / (independent.high - independent.low)
    assert ratio == pytest.approx(2, rel=0.1)  # four frames count as one


def test_more_seeds_of_the_same_frames_do_not_narrow_the_interval():
    generator = np.random.default_rng(1)
    correct, patients = generator.random(60) < 0.7, np.repeat(np.arange(15), 4)
    once = statistics.accuracy(sample(correct, patients), np.arange(60))
    often = statistics.accuracy(
        sample(np.tile(correct, 5), np.tile(patients, 5)), np.tile(np.arange(60), 5)
    )
    assert often == pytest.approx(once)


def test_the_effective_size_never_exceeds_the_frames():
    # Patients whose two frames disagree: a smaller variance than independence allows.
    correct = np.tile([1, 0], 30)
    correct[0] = 0
    size = statistics.effective_size(sample(correct, np.repeat(np.arange(30), 2)), np.arange(60))
    assert size == 60


def test_no_variance_between_patients_counts_patients():
    correct = np.tile([1, 0, 1], 10)
    size = statistics.effective_size(sample(correct, np.repeat(np.arange(10), 3)), np.arange(30))
    assert size == 10


def test_one_patient_is_one_observation():
    estimate = statistics.accuracy(sample([1, 1, 0, 1], [7, 7, 7, 7]), np.arange(4))
    assert (estimate.low, estimate.high) == statistics.wilson(0.75, 1)


def test_no_predictions_have_no_accuracy():
    assert all(map(math.isnan, statistics.accuracy(sample([], []), np.array([]))))


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    share = 0.9
    generator = np.random.default_rng(2)
    patients = np.repeat(np.arange(60), 4)
    concentration = 2.0  # of the patients' own accuracies around the share
    held = 0
    for _ in range(400):
        own = generator.beta(concentration * share, concentration * (1 - share), 60)
        correct = generator.random(240) < np.repeat(own, 4)
        estimate = statistics.accuracy(sample(correct, patients), np.arange(240))
        held += estimate.low <= share <= estimate.high
    assert 0.92 <= held / 400 <= 0.98


def test_seed_deviation_is_the_spread_of_the_seeds_accuracies():
    correct, seeds = np.array([1, 1, 1, 0, 0, 0]), np.array([0, 0, 1, 1, 2, 2])
    assert statistics.seed_deviation(correct, seeds) == pytest.approx(0.5)
    assert math.isnan(statistics.seed_deviation(correct, np.zeros(6)))
