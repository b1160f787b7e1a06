from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import grade_correlation, region_auc
from benchmarks.region_auc import Boxes
from tests import camus_folders


def made(patients: int = 60, view: float = 0.0, seed: int = 0) -> Boxes:
    """2 x 2 boxes of noise, both views and phases; `view` brightens the first box of 4CH."""
    rng = np.random.default_rng(seed)
    patient = np.repeat([f"p{k}" for k in range(patients)], 4)
    views, phases = np.tile([0, 0, 1, 1], patients), np.tile([0, 1], 2 * patients)
    gray = rng.normal(50, 1, (4 * patients, 2, 2))
    gray[views == 1, 0, 0] += view
    return Boxes(gray, patient, views, phases)


def test_an_area_is_the_share_of_pairs_that_are_in_order() -> None:
    gray = np.array([1.0, 2.0, 2.0, 3.0])[:, None, None]
    label = np.array([0, 0, 1, 1])
    pairs = [1, 1, 0.5, 1]
    assert region_auc.area(gray, label)[0, 0] == pytest.approx(np.mean(pairs))


def test_only_the_box_that_differs_tells_views_apart() -> None:
    found = made(view=3.0)
    areas = region_auc.areas(found, "view")
    assert areas[0, 0] > 0.95
    assert np.abs(areas.ravel()[1:] - 0.5).max() < 0.15
    assert np.abs(region_auc.areas(found, "phase") - 0.5).max() < 0.15
    assert region_auc.ridge(found, "view, ED") > 0.85
    assert region_auc.ridge(found, "phase") < 0.65


def test_what_chance_makes_of_the_difference_is_expected() -> None:
    shown = np.ones((2, 2), bool)
    expected = region_auc.expected(made(), 60, "view", shown)
    off = [
        region_auc.rms(region_auc.areas(made(), "view") - region_auc.areas(made(seed=k), "view"))
        for k in range(1, 30)
    ]
    assert expected == pytest.approx(np.sqrt(np.mean(np.square(off))), rel=0.35)


def test_a_folder_beside_itself_differs_in_nothing(tmp_path: Path) -> None:
    names = [f"patient{k:04d}" for k in range(1, 11)]
    folder = str(camus_folders.nifti_release(tmp_path / "camus", names))
    result = CliRunner().invoke(region_auc.main, [folder, folder, "--cells", "4"])
    assert result.exit_code == 0, result.output
    assert "| view | 0.000 |" in result.output
    assert "their ratio 1.00" in result.output


def test_grades_of_two_views_correlate_as_what_is_seen_of_them_does() -> None:
    rng = np.random.default_rng(0)
    quality = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 2000)
    seen = quality[..., None] + rng.normal(0, 1, (2000, 2, 6))
    grade = np.digitize(quality[:, 0], [-0.2, 0.9]).astype(float)
    said = grade_correlation.answers(*(seen[:, 0], grade, seen[:, 1]))
    own, other = grade_correlation.correlations(grade, said)
    assert other / own == pytest.approx(0.7, abs=0.06)
