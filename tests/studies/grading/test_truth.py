import numpy as np
import pytest

from echojax.studies.grading import truth as against
from echojax.studies.grading.grades import Source
from echojax.studies.grading.truth import ALL

GOOD, NOISY = Source("expert", "cr"), Source("expert", "gcnr")
KNOWN = Source("none", "truth")


@pytest.fixture
def every(invented, truth):
    rng = np.random.default_rng(1)
    methods = {
        KNOWN: lambda grades: grades,
        GOOD: lambda grades: 10 + 2 * grades,
        NOISY: lambda grades: grades + rng.normal(scale=2, size=8),
        Source("none", "sector"): lambda grades: np.full(8, np.nan),
    }
    found = invented(truth, methods)
    return against.judged(found, against.of_simulator(found), 5, 0)


def test_a_line_of_the_truth_has_no_error_in_any_unit(every):
    rows = {(row.method, row.region): row for row in against.truth_rows(every)}
    row = rows["cr", ALL]
    assert row.rho == pytest.approx(1)
    assert row.error == pytest.approx(0, abs=1e-9)
    assert row.kappa == 1
    assert (row.regions, row.patients) == (480, 30)
    assert rows["cr", "annulus left"].regions == 60
    assert {region for _, region in rows} == {ALL, *against.REGIONS}


def test_noise_costs_agreement(every):
    row = next(r for r in against.truth_rows(every) if (r.method, r.region) == ("gcnr", ALL))
    assert 0.3 < row.rho < 0.7
    assert row.error > 0.5
    assert row.rho_low < row.rho < row.rho_high


def test_methods_are_paired_by_patient_and_the_truth_is_no_method(every):
    assert set(every) == {GOOD, NOISY}
    (pair,) = against.pair_rows(every)
    assert pair.difference < -0.5
    assert pair.high < 0
    assert pair.p < 1e-4
    assert pair.holm == pair.p  # the only one
    assert pair.patients == 30


def test_regions_without_grade_or_measure_do_not_count(invented, truth):
    first = next(iter(truth))
    truth[first][:4] = np.nan
    found = invented(
        truth, {KNOWN: lambda g: g, GOOD: lambda g: np.where(np.arange(8) == 7, np.nan, g)}
    )
    judged = against.judged(found, against.of_simulator(found), 5, 0)
    row = against.truth_rows(judged)[0]
    assert row.regions == 60 * 7 - 4
