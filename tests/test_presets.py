"""Configurations that go by a name, and files of one's own beside them."""

from pathlib import Path

import pytest

from echojax import config, presets
from echojax.cli import cli, main
from echojax.errors import InputError
from echojax.studies.diagnosis.config import Config
from echojax.studies.grading import config as grading

# What a configuration is of, where it is not of the diagnosis study.
OF = {"grading": ("grading", grading.Config)}


@pytest.mark.parametrize("name", presets.names())
def test_each_is_valid_and_the_record_of_an_experiment(name):
    file = presets.find(name)
    program, model = OF.get(name, ("matrix", Config))
    assert config.load(model, file) != model()
    command = next(line for line in file.read_text().splitlines() if "Command:" in line)
    ways = (f"# Command: echojax {program} --config {name}", f"# Command: bash scripts/{name}.sh")
    assert command.startswith(ways)


def test_help_says_which_there_are_and_what_each_is_for(capsys):
    assert {"causal", "paper", "patient_level", "quickstart", "strong"} <= {*presets.names()}
    assert main(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    for name in presets.names():
        assert presets.headline(name).endswith(".")
        assert [name, presets.headline(name)] in lines  # in one line
    assert main(["matrix", "--help"]) == 0
    assert ", ".join(presets.names()) in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("wrong", "right"), [("papr", "paper"), ("patient-level", "patient_level"), ("", "")]
)
def test_a_misspelt_name_is_answered_with_the_closest(wrong, right, capsys):
    assert main(["matrix", "--config", wrong]) == 2
    error = capsys.readouterr().err
    assert f"Error: {wrong}: no configuration goes by that name; did you mean {right}" in error
    assert "quickstart, strong" in error


def test_a_name_is_no_file_and_a_file_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("paper", "paper.toml", "mine"):
        Path(file).write_text("[sr]\nsteps = 7\n")
    assert config.load(Config, presets.find("paper")).sr.steps == 252_500
    for path in ("paper.toml", "./paper", "./mine", str(tmp_path / "mine")):
        assert config.load(Config, presets.find(path)).sr.steps == 7
    with pytest.raises(InputError, match=r"mine: no configuration goes by that name"):
        presets.find("mine")


def test_a_missing_file_is_no_name(capsys):
    assert main(["matrix", "--config", "elsewhere/paper.toml"]) == 2
    assert "elsewhere/paper.toml: no such configuration file" in capsys.readouterr().err


def test_the_run_of_a_name_lies_where_its_name_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("runs/paper").mkdir(parents=True)
    Path("runs/paper/config.toml").touch()
    assert main(["matrix", "--config", "paper"]) == 2
    assert "runs/paper: the run exists already" in capsys.readouterr().err


def test_names_are_completed_and_so_are_files():
    (option,) = (each for each in cli.commands["matrix"].params if each.name == "file")

    def completed(incomplete):
        return [
            (each.value, each.type) for each in option.type.shell_complete(None, option, incomplete)
        ]

    assert completed("pa") == [("paper", "plain"), ("patient_level", "plain")]
    assert completed("my/") == [("my/", "file")]
