import csv
import math
from pathlib import Path

import numpy as np
import pytest

from echojax.studies.diagnosis import predictions, tables
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
            "thumbnail,thumbnail_low,thumbnail_high,paper",
        ),
        (
            "gain",
            "protocol,task,train,test,sr,mode,sr_on,before,after,change,low,high,frames,patients,"
            "seeds,p",
        ),
        (
            "mean_gain",
            "protocol,sr,mode,cells,change,low,high,bicubic_change,bicubic_low,bicubic_high",
        ),
        ("quality_cost", "protocol,task,train,test,home,away,change,low,high"),
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


def test_gain_is_the_change_between_the_two_accuracies_it_lists(finished: Path):
    rows = table(finished / "tables" / "gain.csv")
    assert len(rows) == 2 * 2 * 2 * 2 * 5
    for row in rows:
        change = 100 * (float(row["after"]) / float(row["before"]) - 1)
        assert float(row["change"]) == pytest.approx(change, abs=0.05)
        assert float(row["low"]) <= float(row["change"]) <= float(row["high"])
        for name in ("change", "low", "high"):
            assert len(row[name].partition(".")[2]) == 2


def test_gain_compares_only_frames_and_seeds_that_both_cells_have(tmp_path: Path, some_rows):
    rows = [
        row
        for row in some_rows(protocols=["paper"], tasks=["view"], patients=10)
        if row["sr"] == "none" or row["seed"] == 0
    ]
    predictions.append(tmp_path / "p.csv", rows)
    gains = tables.gain_rows(predictions.read(tmp_path / "p.csv"))
    assert {(row.frames, row.seeds) for row in gains} == {(40, 1)}


def test_an_enhanced_cell_without_its_baseline_gives_no_gain(tmp_path: Path, some_rows):
    rows = [row for row in some_rows(patients=4) if row["sr"] != "none"]
    predictions.append(tmp_path / "p.csv", rows)
    found = predictions.read(tmp_path / "p.csv")
    assert tables.gain_rows(found) == tables.mean_gain_rows(found) == []


def test_mean_gain_is_the_mean_of_the_gains_and_compares_with_bicubic(found, gain_rows):
    after = {row.cell: row.after for row in gain_rows}
    means = tables.mean_gain_rows(found)
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
    cells = tables.baseline(some, [asked, asked._replace(protocol="patient")], "paper")
    there = [asked._replace(task=task, test="poor") for task in ("view", "phase")]
    assert list(cells) == [asked, *there]
    assert cells.pop(asked) is None
    assert all(row and row.cell == cell for cell, row in cells.items())


def test_the_cost_of_quality_compares_with_the_diagonal(found, accuracy_rows):
    accuracy = {row.cell: row.accuracy for row in accuracy_rows}
    costs = tables.cost_rows(found)
    assert len(costs) == 2 * 2 * 6
    for row in costs:
        assert row.home == accuracy[row.cell._replace(test=row.cell.train)]
        assert row.away == accuracy[row.cell]
        assert row.change == pytest.approx(100 * (row.away / row.home - 1))


def test_leakage_is_the_paper_protocols_accuracy_minus_the_patient_protocols(found, accuracy_rows):
    accuracy = {row.cell: row.accuracy for row in accuracy_rows}
    rows = tables.leak_rows(found)
    assert len(rows) == 2 * 9
    for row in rows:
        cell = Cell("patient", row.task, row.train, row.test, "none", "none", "none")
        assert row.patient == pytest.approx(accuracy[cell])
        assert row.paper == pytest.approx(accuracy[cell._replace(protocol="paper")])
        assert row.points == pytest.approx(100 * (row.paper - row.patient))
        assert row.low < row.points < row.high
