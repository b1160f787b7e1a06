import itertools
from pathlib import Path

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.studies.diagnosis import predictions
from echojax.studies.diagnosis.cells import Cell
from echojax.vocabulary import QUALITIES


@pytest.fixture
def rows(some_rows):
    return some_rows(protocols=["patient"], tasks=["view"], methods=["bicubic"], patients=3)


def test_what_is_appended_is_read_back(tmp_path: Path, rows):
    path = tmp_path / "predictions.csv"
    predictions.append(path, rows[:50])
    predictions.append(path, rows[50:])
    found = predictions.read(path)
    assert len(found) == len(rows)
    for name in ("frame", "test", "fold", "seed", "label"):
        assert found[name].tolist() == [row[name] for row in rows]
    np.testing.assert_allclose(found["probability"], [row["probability"] for row in rows])
    assert path.read_text().splitlines()[0] == ",".join(predictions.COLUMNS)


def test_a_float32_just_under_half_stays_under_half(tmp_path: Path, rows):
    probability = np.nextafter(np.float32(0.5), np.float32(0))
    predictions.append(tmp_path / "p.csv", [{**rows[0], "probability": probability, "label": 1}])
    assert not predictions.read(tmp_path / "p.csv").correct[0]


def test_half_predicts_class_one(tmp_path: Path, rows):
    predictions.append(tmp_path / "p.csv", [{**rows[0], "probability": 0.5, "label": 1}])
    assert predictions.read(tmp_path / "p.csv").correct[0]


def test_a_missing_file_has_no_predictions(tmp_path: Path):
    found = predictions.read(tmp_path / "none.csv")
    assert len(found) == 0
    assert found.cells() == {}


@pytest.mark.parametrize("cut", [1, 2, 5, 40])
def test_a_line_cut_off_by_a_crash_is_dropped_and_written_over(tmp_path: Path, rows, cut):
    path = tmp_path / "predictions.csv"
    predictions.append(path, rows[:10])
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(predictions.read(path)) == 9
    predictions.append(path, rows[9:20])
    assert predictions.read(path)["frame"].tolist() == [row["frame"] for row in rows[:20]]


def test_a_cut_header_is_written_anew(tmp_path: Path, rows):
    path = tmp_path / "predictions.csv"
    path.write_text("frame,pati")
    assert len(predictions.read(path)) == 0
    predictions.append(path, rows[:2])
    assert len(predictions.read(path)) == 2


def test_a_job_repeated_after_a_crash_counts_once_and_the_later_run_wins(tmp_path: Path, rows):
    path = tmp_path / "predictions.csv"
    predictions.append(path, [{**row, "probability": 0.25} for row in rows[:6]])
    predictions.append(path, [{**row, "probability": 0.75} for row in rows[:6]])
    assert predictions.read(path)["probability"].tolist() == [0.75] * 6


def test_another_header_is_refused_by_name(tmp_path: Path, rows):
    path = tmp_path / "predictions.csv"
    path.write_text("frame,score\na,1\n")
    for act in (lambda: predictions.read(path), lambda: predictions.append(path, rows[:1])):
        with pytest.raises(InputError, match=r"predictions\.csv.*expected 'frame,patient"):
            act()


@pytest.mark.parametrize("end", ["nan,1", "1.5,0", "0.5,2", "0.5"])
def test_a_line_that_is_no_prediction_is_refused_by_number(tmp_path: Path, rows, end):
    path = tmp_path / "predictions.csv"
    predictions.append(path, rows[:1])
    start = path.read_text().splitlines()[1].rsplit(",", 2)[0]
    with path.open("a") as file:
        file.write(f"{start},{end}\n")
    with pytest.raises(InputError, match="line 3"):
        predictions.read(path)


def test_a_row_without_a_column_is_refused(tmp_path: Path, rows):
    short = {name: value for name, value in rows[0].items() if name != "fold"}
    with pytest.raises(ValueError, match="fold"):
        predictions.append(tmp_path / "p.csv", [short])
    assert not (tmp_path / "p.csv").exists()


def test_cells_come_good_before_medium_before_poor_and_hold_all_rows(tmp_path: Path, rows):
    path = tmp_path / "predictions.csv"
    predictions.append(path, reversed(rows))
    cells = predictions.read(path).cells()
    assert sum(map(len, cells.values())) == len(rows)
    plain = [(cell.train, cell.test) for cell in cells if cell.sr == "none"]
    assert plain == list(itertools.product(QUALITIES, QUALITIES))


def test_matching_pairs_frame_fold_and_seed_in_any_order(tmp_path: Path, rows):
    path = tmp_path / "predictions.csv"
    predictions.append(path, rows)
    cells = predictions.read(path).cells()
    cell = Cell("patient", "view", "good", "poor", "bicubic", "restore", "test")
    after, before = cells[cell], cells[cell.baseline()]
    shuffled = before.take(np.random.default_rng(0).permutation(len(before))[:20])
    one, other = predictions.match(shuffled, after)
    assert len(one) == 20
    for name in ("frame", "fold", "seed"):
        assert (shuffled[name][one] == after[name][other]).all()
