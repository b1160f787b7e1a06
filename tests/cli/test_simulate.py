import json
import os
import re
import signal
import subprocess
import sys

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


def test_what_is_of_no_use_to_a_preview_is_refused(tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    words = ["--patients", "3", "--size", "64", "--frames", "4", "--workers", "2", "--overwrite"]
    words += ["--grades", "each"]
    assert main(["simulate", "--preview", str(sheet), "--seed", "1", *words]) == 2
    said = capsys.readouterr().err
    assert "--patients, --size, --frames, --grades, --workers, --overwrite: of no use" in said
    assert not sheet.exists()


def test_a_place_where_no_preview_can_be_is_found_before_anything_is_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    words = ["simulate", str(tmp_path / "out"), "--preview", str(tmp_path / "file" / "sheet.png")]
    assert main([*words, "--patients", "1", "--size", "32"]) == 2
    assert "is a file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# Every patient is told of at once; an interrupt counts even where pytest runs in the background.
AS_IN_A_TERMINAL = """
import signal, sys
from echojax import progress
from echojax.cli import main

progress.PLAIN_EVERY = 0.0
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="has no process groups that a terminal interrupts")
def test_an_interrupt_in_a_terminal_ends_with_one_line_and_leaves_nothing(tmp_path):
    out = tmp_path / "out"
    words = ["simulate", str(out), "--patients", "500", "--size", "32", "--workers", "2"]
    running = subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        begun = running.stderr.readline()
        os.killpg(running.pid, signal.SIGINT)
        printed, told = running.communicate()
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert begun.startswith("Simulating patients: 1/500")
    assert running.returncode == 130
    # Click ends the line that a terminal shows ^C in.
    said = [line for line in told.splitlines() if line and "Simulating patients:" not in line]
    assert len(said) == 1
    assert said[0].startswith("Stopped.")
    assert printed == ""
    assert list(tmp_path.iterdir()) == []


def test_dataset_and_preview_in_one_go_and_the_next_command_takes_the_dataset(tmp_path, capsys):
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    words = ["simulate", str(out), "--patients", "1", "--size", "32"]
    assert main([*words, "--frames", "3", "--preview", str(sheet)]) == 0
    assert sheet.exists()
    sequence = out / "database_nifti" / "patient0001" / "patient0001_2CH_half_sequence.nii.gz"
    assert sequence.exists()
    printed = capsys.readouterr().out
    assert re.search(r"6 simulated frames of 1 patient in .*\d\.\d frames per second", printed)
    assert f"echojax prepare camus --from {out}" in printed
    data = ["--data-dir", str(tmp_path / "data")]
    assert main(["prepare", "camus", "--from", str(out), *data]) == 0
    capsys.readouterr()
    assert main(["inspect", "--json", *data]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert sum(counts["4CH"]["ES"].values()) == 1
    sheet.unlink()
    assert main([*words, "--overwrite"]) == 0
    assert not sequence.exists()
    assert not sheet.exists()


def test_a_folder_in_the_way_is_found_before_anything_is_made(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert main(["simulate", str(tmp_path), "--preview", str(tmp_path / "sheet.png")]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
