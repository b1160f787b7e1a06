import csv
import math
from pathlib import Path

import numpy as np
import pytest

from echojax.runs import log as training_log
from echojax.studies.diagnosis import predictions, tables


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def found(finished: Path):
    return predictions.read(finished / "predictions.csv")


def test_accuracy_columns_are_the_promised_ones_in_order(finished: Path):
    header = (finished / "tables" / "accuracy.csv").read_text().splitlines()[0]
    assert header == (
        "protocol,task,train,test,sr,sr_on,accuracy,low,high,frames,seeds,mode,folds,patients,"
        "seed_sd"
    )


def test_every_cell_has_a_row_with_its_plain_accuracy_and_counts(finished: Path, found):
    rows = table(finished / "tables" / "accuracy.csv")
    assert len(rows) == len(found.cells()) == 2 * 2 * (9 + 2 * 2 * 5)
    for row in rows:
        mine = np.ones(len(found), dtype=bool)
        for column in predictions.Cell._fields:
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


def test_mean_gain_is_the_mean_of_the_gains_and_compares_with_bicubic(found):
    gains, means = tables.gain_rows(found), tables.mean_gain_rows(found)
    for mean in means:
        mine = [g.change for g in gains if (g.protocol, g.sr, g.mode) == mean[:3]]
        assert mean.cells == len(mine)
        assert mean.change == pytest.approx(np.mean(mine))
        assert math.isnan(mean.bicubic_change) == (mean.sr == "bicubic")
        if mean.sr != "bicubic":
            after = {(g.task, g.train, g.test, g.protocol, g.mode, g.sr): g.after for g in gains}
            against = [
                100 * (share / after[*key[:5], "bicubic"] - 1)
                for key, share in after.items()
                if key[3:] == (mean.protocol, mean.mode, mean.sr)
            ]
            assert mean.bicubic_change == pytest.approx(np.mean(against))
    assert [mean.sr for mean in means[:4]] == ["bicubic", "bicubic", "srresnet", "srresnet"]


def test_baseline_has_what_is_there_and_what_was_asked_for(found):
    accuracy = [r for r in tables.accuracy_rows(found) if (r.train, r.test) == ("good", "poor")]
    asked = predictions.Cell("paper", "view", "good", "good", "none", "none", "none")
    cells = tables.baseline(accuracy, [asked, asked._replace(protocol="patient")], "paper")
    good_poor = ("view", "good", "poor"), ("phase", "good", "poor")
    assert list(cells) == [asked[1:4], *good_poor]
    assert cells.pop(asked[1:4]) is None
    assert all(r and (r.protocol, r.sr) == ("paper", "none") for r in cells.values())


def test_the_cost_of_quality_compares_with_the_diagonal(found):
    accuracy = {row[:4]: row for row in tables.accuracy_rows(found) if row.sr == "none"}
    costs = tables.cost_rows(found)
    assert len(costs) == 2 * 2 * 6
    for row in costs:
        assert row.home == accuracy[row.protocol, row.task, row.train, row.train].accuracy
        assert row.away == accuracy[row[:4]].accuracy
        assert row.change == pytest.approx(100 * (row.away / row.home - 1))


def test_super_resolution_shows_the_last_logged_step_and_the_later_of_two_writes(tmp_path: Path):
    (tmp_path / "log.csv").write_text(
        "time,job,step,metric,value\n"
        "0,sr/srgan/patient/fold2,100,psnr,30.0\n"
        "0,sr/srgan/patient/fold2,100,psnr_bicubic,29.0\n"
        "0,sr/srgan/patient/fold2,200,psnr,31.0\n"
        "9,sr/srgan/patient/fold2,200,psnr,32.5\n"
        "9,classifiers/patient/view/poor/none/fold0/seed0,300,psnr,99\n"
        "9,sr/srgan/patient/fold2,300,ps"
    )
    (row,) = training_log.super_resolution_rows(training_log.read(tmp_path / "log.csv"))
    assert row[:5] == ("srgan", "patient", "2", 200, 32.5)
    assert row.psnr_bicubic == 29
    assert math.isnan(row.ssim)
    tables.write(tmp_path / "sr.csv", training_log.SuperResolutionRow._fields, [row])
    assert (tmp_path / "sr.csv").read_text().splitlines()[1] == (
        "srgan,patient,2,200,32.5000,,29.0000,,,"
    )


def test_a_missing_log_is_empty(tmp_path: Path):
    assert training_log.read(tmp_path / "log.csv") == []


def test_a_table_that_fails_halfway_leaves_the_old_one(tmp_path: Path):
    path = tmp_path / "cost.csv"
    path.write_text("old")
    row = training_log.LogRow("job", 1, "psnr", 2.0)
    with pytest.raises(ValueError, match="argument"):
        tables.write(path, ["job", "step"], [row])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
