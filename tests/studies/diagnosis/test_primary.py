import math

import numpy as np
import pytest

from echojax.report import crossed
from echojax.studies.diagnosis import predictions
from echojax.studies.diagnosis.primary import CELLS, PrimaryRow, primary_rows
from tests.studies.diagnosis.conftest import invent


def run_of(folder, changed=lambda row: None, **settings):
    """Predictions as they were invented, but for what `changed` does to each."""
    rows = list(invent(["patient"], ["view"], modes=["restore"], **settings))
    for row in rows:
        changed(row)
    predictions.append(folder / "predictions.csv", rows)
    return predictions.read(folder / "predictions.csv")


def test_points_are_the_mean_over_the_papers_cells_of_after_minus_bicubic(tmp_path):
    found = run_of(tmp_path, patients=20)
    (row,) = primary_rows(found)
    cells = {
        (cell.train, cell.test, cell.sr_on): float(np.mean(rows.correct))
        for cell, rows in found.cells().items()
        if cell.sr == "srresnet"
    }
    control = {
        (cell.train, cell.test, cell.sr_on): float(np.mean(rows.correct))
        for cell, rows in found.cells().items()
        if cell.sr == "bicubic"
    }
    assert row.cells == len(CELLS) == 4
    assert row.points == pytest.approx(100 * np.mean([cells[c] - control[c] for c in CELLS]))
    assert row.percent == pytest.approx(100 * np.mean([cells[c] / control[c] - 1 for c in CELLS]))
    assert row.low < row.points < row.high


def test_a_network_that_does_what_bicubic_does_makes_no_difference(tmp_path):
    answers = {}

    def alike(row):
        if row["sr"] != "none":
            key = row["frame"], row["train"], row["test"], row["sr_on"], row["seed"]
            row["probability"] = answers.setdefault(key, row["probability"])

    (row,) = primary_rows(run_of(tmp_path, alike, patients=10))
    assert (row.points, row.low, row.high, row.holm) == (0, 0, 0, 1)
    assert row.verdict == "not a single answer differs"


def test_a_network_that_is_always_right_gives_more(tmp_path):
    def right(row):
        if row["sr"] == "srresnet":
            row["probability"] = float(row["label"])

    (row,) = primary_rows(run_of(tmp_path, right, patients=20))
    assert row.holm < 0.001
    assert row.verdict == "more than bicubic"


def test_what_cannot_be_told_is_said(tmp_path):
    (row,) = primary_rows(run_of(tmp_path, seeds=1, patients=1))
    assert row.verdict == "not answered: too few trainings or patients"
    assert math.isnan(row.low)
    assert row._replace(cells=3).verdict == "not answered: 3 of 4 cells are in this run"
    open_ = PrimaryRow(
        *("patient", "view", "srgan", "upscale", 4, 1, -5, 7, 0.7, 1, 0.2, 8.5, 1.2, 20, 15)
    )
    assert open_.verdict == "not decided; 8.5 points would have been found"
    assert open_._replace(equivalence=0.01).verdict == "within 3 points of bicubic"
    assert open_._replace(holm=0.01, above_low=-1.0).verdict.startswith("no verdict")
    assert open_._replace(holm=0.01, points=-4.0).verdict == "less than bicubic"


def test_p_values_are_adjusted_for_all_comparisons_of_a_protocol(found):
    rows = primary_rows(found)
    for protocol in ("paper", "patient"):
        family = [row for row in rows if row.protocol == protocol]
        assert len(family) == 4  # 2 tasks, one network, 2 modes
        np.testing.assert_allclose(
            [row.holm for row in family], crossed.holm(row.p for row in family)
        )


def test_without_a_control_or_a_network_there_is_nothing_to_compare(tmp_path):
    assert primary_rows(run_of(tmp_path, methods=["srresnet"], patients=5)) == []


def test_classifiers_that_guess_get_no_verdict_however_large_their_gain(tmp_path):
    rng = np.random.default_rng(0)

    def guess(row):
        row["probability"] = rng.random() * (0.4 if row["sr"] == "bicubic" and row["label"] else 1)

    (row,) = primary_rows(run_of(tmp_path, guess, patients=20))
    assert row.points > 5
    assert row.at_chance
    assert row.verdict == "no verdict: the classifiers are at chance"


def test_only_the_papers_networks_and_modes_are_in_the_family(tmp_path):
    rows = list(invent(["patient"], ["view"], ["bicubic", "srgan", "other"], ["restore", "filter"]))
    predictions.append(tmp_path / "p.csv", rows)
    (row,) = primary_rows(predictions.read(tmp_path / "p.csv"))
    assert (row.sr, row.mode) == ("srgan", "restore")
