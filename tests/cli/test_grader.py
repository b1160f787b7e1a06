"""train-grader, from frames of which only the view's grade is known."""

import re

from echojax.cli import main
from echojax.inference.regional_quality import Grader
from echojax.weights import networks

_SETTINGS = {
    "size": 32,
    "width": 0.25,
    "init": "random",
    "batch": 4,
    "steps": 2,
    "held_out": 0.3,
    "inner": 0.3,
    "augment": "false",
}


def test_a_grader_is_planned_trained_and_gone_on_with(data_dir, tmp_path, capsys):
    run = tmp_path / "run"
    words = [f"regional_quality.{key}={value}" for key, value in _SETTINGS.items()]
    given = ["--data-dir", str(data_dir), "--run", str(run)]
    command = ["train-grader", *given, *(w for word in words for w in ("--set", word))]
    assert main([*command, "--dry-run"]) == 0
    assert re.search(r"^grader +1 +2 ", capsys.readouterr().out, re.MULTILINE)
    assert not run.exists()
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"Grader: {run / 'grader.safetensors'}" in said
    assert Grader.load(run / "grader.safetensors").size == 32
    told = networks.card(run / "grader.safetensors")["grades on held-out persons"]
    assert told.startswith("AUC of good against poor views")
    assert main([*command, "--resume"]) == 0
    capsys.readouterr()
    assert main([*command, "--resume", "--set", "regional_quality.weak=1.0"]) == 2
    assert "regional_quality.weak was 0.5, now 1.0" in capsys.readouterr().err


def test_a_start_that_was_not_fetched_is_told_how_to_get(data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    words = ["train-grader", "--data-dir", str(data_dir), "--run", str(tmp_path / "run")]
    assert main(words) == 2
    assert "echojax weights fetch mobilenetv2" in capsys.readouterr().err
