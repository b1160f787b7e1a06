import sys

import numpy as np
import pytest

from benchmarks import aa
from echojax.report.crossed import Scores
from echojax.studies.diagnosis import predictions
from tests.studies.diagnosis.conftest import invent

LOW, HIGH = aa.SOUND


@pytest.mark.parametrize("luck", [aa.ALIKE, aa.UNLIKE], ids=["alike", "unlike"])
@pytest.mark.parametrize(("side", "seeds"), [("train", 2), ("train", 5), ("test", 3)])
def test_where_nothing_differs_about_one_interval_in_twenty_excludes_zero(side, seeds, luck):
    single, mean, judged = aa.rates(aa.made(side, seeds=seeds, luck=luck), 100)
    assert LOW <= single <= HIGH
    assert LOW <= mean <= HIGH
    assert judged > 0.9


def test_cells_in_which_hardly_a_patient_changes_are_counted_and_not_judged():
    score = np.zeros(80)
    score[:10] = 1, 0, -1, 0, 1, 0, 0, 0, 1, 0  # four patients of two answers each
    cell = Scores(score, np.arange(80) // 2, np.zeros(80), np.arange(80) % 2, np.zeros(80))
    assert aa.changed(cell) == 4
    single, mean, judged = aa.rates(lambda rng: [cell], 3)
    assert np.isnan(single)
    assert np.isnan(mean)
    assert judged == 0


def test_intervals_over_patients_alone_would_take_the_luck_of_trainings_for_an_effect():
    """What `crossed.estimate` is for: of one pair of trainings a third differ."""
    draw = aa.made("train", seeds=2)
    found = []
    for number in range(60):
        for cell in draw(np.random.default_rng(number)):
            sums = np.bincount(cell.patient, cell.score) / len(cell.score)
            error = np.sqrt(len(sums) / (len(sums) - 1) * np.sum((sums - sums.mean()) ** 2))
            found.append(abs(sums.sum()) > 1.96 * error)
    assert np.mean(found) > 2 * HIGH


def test_a_gain_of_ten_points_on_200_frames_is_found_in_nine_of_ten():
    single = aa.rates(aa.made("test", seeds=2, gain=0.1), 30).single
    assert single >= 0.9


def written(folder, leak):
    """A run of five seeds, of which the later ones may know a label in five."""
    rng = np.random.default_rng(0)
    rows = list(invent(["patient"], methods=["bicubic"], modes=["restore"], seeds=4, patients=30))
    for row in rows:
        if leak and row["seed"] >= 2 and rng.random() < 0.2:
            row["probability"] = float(row["label"])
    predictions.append(folder / "predictions.csv", rows)
    return folder


@pytest.mark.parametrize("leak", [False, True])
def test_seeds_that_know_labels_are_caught(tmp_path, monkeypatch, capsys, leak):
    run = written(tmp_path, leak)
    monkeypatch.setattr(sys, "argv", ["aa.py", str(run), "--repetitions", "20"])
    code = aa.main()
    said = capsys.readouterr().out
    assert ("not chance" in said) == leak
    assert code or not leak
