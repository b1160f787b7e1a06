import pytest

from echojax.cli import main

# The least that is a study: every part runs, nothing is learned.
TINY = [
    "sr.blocks=1",
    "sr.channels=4",
    "sr.crop=32",
    "sr.batch=4",
    "sr.steps=2",
    "sr.evaluate_frames=2",
    "sr.gan_steps=2",
    "sr.perceptual=none",
    "sr.discriminator_width=4",
    "classifier.width=4",
    "classifier.size=32",
    "classifier.epochs=1",
    "classifier.batch=8",
    "pretrain.epochs=1",
    "pretrain.batch=8",
    "study.parts=2",
    "study.folds=1",
    "study.seeds=2",
]


@pytest.fixture(scope="session")
def tiny():
    return [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "camus"
    assert main(["simulate", str(folder), "--patients", "30", "--size", "64"]) == 0
    return folder


@pytest.fixture(scope="session")
def data_dir(simulated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    assert main(["prepare", "camus", "--from", str(simulated), "--data-dir", str(folder)]) == 0
    return folder
