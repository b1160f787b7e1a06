import json
import os
import subprocess
import sys

import pytest

from echojax.cli import cli, main

HEAVY = {"jax", "flax", "tensorflow", "tensorflow_datasets", "matplotlib", "numpy", "pydantic"}


def commands(group, *words):
    """The words of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *words, name)
        else:
            yield (*words, name)


def test_nothing_heavy_is_imported_for_the_help_of_any_command():
    every = [[*words, "--help"] for words in commands(cli)]
    assert len(every) > 12
    code = (
        "import sys; from echojax.cli import main\n"
        f"for words in {[['--help'], *every]}:\n"
        "    assert main(words) == 0, words\n"
        f"    heavy = {HEAVY} & sys.modules.keys()\n"
        "    assert not heavy, (words, heavy)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_help_is_a_table_of_contents(capsys):
    assert main(["--help"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    words = [line[0] for line in lines if line]
    asked, trained = ["matrix", "eval", "report"], ["train-sr", "train-classifier", "enhance"]
    places = [words.index(name) for name in ("simulate", "prepare", "inspect", *asked, *trained)]
    assert places == sorted(places)


@pytest.mark.parametrize(("words", "command"), [([], "matrix"), (["prepare"], "camus")])
def test_a_group_without_a_command_shows_its_help(words, command, capsys):
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"  {command} ") for line in lines)


@pytest.mark.parametrize(
    "name",
    [
        "train-sr",
        "train-restorer",
        "train-grader",
        "pretrain-classifier",
        "train-classifier",
        "eval",
        "matrix",
    ],
)
def test_training_and_study_commands_share_their_options(name, capsys):
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    for option in ("--config", "--set", "--data-dir", "--run", "--resume", "--overwrite"):
        assert option in printed


def test_inspect_prints_json_and_nothing_else(data_dir, capfd):
    assert main(["inspect", "--data-dir", str(data_dir), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    known = {"patients", "ids", "graded", "simulated", "coherence", "regions_graded"}
    assert set(found) == known | {"counts", "duplicates", "left_out", "remarks"}
    (remark,) = found["remarks"]  # these frames are tiny
    assert "the sector of 96 of 96 frames is 19 to 19 mm deep" in remark
    assert sum(found["counts"]["2CH"]["ED"].values()) == 24
    assert found["duplicates"] == []


def test_python_runs_the_package_as_the_command_line():
    words = [sys.executable, "-m", "echojax", "inspect", "--data-dir", "nowhere"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("Error: nowhere")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (
            "echojax train-",
            [
                "train-classifier",
                "train-coherence",
                "train-grader",
                "train-restorer",
                "train-segmenter",
                "train-sr",
            ],
        ),
        ("echojax eval --sr b", ["bicubic", "blur"]),
        ("echojax weights info --dev", ["--device"]),
        ("echojax enhance --device ", ["cpu", "gpu", "tpu"]),
    ],
)
def test_a_shell_completes_what_is_typed(typed, offered):
    asked = {"_ECHOJAX_COMPLETE": "bash_complete", "COMP_WORDS": typed}
    asked["COMP_CWORD"] = str(typed.count(" "))
    command = [sys.executable, "-m", "echojax"]
    env = os.environ | asked
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert run.stdout.split() == [f"plain,{word}" for word in offered]


def test_the_checkout_runs_without_install():
    finished = subprocess.run(
        [sys.executable, "cli.py", "--version"], capture_output=True, text=True, check=True
    )
    assert finished.stdout.startswith("echojax, version")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspect", "--data-dir", "nowhere"], "nowhere/camus: no prepared dataset"),
        (["matrix", "--data-dir", "nowhere"], "nowhere/camus: no prepared dataset"),
        (["matrix", "--config", "nowhere.toml"], "nowhere.toml: no such configuration file"),
        (["matrix", "--run", "."], ".: not a run directory"),
        (["eval", "--train=poor", "--test=good"], "data/camus: no prepared dataset"),
        (["train-sr", "--set", "data.dir=there"], "there/camus: no prepared dataset"),
        (["train-sr", "--stage=pretrain", "--set=sr.images=x"], "data/images/x: no prepared"),
        (["train-classifier", "--task=view", "--train=good"], "data/camus: no prepared dataset"),
        (["train-restorer"], "data/camus: no prepared dataset"),
        (["train-grader"], "data/camus: no prepared dataset"),
        (["pretrain-classifier"], "data/camus: no prepared dataset"),
        (["evaluate-classifier", "--weights=x"], "data/camus: no prepared dataset"),
        (["enhance", "no.png", "-o", "x", "--weights=y"], "no.png: no such file or folder"),
        (["enhance", ".", "-o", "x", "--weights=y"], "y: no such weights file"),
        (["evaluate-sr", ".", "--weights=y"], "y: no such weights file"),
    ],
)
def test_what_is_not_there_is_said_before_anything_heavy_is_imported(words, said, tmp_path):
    code = (
        "import sys; from echojax.cli import main\n"
        f"assert main({words}) == 2\n"
        "heavy = {'jax', 'flax', 'orbax', 'tensorflow', 'tensorflow_datasets', 'matplotlib'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    command = [sys.executable, "-c", code]
    (tmp_path / "litter.txt").touch()
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr
    assert said in found.stderr


def test_no_help_shows_what_was_meant_for_click(capsys):
    for words in [[], *commands(cli)]:
        assert main([*words, "--help"]) == 0
        printed = capsys.readouterr().out
        assert "\\b" not in printed, words
        assert "\b" not in printed, words
    assert main(["simulate", "--help"]) == 0
    assert "\n  As many patients as CAMUS:    echojax simulate data/simulated\n" in (
        capsys.readouterr().out
    )
