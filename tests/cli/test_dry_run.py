"""--dry-run: every long command says what it would cost, and writes nothing."""

import re

import numpy as np
import pytest
from PIL import Image

from echojax.cli import main


@pytest.fixture(scope="module")
def natural(tmp_path_factory):
    """Prepared photographs."""
    folder = tmp_path_factory.mktemp("natural")
    (folder / "photographs").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (100, 120, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "photographs" / f"{number}.png")
    words = ["prepare", "images", "--from", str(folder / "photographs"), "--name", "mine"]
    assert main([*words, "--data-dir", str(folder / "data")]) == 0
    return folder / "data"


@pytest.fixture
def planned(tiny, tmp_path, monkeypatch, capsys):
    """Ask what a command would do; gives its rows, kind -> the other cells."""

    def ask(data, *words):
        monkeypatch.chdir(tmp_path)
        given = ["--data-dir", str(data), *tiny] if data else []
        capsys.readouterr()
        assert main([*words, *given, "--dry-run"]) == 0
        assert list(tmp_path.rglob("*")) == []
        head, *lines = capsys.readouterr().out.splitlines()
        assert head.split() == ["to", "do", "number", "steps", "disk", "time"]
        assert lines[-1].startswith("Nothing was written; the run would be runs")
        assert "timed, compiled and warm" in lines[-2]
        table = [re.split(" {2,}", line) for line in lines[:-3]]
        return {kind: cells for kind, *cells in table}

    return ask


def test_eval_counts_trainings_frames_and_answers(planned, data_dir):
    words = ("eval", "--train", "poor", "--test", "good", "--sr", "srresnet", "--task", "view")
    found = planned(data_dir, *words, "--set", 'study.modes=["restore"]')
    assert {kind: row[:2] for kind, row in found.items()} == {
        "srresnet": ["1", "2"],
        "classifier": ["2", "4"],
        "frames by srresnet, restore": ["16", "-"],
        "answers": ["32", "-"],
    }


def test_train_classifier_counts_its_seeds(planned, data_dir):
    found = planned(data_dir, "train-classifier", "--task", "view", "--train", "good")
    assert found["classifier"][:2] == ["2", "4"]


def test_train_sr_counts_the_srresnet_that_srgan_starts_from(planned, data_dir):
    found = planned(data_dir, "train-sr", "--sr", "srgan")
    assert {kind: row[:2] for kind, row in found.items()} == {
        "srresnet": ["1", "2"],
        "srgan": ["1", "2"],
    }


def test_a_pretraining_of_either_network_is_one_training(planned, data_dir, natural):
    found = planned(data_dir, "pretrain-classifier")
    assert found["classifier, pretrained"][:2] == ["1", "10"]
    words = ("train-sr", "--stage", "pretrain", "--set", "sr.images=mine")
    assert planned(natural, *words)["srresnet"][:2] == ["1", "2"]


def test_simulate_tries_a_few_patients_aside(tmp_path, capsys):
    words = ["simulate", str(tmp_path / "out"), "--patients", "300", "--size", "32"]
    assert main([*words, "--workers", "1", "--dry-run"]) == 0
    line, note = capsys.readouterr().out.splitlines()
    assert line.startswith("300 patients: ")
    assert "MB on disk, in 1 process" in line
    assert "Nothing was written" in note
    assert list(tmp_path.iterdir()) == []
    assert main(["simulate", "--preview", str(tmp_path / "sheet.png"), "--dry-run"]) == 2
