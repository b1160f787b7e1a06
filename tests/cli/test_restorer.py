"""train-restorer, and what its file is good for."""

import csv

import numpy as np
import pytest
from PIL import Image

from echojax.cli import main
from echojax.config import DataConfig
from echojax.data import camus
from echojax.recipes import learned_from
from echojax.runs import contents
from echojax.weights import networks

SETTINGS = ["blocks=1", "channels=4", "crop=32", "batch=4", "steps=2", "evaluate_frames=2"]
PAIRS = 8 * 2 * 2 * 2  # persons, views, phases, qualities that are restored


@pytest.fixture(scope="module")
def train(tiny, tmp_path_factory):
    """Train a restorer on some data; gives the exit code and the run."""

    def command(data_dir, *words, run=None):
        run = run or tmp_path_factory.mktemp("runs") / "restorer"
        words = [*words, *tiny, *setting(*(f"restorer.{text}" for text in SETTINGS))]
        given = ["--data-dir", str(data_dir), "--run", str(run)]
        return main(["train-restorer", *given, *words]), run

    return command


def setting(*texts):
    return [word for text in texts for word in ("--set", text)]


@pytest.fixture(scope="module")
def graded(make_release, tmp_path_factory):
    """Eight persons whose frames come under three ids, one for each quality."""
    folder = tmp_path_factory.mktemp("graded")
    every = folder / "all"
    for shift in range(3):
        part = make_release(folder / str(shift), range(201, 209), shift=shift)
        for patient in sorted((part / "database_nifti").iterdir()):
            name = f"patient{int(patient.name[-4:]) + 100 * shift:04d}"
            (every / "database_nifti" / name).mkdir(parents=True)
            for file in patient.iterdir():
                to = file.name.replace(patient.name, name)
                file.rename(every / "database_nifti" / name / to)
    words = ["prepare", "camus", "--from", str(every), "--data-dir", str(folder)]
    assert main(words) == 0
    return folder


@pytest.fixture(scope="module")
def trained(train, graded):
    code, run = train(graded)
    assert code == 0
    return run


@pytest.fixture(scope="module")
def weights(trained):
    return trained / "restorer.safetensors"


@pytest.fixture
def ask(data_dir, tiny, tmp_path, capsys):
    """One cell of a study with a restorer: exit code, what was said, and the run."""

    def command(*words):
        capsys.readouterr()
        run = tmp_path / "run"
        given = ["--train", "good", "--test", "poor", "--sr", "restorer", "--task", "view"]
        given += ["--data-dir", str(data_dir), "--run", str(run), *tiny]
        code = main(["eval", *given, *setting("study.seeds=1", *words)])
        return code, capsys.readouterr(), run

    return command


def test_it_hands_over_one_file_that_says_how_it_did(trained, weights):
    model, card = networks.load(weights), networks.card(weights)
    assert (model.scale, model.settings.blocks) == (1, 1)
    assert f"{PAIRS * 7 // 8} pairs of echo frames of 7 persons" in card["data"]
    assert "not restored" in card["measured on held-out persons"]
    # Of both sides of every pair.
    assert len(card["learned from"]) == 64 * 2 * PAIRS * 7 // 8
    assert "psnr_sector_input" in (trained / "log.csv").read_text()
    contents.check(trained)  # may be overwritten


def test_what_it_would_take_is_told_before(train, graded, tmp_path, capsys):
    code, run = train(graded, "--dry-run", run=tmp_path / "run")
    told = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert (code, told[1]) == (0, ["restorer", "1", "2"])
    assert not run.exists()


def test_a_finished_training_prints_its_scores_again(train, graded, trained, weights, capsys):
    before = weights.read_bytes()
    assert train(graded, "--resume", run=trained)[0] == 0
    printed = capsys.readouterr().out
    assert printed.count("dB") == 2
    assert f"study.restorer={weights}" in printed
    assert weights.read_bytes() == before


def test_it_does_not_go_on_with_other_settings(train, graded, trained, capsys):
    code, _ = train(graded, "--resume", *setting("restorer.target=medium"), run=trained)
    assert code == 2
    assert "restorer.target" in capsys.readouterr().err


def test_frames_without_counterparts_are_refused(train, data_dir, capsys):
    code, run = train(data_dir)
    assert code == 2
    assert "echojax simulate OUT --grades each" in capsys.readouterr().err
    assert not run.exists()


def test_enhance_restores_at_the_frames_own_size(weights, tmp_path, capsys):
    frame, out = tmp_path / "frame.png", tmp_path / "out.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)).save(frame)
    words = ["enhance", str(frame), "-o", str(out), "--weights", str(weights)]
    assert main([*words, "--compare"]) == 0
    with Image.open(out) as made, Image.open(tmp_path / "out_compare.png") as beside:
        assert made.size == (48, 40)
        pictures = np.asarray(beside)[-40:]  # below their names
    with Image.open(frame) as image:
        shown = np.lib.stride_tricks.sliding_window_view(pictures, (40, 48))[0]
        assert any(np.array_equal(part, np.asarray(image)) for part in shown)
    capsys.readouterr()
    assert main([*words, "--overwrite", "--mode", "restore"]) == 2
    assert "leave --mode out" in capsys.readouterr().err
    assert main(["evaluate-sr", str(tmp_path), "--weights", str(weights)]) == 2
    assert "enlarges nothing" in capsys.readouterr().err


def test_a_study_uses_it_and_remembers_which_one(ask, weights, tmp_path):
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights.read_bytes())
    code, said, run = ask(f"study.restorer={own}")
    assert code == 0
    assert "restorer, filter, test" in said.out
    with (run / "manipulation.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["sr"], row["mode"], row["quality"]) == ("restorer", "filter", "poor")
    assert ask(f"study.restorer={own}")[0] == 0
    networks.save(networks.load(own), own, networks.card(own) | {"title": "another"})
    code, said, _ = ask(f"study.restorer={own}")
    assert code == 2
    assert "study.restorer was a file with hash" in said.err
    # What needs no restorer goes on without it.
    own.unlink()
    words = ["--train", "good", "--test", "poor", "--task", "view", "--run", str(run)]
    assert main(["eval", *words, "--sr", "clahe", *setting('study.sr=["none"]')]) == 0


def test_a_study_without_one_says_how_to_make_it(ask):
    code, said, run = ask()
    assert code == 2
    assert "echojax train-restorer" in said.err
    assert not run.exists()


def test_a_study_refuses_one_that_knows_its_frames(ask, weights, data_dir, tmp_path):
    card = networks.card(weights)
    frames = camus.open_frames(DataConfig(dir=data_dir))
    known = tmp_path / "known.safetensors"
    networks.save(networks.load(weights), known, card | learned_from.card_of(frames.hashes, None))
    code, said, run = ask(f"study.restorer={known}")
    assert code == 2
    assert "has learned from 48 of the 48 frames" in said.err
    assert not run.exists()
