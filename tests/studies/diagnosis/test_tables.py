import csv
import math
from pathlib import Path

import numpy as np
import pytest

from echojax.studies.diagnosis import accuracies, classes, costs, gains, predictions
from echojax.studies.diagnosis.cells import Cell


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (
            "accuracy",
            "protocol,task,train,test,sr,sr_on,accuracy,low,high,frames,seeds,mode,folds,patients,"
            "seed_sd,chance,balanced,balanced_low,balanced_high,auc,auc_low,auc_high,"
            "thumbnail,thumbnail_low,thumbnail_high,over_thumbnail,over_thumbnail_low,"
            "over_thumbnail_high,paper",
        ),
        (
            "gain",
            "protocol,task,train,test,sr,mode,sr_on,before,after,change,low,high,frames,patients,"
            "seeds,p,points,points_low,points_high,trainings,corrected_low,corrected_high,"
            "corrected_p",
        ),
        (
            "mean_gain",
            "protocol,sr,mode,cells,change,low,high,bicubic_change,bicubic_low,bicubic_high,"
            "points,points_low,points_high,bicubic_points,bicubic_points_low,bicubic_points_high",
        ),
        (
            "quality_cost",
            "protocol,task,train,test,home,away,change,low,high,points,points_low,points_high,"
            "paired",
        ),
        (
            "classes",
            "protocol,task,train,test,sr,mode,sr_on,negative,positive,true_negative,"
            "false_positive,false_negative,true_positive,sensitivity,sensitivity_low,"
            "sensitivity_high,specificity,specificity_low,specificity_high,calibration",
        ),
        ("leakage", "task,train,test,patient,paper,points,low,high"),
    ],
)
def test_columns_are_the_promised_ones_in_order(finished: Path, name, columns):
    text = (finished / "tables" / f"{name}.csv").read_text()
    assert text.splitlines()[0] == columns


def test_every_cell_has_a_row_with_its_plain_accuracy_and_counts(finished: Path, found):
    rows = table(finished / "tables" / "accuracy.csv")
    assert len(rows) == len(found.cells()) == 2 * 2 * (9 + 2 * 2 * 5)
    for row in rows:
        mine = np.ones(len(found), dtype=bool)
        for column in Cell._fields:
            mine &= found[column] == row[column]
        accuracy = np.mean((found["probability"] >= 0.5) == found["label"], where=mine)
        assert row["accuracy"] == f"{accuracy:.4f}"
        assert 0 <= float(row["low"]) <= accuracy + 5e-5
        assert accuracy - 5e-5 <= float(row["high"]) <= 1
        assert [row[name] for name in ("frames", "seeds", "patients")] == ["32", "2", "8"]
        assert row["folds"] == ("5" if row["protocol"] == "patient" else "1")


def test_what_needs_no_network_is_compared_on_the_same_frames(found):
    """Its one answer a frame stands against that of every seed."""
    plain = found.take(np.flatnonzero((found["seed"] == 0) & (found["sr"] == "none")))
    half = plain.take(np.arange(0, len(plain), 2))
    for row in accuracies.accuracy_rows(found, half):
        if row.cell.sr != "none":
            assert math.isnan(row.over_thumbnail)
            continue
        control, own = half.cells()[row.cell], found.cells()[row.cell]
        asked = np.isin(own["frame"], control["frame"])
        expected = 100 * (own.correct[asked].mean() - control.correct.mean())
        assert row.over_thumbnail == pytest.approx(expected)
        assert row.over_thumbnail_low < expected < row.over_thumbnail_high


def test_gain_is_the_change_between_the_two_accuracies_it_lists(finished: Path):
    rows = table(finished / "tables" / "gain.csv")
    assert len(rows) == 2 * 2 * 2 * 2 * 5
    for row in rows:
        change = 100 * (float(row["after"]) / float(row["before"]) - 1)
        assert float(row["change"]) == pytest.approx(change, abs=0.05)
        assert float(row["low"]) <= float(row["change"]) <= float(row["high"])
        points = 100 * (float(row["after"]) - float(row["before"]))
        assert float(row["points"]) == pytest.approx(points, abs=0.02)
        for name in ("change", "low", "high", "points"):
            assert len(row[name].partition(".")[2]) == 2


def test_gain_compares_only_frames_and_seeds_that_both_cells_have(tmp_path: Path, some_rows):
    rows = [
        row
        for row in some_rows(protocols=["paper"], tasks=["view"], patients=10)
        if row["sr"] == "none" or row["seed"] == 0
    ]
    predictions.append(tmp_path / "p.csv", rows)
    found = gains.gain_rows(predictions.read(tmp_path / "p.csv"), parts=5)
    assert {(row.frames, row.seeds) for row in found} == {(40, 1)}


def test_an_enhanced_cell_without_its_baseline_gives_no_gain(tmp_path: Path, some_rows):
    rows = [row for row in some_rows(patients=4) if row["sr"] != "none"]
    predictions.append(tmp_path / "p.csv", rows)
    found = predictions.read(tmp_path / "p.csv")
    assert gains.gain_rows(found, parts=5) == gains.mean_gain_rows(found) == []


def test_mean_gain_is_the_mean_of_the_gains_and_compares_with_bicubic(found, gain_rows):
    after = {row.cell: row.after for row in gain_rows}
    means = gains.mean_gain_rows(found)
    for mean in means:
        group = mean.protocol, mean.sr, mean.mode
        mine = [g for g in gain_rows if (g.cell.protocol, g.cell.sr, g.cell.mode) == group]
        assert mean.cells == len(mine)
        assert mean.change == pytest.approx(np.mean([row.change for row in mine]))
        assert math.isnan(mean.bicubic_change) == (mean.sr == "bicubic")
        if mean.sr != "bicubic":
            controls = [after[row.cell._replace(sr="bicubic")] for row in mine]
            against = [
                100 * (row.after / control - 1) for row, control in zip(mine, controls, strict=True)
            ]
            assert mean.bicubic_change == pytest.approx(np.mean(against))
    assert [mean.sr for mean in means[:4]] == ["bicubic", "bicubic", "srresnet", "srresnet"]


def test_baseline_has_what_is_there_and_what_was_asked_for(accuracy_rows):
    some = [row for row in accuracy_rows if (row.cell.train, row.cell.test) == ("good", "poor")]
    asked = Cell("paper", "view", "good", "good", "none", "none", "none")
    cells = accuracies.baseline(some, [asked, asked._replace(protocol="patient")], "paper")
    there = [asked._replace(task=task, test="poor") for task in ("view", "phase")]
    assert list(cells) == [asked, *there]
    assert cells.pop(asked) is None
    assert all(row and row.cell == cell for cell, row in cells.items())


def test_the_cost_of_quality_compares_with_the_diagonal(found, accuracy_rows):
    accuracy = {row.cell: row.accuracy for row in accuracy_rows}
    found_costs = costs.cost_rows(found)
    assert len(found_costs) == 2 * 2 * 6
    for row in found_costs:
        assert row.home == accuracy[row.cell._replace(test=row.cell.train)]
        assert row.away == accuracy[row.cell]
        assert row.change == pytest.approx(100 * (row.away / row.home - 1))


def test_leakage_is_the_paper_protocols_accuracy_minus_the_patient_protocols(found, accuracy_rows):
    accuracy = {row.cell: row.accuracy for row in accuracy_rows}
    rows = costs.leak_rows(found)
    assert len(rows) == 2 * 9
    for row in rows:
        cell = Cell("patient", row.task, row.train, row.test, "none", "none", "none")
        assert row.patient == pytest.approx(accuracy[cell])
        assert row.paper == pytest.approx(accuracy[cell._replace(protocol="paper")])
        assert row.points == pytest.approx(100 * (row.paper - row.patient))
        assert row.low < row.points < row.high


def test_the_cost_is_causal_and_paired_only_where_the_same_views_are_in_both_strata(
    tmp_path: Path, some_rows
):
    rows = some_rows(protocols=["patient"], tasks=["view"], methods=[], patients=10)
    for row in rows:  # every person in every quality, as simulated with each grade
        number = (int(str(row["patient"])[-4:]) - 1) % 10
        row["patient"] = f"person{number}"
    predictions.append(tmp_path / "same.csv", rows)
    same = predictions.read(tmp_path / "same.csv")
    for row in costs.cost_rows(same):
        assert row.paired
        assert row.points == pytest.approx(100 * (row.away - row.home))
    less = [row for row in rows if (row["patient"], row["test"]) != ("person3", "poor")]
    predictions.append(tmp_path / "less.csv", less)
    for row in costs.cost_rows(predictions.read(tmp_path / "less.csv")):
        assert row.paired == ("poor" not in (row.cell.train, row.cell.test))


def test_persons_seen_twice_narrow_the_interval_of_a_cost(tmp_path: Path, some_rows):
    rows = some_rows(protocols=["patient"], tasks=["view"], methods=[], patients=30)
    answers = {}
    for row in rows:
        row["patient"] = f"person{(int(str(row['patient'])[-4:]) - 1) % 30}"
        if row["train"] == "good":  # a person is as hard in poor frames as in good ones
            key = row["patient"], row["view"], row["phase"], row["seed"]
            row["probability"] = answers.setdefault(key, row["probability"])
    predictions.append(tmp_path / "p.csv", rows)
    found = costs.cost_rows(predictions.read(tmp_path / "p.csv"))
    (row,) = [r for r in found if (r.cell.train, r.cell.test) == ("good", "poor")]
    assert row.points == 0
    assert row.points_high - row.points_low < 5  # twice as wide were they others


def test_the_corrected_t_test_is_over_ten_differences_of_folds_and_seeds(tmp_path: Path, some_rows):
    rows = some_rows(protocols=["patient"], tasks=["view"], methods=["bicubic"], seeds=2)
    predictions.append(tmp_path / "p.csv", rows)
    for row in gains.gain_rows(predictions.read(tmp_path / "p.csv"), parts=5):
        assert row.trainings == 10
        assert math.isnan(row.corrected_p) == (row.cell.sr_on == "test")
        if row.cell.sr_on != "test":
            middle = (row.corrected_low + row.corrected_high) / 2
            assert middle == pytest.approx(row.points, abs=1.0)
            assert 0 <= row.corrected_p <= 1


def test_fewer_differences_leave_the_corrected_t_test_out(gain_rows):
    paper = [row for row in gain_rows if row.cell.protocol == "paper"]  # one fold
    assert all(row.trainings == 2 and math.isnan(row.corrected_low) for row in paper)


def test_sensitivity_and_specificity_are_the_shares_right_of_each_class(found):
    for row in classes.class_rows(found):
        positive = row.true_positive + row.false_negative
        negative = row.true_negative + row.false_positive
        assert positive + negative == len(found.cells()[row.cell])
        assert row.sensitivity == pytest.approx(row.true_positive / positive)
        assert row.specificity == pytest.approx(row.true_negative / negative)
        assert row.sensitivity_low <= row.sensitivity <= row.sensitivity_high
        assert (row.negative, row.positive) == (
            ("2CH", "4CH") if row.cell.task == "view" else ("ED", "ES")
        )
        assert 0 <= row.calibration <= 1
