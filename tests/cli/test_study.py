"""The commands of training and study, on a tiny dataset of noise."""

import csv
import shutil
from itertools import product

import numpy as np
import pytest
from PIL import Image

from echojax.cli import main
from echojax.models.generator import Generator
from echojax.models.resnet import ResNet18
from echojax.runs import contents
from echojax.weights import networks, safetensors_file

CLASSIFIERS = "classifiers/patient"


@pytest.fixture(scope="module")
def finished(data_dir, tiny, tmp_path_factory):
    """A run of the whole matrix, both generators included."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    words = ["matrix", "--data-dir", str(data_dir), "--run", str(run), *tiny]
    every = ['study.sr=["none", "bicubic", "srresnet", "srgan"]', 'study.modes=["restore"]']
    assert main([*words, *setting(*every, "study.seeds=1")]) == 0
    return run


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it to go on with."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(scope="module")
def srresnet(data_dir, tiny, tmp_path_factory):
    """A run with a trained SRResNet and nothing else."""
    run = tmp_path_factory.mktemp("runs") / "begun"
    assert main(["train-sr", "--data-dir", str(data_dir), "--run", str(run), *tiny]) == 0
    return run


@pytest.fixture
def begun(srresnet, tmp_path):
    """A copy of it to go on with."""
    return shutil.copytree(srresnet, tmp_path / "begun")


@pytest.fixture
def again(capsys):
    """Go on with a run: exit code and errors."""

    def command(name, run, *words):
        capsys.readouterr()
        code = main([name, "--run", str(run), "--resume", *map(str, words)])
        return code, capsys.readouterr().err

    return command


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def setting(*texts):
    return [word for text in texts for word in ("--set", text)]


def trained(run):
    """Content and time of every file that a training hands over."""
    return {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in run.rglob("*.safetensors")}


def test_matrix_leaves_a_whole_report(finished):
    for name in (
        "config.toml",
        "environment.json",
        "log.csv",
        "predictions.csv",
        "tables/accuracy.csv",
        "tables/dataset.csv",
        "tables/restored_frames.csv",
        "tables/changed_frames.csv",
        "frames.json",
        "figures/fig2_frames.png",
        "figures/fig3_patches.png",
        "figures/fig4_gain_patient.png",
        "figures/accuracy_patient.png",
        "report.html",
        "report.md",
    ):
        assert (finished / name).stat().st_size > 0, name
    header = (finished / "tables" / "accuracy.csv").read_text().splitlines()[0]
    assert header.startswith("protocol,task,train,test,sr,sr_on,accuracy,low,high,frames,seeds")
    assert "SRGAN" in (finished / "report.html").read_text()


def test_a_dry_run_tells_what_a_matrix_would_train_and_writes_nothing(
    finished, data_dir, tiny, tmp_path, capsys
):
    every = ['study.sr=["none", "bicubic", "srresnet", "srgan"]', 'study.modes=["restore"]']
    words = ["--data-dir", str(data_dir), *tiny, *setting(*every, "study.seeds=1"), "--dry-run"]
    assert main(["matrix", "--run", str(tmp_path / "new"), *words]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    folders = {
        "srresnet": finished / "sr/srresnet",
        "srgan": finished / "sr/srgan",
        "classifier": finished / "classifiers",
    }
    # Of 32 frames of a stratum, 16 are learned from, in batches of 8.
    for kind, steps in (("srresnet", 2), ("srgan", 2), ("classifier", 2)):
        (row,) = [row for row in told if row[:1] == [kind]]
        number = len(list(folders[kind].rglob("*.safetensors")))
        assert row[1:3] == [str(number), str(number * steps)]
        # Networks, and checkpoints of what keeps some.
        size = sum(file.stat().st_size for file in folders[kind].rglob("*") if file.is_file())
        assert float(row[3]) * 1e6 == pytest.approx(size, rel=0.3, abs=0.2e6)  # with cards
    assert main(["train-sr", "--sr", "srgan", "--run", str(tmp_path / "new"), *words]) == 0
    told = capsys.readouterr().out
    assert "srresnet" in told
    assert "classifier" not in told
    assert list(tmp_path.iterdir()) == []
    before = sorted(finished.rglob("*"))
    assert main(["matrix", "--run", str(finished), "--resume", "--dry-run"]) == 0
    assert "Nothing is to be trained" in capsys.readouterr().out
    assert main(["matrix", "--run", str(finished), *words, "--overwrite"]) == 2
    assert "leave out --overwrite" in capsys.readouterr().err
    assert sorted(finished.rglob("*")) == before


def test_all_that_a_matrix_leaves_may_be_overwritten(finished):
    contents.check(finished)


def test_matrix_restores_frames_that_no_generator_saw_in_every_way(finished):
    restored = rows(finished / "tables" / "restored_frames.csv")
    assert {row["method"] for row in restored} == {"bicubic", "lanczos", "srresnet", "srgan"}
    tested = {row["frame"] for row in rows(finished / "predictions.csv")}
    assert {row["frame"] for row in restored} <= tested
    by_method = [[r["frame"] for r in restored if r["method"] == m] for m in ("bicubic", "srgan")]
    assert by_method[0] == by_method[1]


def test_matrix_predicts_every_cell(finished):
    table = rows(finished / "tables" / "accuracy.csv")
    # 9 plain cells and, for 3 enhancements, 7 enhanced ones; in two tasks.
    assert len(table) == 2 * (9 + 3 * 7)
    assert {row["sr"] for row in table} == {"none", "bicubic", "srresnet", "srgan"}
    assert {row["seeds"] for row in table} == {"1"}


def test_what_needs_no_network_answers_the_same_questions(finished):
    asked = {
        (row["task"], row["train"], row["test"], row["frame"])
        for row in rows(finished / "predictions.csv")
        if row["sr"] == "none"
    }
    answered = [
        (row["task"], row["train"], row["test"], row["frame"])
        for row in rows(finished / "thumbnails.csv")
    ]
    assert len(answered) == len(asked)
    assert set(answered) == asked
    shown = [r["thumbnail"] for r in rows(finished / "tables/accuracy.csv") if r["sr"] == "none"]
    assert len(shown) == 18
    assert all(0 < float(share) < 1 for share in shown)


def test_every_classifier_is_tested_on_the_same_frames_of_a_stratum(finished):
    tested = {}
    for row in rows(finished / "predictions.csv"):
        cell = row["task"], row["test"], row["train"], row["sr"], row["mode"], row["sr_on"]
        tested.setdefault(cell, set()).add(row["frame"])
    for task in ("view", "phase"):
        for test in ("good", "medium", "poor"):
            sets = [frames for cell, frames in tested.items() if cell[:2] == (task, test)]
            assert all(frames == sets[0] for frames in sets)


def test_every_classifier_is_a_file_with_a_card(finished):
    files = sorted((finished / CLASSIFIERS).rglob("*.safetensors"))
    # 3 strata, and the poor one with 3 enhancements; in two tasks.
    assert len(files) == 2 * (3 + 3)
    assert isinstance(networks.load(files[0]), ResNet18)
    for file in files:
        card = file.with_suffix(".md").read_text()
        for word in ("16 echo frames", "of 4 patients", "licence", "not a medical device"):
            assert word in card
    enhanced = {networks.card(file)["enhanced by"] for file in files}
    assert enhanced == {"", *(f"{sr}, restore" for sr in ("bicubic", "srresnet", "srgan"))}


def test_both_generators_are_files_with_a_card(finished):
    for sr in ("srresnet", "srgan"):
        file = finished / "sr" / sr / "patient" / "fold0.safetensors"
        assert networks.load(file, Generator).settings.blocks == 1
        card = file.with_suffix(".md").read_text()
        for word in ("dB", "16 echo frames (good) of 4 patients", "licence"):
            assert word in card


def test_an_existing_run_is_refused_without_resume(finished, data_dir, tiny, capsys):
    words = ["matrix", "--data-dir", str(data_dir), "--run", str(finished), *tiny]
    assert main(words) == 2
    assert "--resume" in capsys.readouterr().err


def test_resuming_a_finished_run_trains_and_predicts_nothing(run, again):
    kept, log = trained(run), (run / "log.csv").read_text()
    predicted = (run / "predictions.csv").read_text()
    assert again("matrix", run)[0] == 0
    assert trained(run) == kept
    assert (run / "log.csv").read_text() == log
    assert (run / "predictions.csv").read_text() == predicted


def test_only_what_is_missing_is_made(run, again):
    """The last classifier's predictions are lost, one line of them torn."""
    whole = (run / "predictions.csv").read_text()
    lines = whole.splitlines(keepends=True)
    (run / "predictions.csv").write_text("".join(lines[:-3]) + lines[-3][:20])
    lost, kept = rows(run / "predictions.csv")[-2], trained(run)
    words = [f"--{key}={lost[key]}" for key in ("train", "test", "sr", "task")]
    assert main(["eval", "--run", str(run), *words, f"--sr-on={lost['sr_on']}"]) == 0
    assert sorted((run / "predictions.csv").read_text().splitlines()) == sorted(whole.splitlines())
    assert trained(run) == kept


def test_a_study_goes_on_with_more_seeds_folds_and_cells(run, again):
    kept, before = trained(run), rows(run / "predictions.csv")
    more = ["study.seeds=2", "study.folds=2", 'study.enhance=["poor", "medium"]']
    fewer = ['study.sr=["none", "bicubic"]', 'study.tasks=["view"]']
    fewer += ['study.train=["medium"]', 'study.test=["medium"]']
    assert again("matrix", run, *setting(*more, *fewer))[0] == 0
    after = rows(run / "predictions.csv")
    assert after[: len(before)] == before
    added = after[len(before) :]
    assert {(row["fold"], row["seed"]) for row in added} == set(product("01", "01"))
    assert any((row["train"], row["sr_on"]) == ("medium", "both") for row in added)
    seeds = {(row["train"], row["test"], row["seeds"]) for row in rows(run / "tables/accuracy.csv")}
    assert seeds >= {("medium", "medium", "2"), ("good", "medium", "1")}
    now = trained(run)
    assert now.items() > kept.items()


@pytest.mark.parametrize("changed", ["study.parts=3", "study.split_seed=1"])
def test_a_study_does_not_go_on_with_another_split(changed, finished, again):
    code, said = again("matrix", finished, *setting(changed))
    assert code == 2
    assert changed.split("=")[0] in said


def test_a_study_does_not_go_on_with_other_settings_of_its_classifiers(finished, again):
    code, said = again("matrix", finished, *setting("classifier.epochs=2"))
    assert code == 2
    assert "classifier.epochs was 1, now 2" in said


def test_eval_prints_one_cell_from_what_the_run_has(run, capsys):
    before = (run / "predictions.csv").read_text()
    words = ["eval", "--run", str(run), "--train", "poor", "--test", "good", "--task", "view"]
    for sr in ([], ["--sr", "srresnet"]):
        assert main([*words, *sr]) == 0
        _, line = capsys.readouterr().out.splitlines()
        assert ("srresnet" in line) == bool(sr)
        assert "%" in line
        assert "1 seed" in line
    assert (run / "predictions.csv").read_text() == before


def test_eval_trains_what_is_missing(run, capsys):
    words = ["eval", "--run", str(run), "--train", "good", "--test", "good", "--sr", "bicubic"]
    words += ["--task", "view", "--sr-on", "both"]
    assert main([*words, *setting('study.modes=["upscale", "restore"]')]) == 0
    assert capsys.readouterr().out.count("bicubic") == 2
    added = [
        r for r in rows(run / "predictions.csv") if r["test"] == "good" and r["sr_on"] == "both"
    ]
    assert {row["sr"] for row in added} == {"bicubic"}


@pytest.mark.parametrize(
    ("sr", "modes"),
    [("lanczos", {"upscale", "restore"}), ("blur", {"restore"}), ("clahe", {"filter"})],
)
def test_eval_asks_about_controls_and_measures_what_they_move(sr, modes, run, capsys):
    given = ["--run", str(run), "--train", "good", "--test", "poor", "--task", "view", "--sr", sr]
    kept = trained(run)
    chosen = sorted(modes - {"filter"} or {"restore"})
    words = setting(f"study.modes={chosen}", 'study.sr=["none", "srresnet"]')
    assert main(["eval", *given, *words]) == 0
    assert capsys.readouterr().out.count(f"{sr}, ") == len(modes)
    assert trained(run) == kept
    moved = [row for row in rows(run / "manipulation.csv") if row["sr"] == sr]
    assert {(row["quality"], row["mode"]) for row in moved} == {("poor", mode) for mode in modes}
    assert all(float(row["rms"]) > 0 for row in moved)
    assert {row["frames"] for row in moved} == {"16"}


def test_the_matrix_measures_what_every_enhancement_moves(finished):
    moved = {(r["sr"], r["mode"], r["quality"]) for r in rows(finished / "manipulation.csv")}
    assert moved == {(sr, "restore", "poor") for sr in ("bicubic", "srresnet", "srgan")}


def test_degraded_training_has_a_classifier_of_its_own(run, capsys):
    words = ["eval", "--run", str(run), "--train", "good", "--test", "poor", "--task", "view"]
    kept = trained(run)
    assert main([*words, "--sr", "degrade"]) == 0
    assert "degrade, augment, train" in capsys.readouterr().out
    (new,) = trained(run).keys() - kept.keys()
    assert new.parent.parent.name == "degrade-augment"
    # It learned from frames as they are, so that it may be asked about such frames.
    assert networks.card(new)["enhanced by"] == ""
    assert main([*words, "--sr", "degrade", "--sr-on", "test"]) == 2
    assert "pass --sr-on train" in capsys.readouterr().err


def test_train_classifier_refuses_a_mode_that_the_enhancement_lacks(data_dir, tmp_path, capsys):
    words = ["train-classifier", "--task", "view", "--train", "poor", "--data-dir", str(data_dir)]
    words += ["--run", str(tmp_path / "run"), "--sr", "clahe", "--mode", "restore"]
    assert main(words) == 2
    assert "clahe has no mode restore; pass --mode filter" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_report_is_rebuilt_from_the_run_alone(run, capsys):
    for lost in ("report.html", "tables/accuracy.csv", "figures/fig3_patches.png"):
        (run / lost).unlink()
    assert main(["report", "--run", str(run)]) == 0
    assert "report.html" in capsys.readouterr().out
    for found in ("report.html", "tables/accuracy.csv", "figures/fig3_patches.png"):
        assert (run / found).exists()


def test_train_sr_prints_psnr_beside_bicubic_and_lanczos(begun, capsys):
    assert main(["train-sr", "--run", str(begun), "--resume"]) == 0
    printed = capsys.readouterr().out
    for word in ("bicubic", "Lanczos", "srresnet patient 0"):
        assert word in printed


def test_what_no_training_changes_is_logged_and_told_once(data_dir, tiny, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train-sr", "--data-dir", str(data_dir), "--run", str(run), *tiny]
    assert main([*words, *setting("sr.evaluate_every=1")]) == 0
    said = capsys.readouterr()
    for text in ("step 1: psnr", "step 2: psnr"):
        assert said.err.count(text) == 1
    assert said.err.count("psnr_bicubic") == 1
    steps = {name: [r["step"] for r in rows(run / "log.csv") if r["metric"] == name]
             for name in ("psnr", "psnr_bicubic", "ssim_sector_lanczos")}  # fmt: skip
    assert steps == {"psnr": ["1", "2"], "psnr_bicubic": ["1"], "ssim_sector_lanczos": ["1"]}
    assert "bicubic" in (run / "sr/srresnet/patient/fold0.md").read_text()
    assert f"Trained: {run / 'sr/srresnet/patient/fold0.safetensors'}" in said.out


def test_train_sr_goes_on_whatever_the_settings_of_the_classifiers(begun, again):
    kept = trained(begun)
    assert again("train-sr", begun, *setting("classifier.epochs=7", "classifier.size=64"))[0] == 0
    assert trained(begun) == kept


def test_train_sr_does_not_go_on_with_other_frames_and_says_so(begun, others, again):
    code, said = again("train-sr", begun, "--data-dir", others)
    assert code == 2
    assert "fold0: cannot be gone on with" in said
    assert "images to learn from are others than then" in said


def test_train_sr_is_refused_a_start_that_knows_what_its_fold_tests(
    data_dir, tiny, tmp_path, capsys
):
    words = ["train-sr", "--data-dir", str(data_dir), *tiny, "--run"]
    paper = tmp_path / "paper"
    assert main([*words, str(paper), *setting('study.protocols=["paper"]')]) == 0
    capsys.readouterr()
    start = setting(f"sr.init={paper / 'sr/srresnet/paper/fold0.safetensors'}")
    assert main([*words, str(tmp_path / "patient"), *start]) == 2
    said = capsys.readouterr().err
    assert "learned from 16 of the 48 frames that fold 0 of protocol patient tests" in said
    assert not (tmp_path / "patient").exists()


def test_a_run_begun_with_train_sr_goes_on_with_eval(begun, capsys):
    words = ["eval", "--run", str(begun), "--train", "poor", "--test", "good", "--sr", "srresnet"]
    kept = trained(begun)
    assert main([*words, "--task", "phase"]) == 0
    assert "poor" in capsys.readouterr().out
    assert trained(begun).items() > kept.items()


def test_settings_of_srgan_may_change_until_one_is_trained(begun, again):
    assert again("train-sr", begun, *setting("sr.adversarial=0.5"))[0] == 0
    # As in the whole matrix, whose compiled step serves again.
    srgan = ("--sr", "srgan")
    assert again("train-sr", begun, *srgan, *setting("sr.adversarial=0.001"))[0] == 0
    code, said = again("train-sr", begun, *srgan, *setting("sr.adversarial=0.25"))
    assert code == 2
    assert "sr.adversarial was 0.001, now 0.25" in said


def test_srgan_without_vgg19_says_how_to_fetch_it_before_anything_is_done(
    data_dir, tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "none"))
    words = ["train-sr", "--sr", "srgan", "--data-dir", str(data_dir)]
    words += ["--run", str(tmp_path / "run"), *tiny, "--set", "sr.perceptual=vgg19"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "echojax weights fetch vgg19" in said
    assert 'sr.perceptual="none"' in said
    assert not (tmp_path / "run").exists()


def test_pretraining_on_natural_images_gives_a_file_to_fine_tune_from(
    data_dir, tiny, tmp_path, again, capsys
):
    """A run goes on from that file, and not from another one of its name."""
    rng = np.random.default_rng(0)
    (tmp_path / "photographs").mkdir()
    for number in range(3):
        pixels = rng.integers(0, 256, (100, 120, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photographs" / f"{number}.png")
    own = tmp_path / "data"
    words = ["prepare", "images", "--from", str(tmp_path / "photographs"), "--name", "mine"]
    assert main([*words, "--data-dir", str(own)]) == 0
    run = tmp_path / "pretrain"
    words = ["train-sr", "--stage", "pretrain", "--data-dir", str(own), "--run", str(run), *tiny]
    assert main([*words, "--set", "sr.images=mine"]) == 0
    file = run / "sr" / "srresnet" / "pretrained.safetensors"
    assert f"sr.init={file}" in capsys.readouterr().out
    assert "dB" in file.with_suffix(".md").read_text()
    tuned = tmp_path / "tuned"
    words = ["train-sr", "--data-dir", str(data_dir), "--run", str(tuned), *tiny]
    assert main([*words, "--set", f"sr.init={file}"]) == 0
    assert again("train-sr", tuned)[0] == 0
    networks.save(networks.load(file), file, networks.card(file) | {"title": "another"})
    code, said = again("train-sr", tuned)
    assert code == 2
    assert "sr.init was a file with hash" in said


def test_pretraining_without_images_says_how_to_get_them(tiny, tmp_path, capsys):
    words = ["train-sr", "--stage", "pretrain", "--data-dir", str(tmp_path / "data")]
    assert main([*words, "--run", str(tmp_path / "run"), *tiny]) == 2
    assert "echojax prepare" in capsys.readouterr().err


def test_checkpoints_of_a_training_under_way_become_one_file(begun, tmp_path):
    handed_over, out = begun / "sr/srresnet/patient/fold0.safetensors", tmp_path / "o.safetensors"
    last = safetensors_file.tensors(handed_over)
    for file in (handed_over, handed_over.with_suffix(".md")):
        file.unlink()
    assert main(["weights", "convert", str(handed_over.with_suffix("")), "-o", str(out)]) == 0
    made = safetensors_file.tensors(out)
    assert last.keys() == made.keys()
    assert all(np.array_equal(last[name], made[name]) for name in last)
    card = out.with_suffix(".md").read_text()
    for word in ("16 echo frames", "2 with the mean squared error", "step 2", "licence"):
        assert word in card


def test_a_run_enhances(srresnet, tmp_path):
    frame, out = tmp_path / "frame.png", tmp_path / "large.png"
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(frame)
    words = ["enhance", str(frame), "--run", str(srresnet), "-o"]
    assert main([*words, str(out)]) == 0
    with Image.open(out) as large:
        assert large.size == (4 * 48, 4 * 40)
    assert main([*words, str(tmp_path / "x.png"), "--sr", "srgan"]) == 2


def test_train_classifier_keeps_its_networks(data_dir, tiny, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train-classifier", "--task", "phase", "--train", "medium", "--run", str(run)]
    words += ["--data-dir", str(data_dir), *tiny]
    # A phase can be asked for where there is one view.
    assert main([*words, *setting("study.keep_classifiers=false", 'data.views=["2CH"]')]) == 0
    assert "medium" in capsys.readouterr().out
    kept = run / CLASSIFIERS / "phase" / "medium" / "none" / "fold0"
    files = sorted(file.name for file in kept.glob("*.safetensors"))
    assert files == ["seed0.safetensors", "seed1.safetensors"]


def test_evaluate_classifier_takes_a_studys_classifier_as_folder_or_file(finished, others, capsys):
    folder = finished / CLASSIFIERS / "view" / "good" / "none" / "fold0" / "seed0"
    printed = []
    for weights in (folder, folder.with_suffix(".safetensors")):
        words = ["evaluate-classifier", "--weights", str(weights), "--data-dir", str(others)]
        assert main(words) == 0
        printed.append(capsys.readouterr())
    assert printed[0] == printed[1]
    lines = [line.split()[:4] for line in printed[0].out.splitlines()[1:]]
    assert lines[0] == ["view", "all", "32", "8"]
    assert "learned from" not in printed[0].err


def test_evaluate_classifier_refuses_one_of_enhanced_frames(finished, others, capsys):
    folder = finished / CLASSIFIERS / "view" / "poor" / "srresnet-restore" / "fold0" / "seed0"
    words = ["evaluate-classifier", "--weights", str(folder), "--data-dir", str(others)]
    assert main(words) == 2
    assert "trained on frames enhanced by srresnet, restore" in capsys.readouterr().err
