"""train-coherence, from simulated frames that know their coherence."""

import re

import pytest

from echojax.cli import main
from echojax.inference.coherence import CoherenceNetwork


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A prepared dataset of three simulated persons, with coherence."""
    folder = tmp_path_factory.mktemp("coherence")
    sizes = ["--patients", "3", "--seed", "1", "--size", "64", "--workers", "1"]
    assert main(["simulate", str(folder / "made"), *sizes, "--coherence"]) == 0
    data_dir = folder / "data"
    assert (
        main(["prepare", "camus", "--from", str(folder / "made"), "--data-dir", str(data_dir)]) == 0
    )
    return data_dir


def command(data_dir, run):
    words = [
        "coherence.size=64",
        "coherence.batch=2",
        "coherence.steps=2",
        "coherence.augment=false",
    ]
    settings = [each for word in words for each in ("--set", word)]
    return ["train-coherence", "--data-dir", str(data_dir), "--run", str(run), *settings]


def test_a_coherence_network_is_planned_trained_and_gone_on_with(known, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([*command(known, run), "--dry-run"]) == 0
    assert re.search(r"^coherence +1 +2 ", capsys.readouterr().out, re.MULTILINE)
    assert not run.exists()
    assert main(command(known, run)) == 0
    said = capsys.readouterr().out
    assert all(each in said for each in ("predicted", "blurred B-mode", "mean of the depth"))
    assert f"Coherence network: {run / 'coherence.safetensors'}" in said
    assert CoherenceNetwork.load(run / "coherence.safetensors").size == 64
    assert main([*command(known, run), "--resume"]) == 0
    assert main([*command(known, run), "--resume", "--set", "coherence.seed=1"]) == 2


def test_frames_without_coherence_are_refused_in_a_line(data_dir, tmp_path, capsys):
    assert main(command(data_dir, tmp_path / "run")) == 2
    assert "none of its frames has coherence to learn" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
