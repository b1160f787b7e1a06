"""Pretraining the classifier, starting from it, and asking it about another dataset."""

import pytest

from echojax.cli import main
from echojax.weights import safetensors_file

FILE = "classifier/pretrained.safetensors"


@pytest.fixture(scope="module")
def pretrain(data_dir, tiny):
    """Run the command in a run directory, with further words."""

    def run(folder, *words):
        given = ["--data-dir", str(data_dir), "--run", str(folder), *tiny]
        return main(["pretrain-classifier", *given, *words])

    return run


@pytest.fixture(scope="module")
def pretrained(pretrain, tmp_path_factory):
    """A finished pretraining: its run directory."""
    run = tmp_path_factory.mktemp("runs") / "pretrain"
    assert pretrain(run) == 0
    return run


def test_it_hands_over_a_file_that_says_what_it_is(pretrained):
    told = safetensors_file.metadata(pretrained / FILE)
    assert told["heads"] == "view,phase"
    assert told["input size"] == "32"
    assert told["data"] == "108 echo frames of 27 patients"
    assert told["view accuracy on held-out frames"].endswith("% (12 frames of 3 patients)")
    assert told["phase accuracy on held-out frames"].endswith("% (12 frames of 3 patients)")
    card = (pretrained / FILE).with_suffix(".md").read_text()
    assert "108 echo frames of 27 patients" in card
    assert "not a medical device" in card
    assert "enlarged" not in card


def test_a_finished_pretraining_is_read_not_repeated(pretrained, pretrain, capsys):
    def kept():
        tensors = safetensors_file.tensors(pretrained / FILE)
        told = safetensors_file.metadata(pretrained / FILE)
        return {name: tensor.tolist() for name, tensor in tensors.items()}, told

    before, log = kept(), (pretrained / "log.csv").read_text()
    capsys.readouterr()
    assert pretrain(pretrained) == 2
    assert "--resume" in capsys.readouterr().err
    assert pretrain(pretrained, "--resume") == 0
    assert kept() == before
    assert (pretrained / "log.csv").read_text() == log
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("phase") and " ES " in line for line in printed)
    assert f"Pretrained: {pretrained / FILE}" in printed
    assert printed[-1].startswith(f"Next: echojax matrix --set classifier.init={pretrained / FILE}")


def test_it_does_not_go_on_with_other_settings_of_its_own(pretrained, pretrain, capsys):
    assert pretrain(pretrained, "--resume", "--set", "pretrain.augment=0.5") == 2
    assert "pretrain.augment was 1.0, now 0.5" in capsys.readouterr().err


def test_frames_of_one_view_are_refused_before_anything_is_done(pretrain, tmp_path, capsys):
    assert pretrain(tmp_path / "run", "--set", 'data.views=["2CH"]') == 2
    assert "there are no 4CH frames" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def train(data_dir, tiny, tmp_path):
    """Train a classifier from some start; gives the exit code and the run."""

    def run(init):
        folder = tmp_path / "run"
        words = ["train-classifier", "--task", "phase", "--train", "good", "--run", str(folder)]
        words += ["--data-dir", str(data_dir), *tiny, "--set", f"classifier.init={init}"]
        return main(words), folder

    return run


def test_a_study_starts_from_it_and_keeps_the_words_of_the_user(
    pretrained, train, data_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    default = tmp_path / "runs" / "pretrain-classifier"
    default.parent.mkdir()
    default.symlink_to(pretrained)
    code, run = train("simulated")
    assert code == 0
    assert 'init = "simulated"' in (run / "config.toml").read_text()
    capsys.readouterr()
    kept = run / "classifiers" / "patient" / "phase" / "good" / "none" / "fold0" / "seed0"
    assert main(["evaluate-classifier", "--weights", str(kept), "--data-dir", str(data_dir)]) == 0
    printed = capsys.readouterr()
    rows = [line.split()[:4] for line in printed.out.splitlines()[1:]]
    assert rows[0] == ["phase", "all", "120", "30"]
    assert {row[0] for row in rows} == {"phase"}
    assert "learned from frames of this dataset" in printed.err


@pytest.mark.parametrize(
    ("init", "advice"),
    [
        ("simulated", "echojax pretrain-classifier"),
        ("imagenet", "echojax weights fetch resnet18"),
        ("resnet18", "echojax weights fetch resnet18"),
    ],
)
def test_a_start_that_is_not_there_says_how_to_get_it(
    init, advice, train, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "none"))
    code, run = train(init)
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert advice in line
    assert not run.exists()


def test_evaluate_classifier_prints_tasks_qualities_and_classes(
    pretrained, simulated, data_dir, capsys
):
    words = ["evaluate-classifier", "--weights", str(pretrained / FILE), "--data-dir"]
    assert main([*words, str(data_dir), "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| task | frames of | frames | patients | accuracy | 95 % |"
    named = [tuple(cell.strip() for cell in line.split("|")[1:5]) for line in lines[2:]]
    assert named[0] == ("view", "all", "120", "30")
    assert {("view", "2CH", "60", "30"), ("phase", "ES", "60", "30")} <= set(named)
    assert {on for _, on, _, _ in named} >= {"good", "medium", "poor"}


def test_evaluate_classifier_names_what_is_missing(data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate-classifier", "--data-dir", str(data_dir), "--weights"]
    assert main([*words, "simulated"]) == 2
    assert "echojax pretrain-classifier" in capsys.readouterr().err
    assert main([*words, "nowhere.safetensors"]) == 2
    assert "nowhere.safetensors: no such weights file" in capsys.readouterr().err
