from pathlib import Path

import numpy as np
import pytest

from echojax.report import tables


def test_shares_have_four_decimals_percentages_two_and_nan_nothing(tmp_path: Path):
    rows = [
        {"change": 12.345, "name": "a,b", "share": np.float64(0.5), "n": 3, "not asked for": 1},
        {"change": float("nan"), "name": "c", "share": 1.0, "n": 0},
    ]
    path = tmp_path / "new" / "table.csv"
    tables.write(path, ["name", "n", "share", "change"], rows, percent=["change"])
    assert path.read_text() == 'name,n,share,change\n"a,b",3,0.5000,12.35\nc,0,1.0000,\n'
    assert tables.read(path)[1] == ["a,b", "3", "0.5000", "12.35"]


def test_a_table_that_fails_halfway_leaves_the_old_one(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(KeyError, match="step"):
        tables.write(path, ["job", "step"], [{"job": "a", "step": 1}, {"job": "b"}])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_table_has_no_lines(tmp_path: Path):
    assert tables.read(tmp_path / "none.csv") == []
