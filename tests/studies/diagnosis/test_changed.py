import numpy as np
import pytest

from echojax.studies.diagnosis import changed, predictions
from echojax.studies.diagnosis.cells import Cell


@pytest.fixture
def most(found):
    return changed.most_changed(found)


def truth(rows, frame):
    own = rows.take(np.flatnonzero(rows["frame"] == frame))
    return np.where(own["label"] == 1, own["probability"], 1 - own["probability"]).mean()


def test_probabilities_are_those_of_the_true_class_and_means_over_trainings(found, most):
    assert most
    for one in most:
        cell = Cell(one.protocol, one.task, one.train, one.test, one.sr, one.mode, "test")
        cells = found.cells()
        assert one.without == pytest.approx(truth(cells[cell.baseline()], one.frame))
        assert one.enhanced == pytest.approx(truth(cells[cell], one.frame))


def test_the_largest_gain_and_the_largest_harm_come_first(found, most):
    for task in ("view", "phase"):
        own = {k: [o for o in most if (o.task, o.kind) == (task, k)] for k in ("gain", "harm")}
        gains = [one.enhanced - one.without for one in own["gain"]]
        harms = [one.without - one.enhanced for one in own["harm"]]
        assert gains == sorted(gains, reverse=True)
        assert harms == sorted(harms, reverse=True)
        cell = Cell("patient", task, "good", "poor", "srresnet", "restore", "test")
        frames = np.unique(found.cells()[cell]["frame"])
        cells = found.cells()
        largest = max(truth(cells[cell], f) - truth(cells[cell.baseline()], f) for f in frames)
        assert gains[0] == pytest.approx(largest)


def test_a_network_is_shown_before_its_control(most):
    assert {(one.sr, one.mode, one.train) for one in most} == {("srresnet", "restore", "good")}


def test_frames_are_read_back_as_they_were_written(tmp_path, most):
    changed.write(tmp_path, most)
    for one, read in zip(most, changed.read(tmp_path), strict=True):
        assert one._replace(without=read.without, enhanced=read.enhanced) == read
        assert read.without == pytest.approx(one.without, abs=1e-4)
    assert changed.read(tmp_path / "none") == []


def test_without_an_enhanced_cell_nothing_changed(tmp_path, some_rows):
    rows = [row for row in some_rows(patients=3) if row["sr"] == "none"]
    predictions.append(tmp_path / "p.csv", rows)
    assert changed.most_changed(predictions.read(tmp_path / "p.csv")) == []
