"""--json: standard output is one JSON document, and everything else is on standard error."""

import json
import re

import pytest

from echojax.cli import cli, main

CELL = {"protocol", "task", "train", "test", "sr", "mode", "sr_on"}


@pytest.fixture
def said(capfd):
    """Run a command with --json; gives the document."""

    def run(*words):
        capfd.readouterr()
        assert main([*map(str, words), "--json"]) == 0
        return json.loads(capfd.readouterr().out)

    return run


def check_keys(command, *keys):
    """Every key is in the help of the command."""
    help_text = " ".join(cli.commands[command].help.split())
    for key in keys:
        assert re.search(rf"\b{key}\b", help_text), key


def test_matrix_and_eval(said, data_dir, tiny, tmp_path):
    run = tmp_path / "run"
    few = ["study.seeds=1", 'study.train=["good"]', 'study.sr=["none", "bicubic"]']
    words = ["--data-dir", data_dir, "--run", run, *tiny, "--set", 'study.tasks=["view"]']
    words += [word for text in few for word in ("--set", text)]
    found = said("matrix", *words)
    keys = ("run", "report", "answer", "notes", "cells", "gains", "mean_gains", "primary")
    assert tuple(found) == keys
    check_keys("matrix", *keys)
    assert found["report"] == str(run / "report.html")
    assert len(found["answer"]) == 2
    cells = [cell for cell in found["cells"] if cell["test"] == "poor"]
    assert {cell["sr"] for cell in cells} == {"none", "bicubic"}
    assert all(0 <= cell["accuracy"] <= 1 for cell in found["cells"])
    assert cells[0]["low"] is None  # of a single training there is no interval
    assert {gain["sr"] for gain in found["gains"]} == {"bicubic"}
    words = ["--run", run, "--train", "good", "--test", "poor", "--task", "view"]
    asked = said("eval", *words)
    assert asked == {"run": str(run), "cells": [c for c in cells if c["sr"] == "none"]}
    check_keys("eval", *asked, *asked["cells"][0])
    assert asked["cells"][0].keys() > CELL


def test_evaluate_classifier(said, data_dir, others, tiny, tmp_path):
    words = ["pretrain-classifier", "--data-dir", others, "--run", tmp_path, *tiny]
    assert main([str(word) for word in words]) == 0
    file = tmp_path / "classifier" / "pretrained.safetensors"
    found = said("evaluate-classifier", "--weights", file, "--data-dir", data_dir)
    assert (found["weights"], found["learned_from"]) == (str(file), 0)
    first = found["results"][0]
    assert (first["task"], first["on"], first["frames"]) == ("view", "all", 96)
    assert first["accuracy"].keys() == {"value", "low", "high"}
    check_keys("evaluate-classifier", *found, *first, *first["area"])
    info = said("weights", "info", file)
    assert (info["format"], info["network"]["model"]) == ("safetensors", "resnet18")
    assert info["problem"] is None
    assert "learned from" not in info["metadata"]
    text = " ".join(cli.commands["weights"].commands["info"].help.split())
    assert all(key in text for key in info)
