import json
import subprocess
import sys

import pytest

from echojax.cli import main


def test_nothing_heavy_is_imported_for_help():
    code = (
        "import sys, echojax.cli; "
        "heavy = {'jax', 'tensorflow', 'tensorflow_datasets', 'matplotlib', 'numpy', 'pydantic'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_is_a_table_of_contents(capsys):
    assert main(["--help"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    words = [line[0] for line in lines if line]
    commands = ["simulate", "prepare", "inspect", "train-sr", "train-classifier", "eval"]
    places = [words.index(name) for name in (*commands, "matrix", "report")]
    assert places == sorted(places)


@pytest.mark.parametrize(("words", "command"), [([], "matrix"), (["prepare"], "camus")])
def test_a_group_without_a_command_shows_its_help(words, command, capsys):
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"  {command} ") for line in lines)


@pytest.mark.parametrize(
    "name", ["train-sr", "pretrain-classifier", "train-classifier", "eval", "matrix"]
)
def test_training_and_study_commands_share_their_options(name, capsys):
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    for option in ("--config", "--set", "--data-dir", "--run", "--resume", "--overwrite"):
        assert option in printed


def test_inspect_prints_json_and_nothing_else(data_dir, capfd):
    assert main(["inspect", "--data-dir", str(data_dir), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert set(found) == {"counts", "duplicates", "left_out"}
    assert sum(found["counts"]["2CH"]["ED"].values()) == 30
    assert found["duplicates"] == []


def test_inspect_of_real_data_counts_and_finds_the_pair(shared_data, tmp_path, capfd):
    words = ["--data-dir", str(tmp_path)]
    assert main(["prepare", "camus", "--from", str(shared_data / "camus_224"), *words]) == 0
    capfd.readouterr()
    assert main(["inspect", "--json", *words]) == 0
    found = json.loads(capfd.readouterr().out)
    for phase in ("ED", "ES"):
        counts = found["counts"]["2CH"][phase]
        assert [counts[q] for q in ("good", "medium", "poor")] == [112, 72, 59]
    assert found["duplicates"] == [["patient0033", "patient0068"]]


def test_the_checkout_runs_without_install():
    finished = subprocess.run(
        [sys.executable, "cli.py", "--version"], capture_output=True, text=True, check=True
    )
    assert finished.stdout.startswith("echojax, version")


def test_choices_are_those_of_the_configuration():
    from typing import get_args

    from echojax import config
    from echojax.cli import study

    assert get_args(config.Task) == study.TASKS
    assert get_args(config.Quality) == study.STRATA
    assert get_args(config.Enhancement) == study.SR
    assert get_args(config.Mode) == study.MODES
    assert get_args(config.Side) == study.SIDES
