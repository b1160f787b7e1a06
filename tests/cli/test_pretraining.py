"""Pretraining the classifier, starting from it, and asking it about another dataset."""

import re
import shutil

import pytest

from echojax.cli import main
from echojax.runs import contents
from echojax.weights import networks, safetensors_file

FILE = "classifier/pretrained.safetensors"


@pytest.fixture(scope="module")
def pretrain(others, tiny):
    """Run the command in a run directory, with further words."""

    def run(folder, *words):
        given = ["--data-dir", str(others), "--run", str(folder), *tiny]
        return main(["pretrain-classifier", *given, *words])

    return run


@pytest.fixture(scope="module")
def pretrained(pretrain, tmp_path_factory):
    """A finished pretraining: its run directory."""
    run = tmp_path_factory.mktemp("runs") / "pretrain"
    assert pretrain(run) == 0
    return run


def test_it_hands_over_a_file_that_says_what_it_is(pretrained):
    told = networks.card(pretrained / FILE)
    assert told["heads"] == "view,phase"
    assert told["input size"] == "32"
    assert told["data"] == "28 echo frames of 7 patients"
    assert told["simulated frames"] == "28"
    assert told["started from"] == "random"
    assert told["view accuracy on held-out frames"].endswith("%")
    assert told["phase accuracy on held-out frames"].endswith("%")
    card = (pretrained / FILE).with_suffix(".md").read_text()
    assert "28 echo frames of 7 patients" in card
    assert "not a medical device" in card
    assert "enlarged" not in card
    contents.check(pretrained)  # may be overwritten


def test_a_finished_pretraining_is_read_not_repeated(pretrained, pretrain, capsys):
    """Also with other settings, if they do not matter to it."""

    def kept():
        tensors = safetensors_file.tensors(pretrained / FILE)
        told = networks.card(pretrained / FILE)
        return {name: tensor.tolist() for name, tensor in tensors.items()}, told

    before, log = kept(), (pretrained / "log.csv").read_text()
    capsys.readouterr()
    assert pretrain(pretrained) == 2
    assert "--resume" in capsys.readouterr().err
    other = ("--set", "sr.steps=3", "--set", "classifier.epochs=7", "--set", "study.parts=3")
    assert pretrain(pretrained, "--resume", *other) == 0
    assert kept() == before
    assert (pretrained / "log.csv").read_text() == log
    printed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("phase") and " ES " in line for line in printed)
    assert f"Pretrained: {pretrained / FILE}" in printed
    assert printed[-1].startswith(f"Next: echojax matrix --set classifier.init={pretrained / FILE}")


def test_it_does_not_go_on_with_other_settings_of_its_own(pretrained, pretrain, capsys):
    assert pretrain(pretrained, "--resume", "--set", "pretrain.augment=0.5") == 2
    assert "pretrain.augment was 0.0, now 0.5" in capsys.readouterr().err


def test_it_starts_from_a_file_but_never_from_its_own(pretrained, pretrain, tmp_path, capsys):
    start = ("--set", f"pretrain.init={pretrained / FILE}")
    assert pretrain(tmp_path / "run", *start) == 0
    first, second = (networks.card(r / FILE) for r in (pretrained, tmp_path / "run"))
    assert second["started from"] == str(pretrained / FILE)
    assert len(second["learned from"]) > len(first["learned from"])
    before, after = (safetensors_file.tensors(run / FILE) for run in (pretrained, tmp_path / "run"))
    for name in ("conv1.kernel", "fc.kernel"):
        # From random numbers it would become the same network again.
        assert 0 < abs(before[name] - after[name]).max() < 0.01
    capsys.readouterr()
    assert pretrain(pretrained, *start, "--overwrite") == 2
    assert "where this pretraining goes" in capsys.readouterr().err
    assert (pretrained / FILE).exists()


def test_the_word_for_its_own_file_is_no_start(others, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--data-dir", str(others), *tiny, "--set", "pretrain.init=simulated"]
    assert main(["pretrain-classifier", *words]) == 2
    assert 'start from "random"' in capsys.readouterr().err


def test_frames_of_one_view_are_refused_before_anything_is_done(pretrain, tmp_path, capsys):
    assert pretrain(tmp_path / "run", "--set", 'data.views=["2CH"]') == 2
    assert "there are no 4CH frames" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def train(data_dir, tiny, tmp_path):
    """Train a classifier from some start; gives the exit code and the run."""

    def run(init, *further, on=data_dir):
        folder = tmp_path / "run"
        words = ["train-classifier", "--task", "phase", "--train", "good", "--run", str(folder)]
        words += ["--data-dir", str(on), *tiny, "--set", f"classifier.init={init}", *further]
        return main(words), folder

    return run


@pytest.fixture
def usual_place(pretrained, tmp_path, monkeypatch):
    """A working directory where the pretraining lies in its usual place."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(pretrained, tmp_path / "runs" / "pretrain-classifier")


def test_from_its_usual_place_the_next_command_says_simulated(usual_place, others, tiny, capsys):
    assert main(["pretrain-classifier", "--data-dir", str(others), *tiny, "--resume"]) == 0
    assert "--set classifier.init=simulated " in capsys.readouterr().out.splitlines()[-1]


def test_a_study_starts_from_it_and_goes_on_only_from_the_file_it_began_with(
    usual_place, train, data_dir, capsys
):
    code, run = train("simulated")
    assert code == 0
    # The words of the user are kept.
    assert 'init = "simulated"' in (run / "config.toml").read_text()
    capsys.readouterr()
    kept = run / "classifiers" / "patient" / "phase" / "good" / "none" / "fold0" / "seed0"
    assert main(["evaluate-classifier", "--weights", str(kept), "--data-dir", str(data_dir)]) == 0
    printed = capsys.readouterr()
    assert "simulated frames" not in networks.card(kept.with_name("seed0.safetensors"))
    rows = [line.split()[:4] for line in printed.out.splitlines()[1:]]
    assert rows[0] == ["phase", "all", "96", "24"]
    assert {row[0] for row in rows} == {"phase"}
    assert "learned from 16 of the 96 frames" in printed.err
    file = usual_place / FILE
    assert train(file, "--resume")[0] == 0
    networks.save(networks.load(file), file, {**networks.card(file), "note": "new"})
    capsys.readouterr()
    assert train(file, "--resume")[0] == 2
    printed = capsys.readouterr().err
    assert "seed0: cannot be gone on with: classifier.init was a file with hash" in printed


@pytest.mark.parametrize(
    ("numbers", "shift"),
    [(range(101, 109), 0), (range(101, 113), 1)],
    ids=["all of them", "some of them, with other qualities"],
)
def test_a_study_does_not_start_from_what_has_seen_its_frames(
    numbers, shift, make_data, pretrained, train, capsys
):
    study = make_data(numbers, shift=shift)
    capsys.readouterr()
    code, run = train(pretrained / FILE, on=study)
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "classifier.init = " in line
    told = re.search(r"has learned from (\d+) of the (\d+) frames that fold 0 of protocol", line)
    known, tested = map(int, told.groups())
    assert tested == 4 * len(numbers) // 2
    # All frames of some of the seven patients.
    assert known in (4, 8, 12, 16, 20, 24, 28)
    assert not run.exists()


@pytest.mark.parametrize(
    ("init", "advice"),
    [
        ("simulated", "echojax pretrain-classifier"),
        ("imagenet", "echojax weights fetch resnet18"),
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


def test_evaluate_classifier_prints_tasks_qualities_and_classes(pretrained, data_dir, capsys):
    words = ["evaluate-classifier", "--weights", str(pretrained / FILE), "--data-dir"]
    assert main([*words, str(data_dir), "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| task | frames of | frames | patients | accuracy | 95 % | AUC | 95 % |"
    named = [tuple(cell.strip() for cell in line.split("|")[1:5]) for line in lines[2:]]
    assert named[0] == ("view", "all", "96", "24")
    assert {("view", "2CH", "48", "24"), ("phase", "ES", "48", "24")} <= set(named)
    assert {on for _, on, _, _ in named} >= {"good", "medium", "poor"}


def test_evaluate_classifier_notes_frames_that_were_learned_from(pretrained, others, capsys):
    words = ["evaluate-classifier", "--weights", str(pretrained / FILE), "--data-dir", str(others)]
    assert main(words) == 0
    assert "learned from 28 of the 32 frames" in capsys.readouterr().err


def test_a_pretraining_is_found_by_its_run_and_a_study_names_a_classifier(
    pretrained, train, data_dir, capsys
):
    frame = next((data_dir / "camus_public").rglob("*_2CH_ED.nii.gz"))
    assert main(["classify", str(frame), "--run", str(pretrained)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].startswith(str(frame))
    assert "learned from simulated frames" in printed.err
    _, run = train("random")
    capsys.readouterr()
    assert main(["classify", str(frame), "--run", str(run)]) == 2
    kept = run / "classifiers" / "patient" / "phase" / "good" / "none" / "fold0" / "seed0"
    assert f"one of a study's, as {kept}" in capsys.readouterr().err
    assert main(["classify", str(frame), "--weights", str(kept)]) == 0


def test_evaluate_classifier_names_what_is_missing(data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate-classifier", "--data-dir", str(data_dir), "--weights"]
    assert main([*words, "simulated"]) == 2
    assert "echojax pretrain-classifier" in capsys.readouterr().err
    assert main([*words, "nowhere.safetensors"]) == 2
    assert "nowhere.safetensors: no such weights file" in capsys.readouterr().err
