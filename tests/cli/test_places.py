"""Files that travel name no folder of this machine."""

import shutil

import pytest

from echojax.cli import main
from echojax.files import from_here, without_places


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("interpolation", "interpolation"),
        ("runs/pretrain/net.safetensors", "runs/pretrain/net.safetensors"),
        ("/home/me/net.safetensors", "net.safetensors"),
        ("--set=sr.init=/home/me/a net.safetensors", "--set=sr.init=a net.safetensors"),
        ('dir = "/home/me/data"\ninit = "x"', 'dir = "data"\ninit = "x"'),
        ("C:\\Users\\me\\net.safetensors", None),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("~/data/camus", "~/data/camus"),
    ],
)
def test_a_text_that_travels_has_names_instead_of_places(text, shown):
    if shown is None:
        pytest.skip("a path of Windows is one only there")
    assert without_places(text) == shown


def test_what_lies_in_the_work_folder_is_seen_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert from_here(f"{tmp_path}/data") == "data"
    assert from_here(f"{tmp_path.parent}/data") == f"{tmp_path.parent}/data"
    assert without_places(f"--run={tmp_path}/runs/x") == "--run=runs/x"


def test_no_file_of_a_run_names_the_folder_it_was_made_in(data_dir, tiny, tmp_path, monkeypatch):
    shutil.copytree(data_dir / "camus", tmp_path / "data" / "camus")
    monkeypatch.chdir(tmp_path)
    words = ["--data-dir", str(tmp_path / "data"), *tiny]
    few = ["study.seeds=1", 'study.train=["good"]', 'study.modes=["restore"]']
    few += ['study.tasks=["view"]', 'study.test=["poor"]', 'study.sr=["none", "srresnet"]']
    few = [word for text in few for word in ("--set", text)]
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setattr("sys.argv", ["echojax", "train-sr", "--run", str(first), *words])
    assert main(["train-sr", "--run", str(first), *words]) == 0
    start = first / "sr" / "srresnet" / "patient" / "fold0.safetensors"
    given = ["--run", str(second), *words, *few, "--set", f"sr.init={start}"]
    monkeypatch.setattr("sys.argv", ["echojax", "matrix", *given])
    assert main(["matrix", *given]) == 0
    place = str(tmp_path).encode()
    files = [file for run in (first, second) for file in run.rglob("*") if file.is_file()]
    assert len(files) > 30
    assert [str(file) for file in files if place in file.read_bytes()] == []
    words = ["--run", "second", "--train", "good", "--test", "poor", "--task", "view"]
    assert main(["eval", *words]) == 0


def test_a_report_does_not_say_where_else_data_lie(data_dir, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["train-sr", "--run", "run", "--data-dir", str(data_dir), *tiny]
    monkeypatch.setattr("sys.argv", ["echojax", *words])
    assert main(words) == 0
    assert main(["report", "--run", "run"]) == 0
    place = str(data_dir).encode()
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    # Which the run goes on with.
    assert [file.name for file in files if place in file.read_bytes()] == ["config.toml"]
