import re

import pytest
from PIL import Image

from echojax.cli import main
from echojax.simulate import preview


@pytest.fixture(autouse=True)
def one_patient_of_each_quality(monkeypatch):
    monkeypatch.setattr(preview, "PATIENTS", 1)


def test_nothing_to_make_is_an_error_that_names_both_ways_out(capsys):
    assert main(["simulate"]) == 2
    line = capsys.readouterr().err
    assert "OUT" in line
    assert "--preview" in line


def test_a_preview_alone_writes_no_dataset(tmp_path, capsys):
    assert main(["simulate", "--preview", str(tmp_path / "sheet.png")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    assert "sheet.png" in capsys.readouterr().out
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_dataset_and_preview_in_one_go(tmp_path, capsys):
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    words = ["--patients", "1", "--size", "32", "--frames", "3", "--preview", str(sheet)]
    assert main(["simulate", str(out), *words]) == 0
    assert sheet.exists()
    assert (
        out / "database_nifti" / "patient0001" / "patient0001_2CH_half_sequence.nii.gz"
    ).exists()
    printed = capsys.readouterr().out
    assert re.search(r"6 simulated frames of 1 patient in .*\d\.\d frames per second", printed)
    assert f"echojax prepare camus --from {out}" in printed


def test_a_folder_in_the_way_is_found_before_anything_is_made(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert main(["simulate", str(tmp_path), "--preview", str(tmp_path / "sheet.png")]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
