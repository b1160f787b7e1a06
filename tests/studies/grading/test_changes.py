import numpy as np
import pytest

from echojax.errors import InputError
from echojax.studies.grading import changes
from echojax.studies.grading.grades import Source
from echojax.studies.grading.labels import MEAN

HEAD = "protocol,task,train,test,sr,sr_on,mode,points,points_low,points_high,more\n"


@pytest.fixture
def rows(invented, truth):
    def word(grades):
        return "good" if grades.mean() > 3 else "poor"

    methods = {
        Source("expert", "cr"): lambda grades: grades,
        Source("expert", "cr", "bicubic", "restore"): lambda grades: grades + 1,
        Source("expert", "gcnr"): lambda grades: grades,
        Source("expert", "gcnr", "bicubic", "restore"): lambda grades: grades,
    }
    found = changes.change_rows(invented(truth, methods, word))
    return {(row.method, row.over, row.quality): row for row in found}


def test_a_change_is_in_deviations_between_frames(rows, truth):
    spread = np.std([grades.mean() for grades in truth.values()])
    row = rows["cr", MEAN, "all"]
    assert row.after - row.before == pytest.approx(1)
    assert row.change == pytest.approx(1 / spread)
    assert row.up == 1
    assert (row.frames, row.patients) == (60, 30)


def test_each_quality_is_measured_by_the_spread_of_all(rows):
    assert rows["cr", MEAN, "good"].change == pytest.approx(rows["cr", MEAN, "all"].change)
    assert rows["cr", MEAN, "good"].frames + rows["cr", MEAN, "poor"].frames == 60
    assert ("cr", MEAN, "medium") not in rows


def test_nothing_changes_where_nothing_is_done(rows):
    row = rows["gcnr", MEAN, "all"]
    assert (row.change, row.low, row.high, row.up) == (0, 0, 0, 0)


def test_accuracies_of_what_is_tested_are_copied_from_a_diagnosis_run(tmp_path):
    folder = tmp_path / "diagnosis" / "tables"
    folder.mkdir(parents=True)
    (folder / "gain.csv").write_text(
        HEAD
        + "patient,phase,good,poor,srresnet,test,restore,1.25,-0.5,3.0,x\n"
        + "patient,phase,poor,good,srresnet,train,restore,9,9,9,x\n"
        + "patient,view,good,poor,bicubic,test,restore,-2,,,x\n"
    )
    run = tmp_path / "run"
    assert changes.accuracies(run) == []
    changes.keep_accuracies(run, str(tmp_path / "diagnosis"))
    one, other = changes.accuracies(run)
    assert (one.sr, one.mode, one.points, one.points_low) == ("srresnet", "restore", 1.25, -0.5)
    assert (other.task, other.points) == ("view", -2)
    assert np.isnan(other.points_low)


def test_what_is_no_diagnosis_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gain.csv: is missing; grading.diagnosis is to name"):
        changes.keep_accuracies(tmp_path, str(tmp_path))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "gain.csv").write_text("a,sr_on\n1,test\n")
    with pytest.raises(InputError, match="cannot be understood"):
        changes.keep_accuracies(tmp_path, str(tmp_path))
