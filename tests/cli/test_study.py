"""The commands of training and study, on a tiny simulated dataset."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from echojax.cli import main
from echojax.models.generator import Generator
from echojax.weights import networks, safetensors_file


@pytest.fixture(scope="module")
def finished(data_dir, tiny, tmp_path_factory):
    """A run of the whole matrix."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["matrix", "--data-dir", str(data_dir), "--run", str(run), *tiny]) == 0
    return run


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it to go on with."""
    return shutil.copytree(finished, tmp_path / "run")


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_matrix_leaves_a_whole_report(finished):
    for name in (
        "config.toml",
        "environment.json",
        "log.csv",
        "predictions.csv",
        "tables/accuracy.csv",
        "tables/dataset.csv",
        "figures/fig2_frames.png",
        "figures/fig3_patches.png",
        "figures/fig4_gain_patient.png",
        "figures/accuracy_patient.png",
        "report.html",
    ):
        assert (finished / name).stat().st_size > 0, name
    header = (finished / "tables" / "accuracy.csv").read_text().splitlines()[0]
    assert header.startswith("protocol,task,train,test,sr,sr_on,accuracy,low,high,frames,seeds")


def test_matrix_predicts_every_cell_with_every_seed(finished):
    table = rows(finished / "tables" / "accuracy.csv")
    # 9 plain cells and, for 2 enhancements in 2 modes, 7 enhanced ones; in two tasks.
    assert len(table) == 2 * (9 + 2 * 2 * 7)
    assert {row["seeds"] for row in table} == {"2"}


def test_every_classifier_is_tested_on_the_same_frames_of_a_stratum(finished):
    tested = {}
    for row in rows(finished / "predictions.csv"):
        cell = row["task"], row["test"], row["train"], row["sr"], row["mode"], row["sr_on"]
        tested.setdefault(cell, set()).add(row["frame"])
    for task in ("view", "phase"):
        for test in ("good", "medium", "poor"):
            sets = [frames for cell, frames in tested.items() if cell[:2] == (task, test)]
            assert all(frames == sets[0] for frames in sets)


def test_an_existing_run_is_refused_resumed_or_replaced(run, data_dir, tiny, capsys):
    before = (run / "predictions.csv").read_text()
    words = ["matrix", "--data-dir", str(data_dir), "--run", str(run), *tiny]
    assert main(words) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert (run / "predictions.csv").read_text() == before


def test_resume_makes_only_what_is_missing(run, data_dir, tiny):
    whole = (run / "predictions.csv").read_text()
    lines = whole.splitlines(keepends=True)
    # The last classifier's predictions are lost, one line of them torn.
    (run / "predictions.csv").write_text("".join(lines[:-3]) + lines[-3][:20])
    log = (run / "log.csv").read_text()
    words = ["matrix", "--run", str(run), "--resume", "--data-dir", str(data_dir)]
    assert main(words) == 0
    assert sorted((run / "predictions.csv").read_text().splitlines()) == sorted(whole.splitlines())
    # The classifier itself was there.
    assert (run / "log.csv").read_text() == log


def test_eval_prints_one_cell_from_what_the_run_has(run, data_dir, capsys):
    before = (run / "predictions.csv").read_text()
    words = ["eval", "--run", str(run), "--train", "poor", "--test", "good", "--sr", "srresnet"]
    assert main([*words, "--task", "view"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3  # heading, upscale, restore
    assert all("srresnet" in line and "%" in line and "2 seeds" in line for line in printed[1:])
    assert (run / "predictions.csv").read_text() == before


def test_eval_trains_what_is_missing(run, data_dir, capsys):
    words = ["eval", "--run", str(run), "--train", "good", "--test", "good", "--sr", "bicubic"]
    assert main([*words, "--task", "view", "--sr-on", "both"]) == 0
    assert capsys.readouterr().out.count("bicubic") == 2
    added = [
        r for r in rows(run / "predictions.csv") if r["test"] == "good" and r["sr_on"] == "both"
    ]
    assert {row["sr"] for row in added} == {"bicubic"}


def test_report_is_rebuilt_from_the_run_alone(run, capsys):
    for lost in ("report.html", "tables/accuracy.csv", "figures/fig3_patches.png"):
        (run / lost).unlink()
    assert main(["report", "--run", str(run)]) == 0
    assert "report.html" in capsys.readouterr().out
    for found in ("report.html", "tables/accuracy.csv", "figures/fig3_patches.png"):
        assert (run / found).exists()


def test_train_sr_prints_psnr_beside_bicubic_and_lanczos(data_dir, tiny, tmp_path, capsys):
    words = ["train-sr", "--data-dir", str(data_dir), "--run", str(tmp_path / "run"), *tiny]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "bicubic" in printed
    assert "Lanczos" in printed
    assert (tmp_path / "run" / "sr" / "srresnet" / "patient" / "fold0" / "2").is_dir()


def test_a_run_begun_with_train_sr_goes_on_with_eval(data_dir, tiny, tmp_path, capsys):
    run = str(tmp_path / "run")
    assert main(["train-sr", "--data-dir", str(data_dir), "--run", run, *tiny]) == 0
    words = ["eval", "--run", run, "--train", "poor", "--test", "good", "--sr", "srresnet"]
    assert main([*words, "--task", "phase"]) == 0
    assert "poor" in capsys.readouterr().out


def test_train_sr_trains_srgan_after_srresnet_and_hands_both_over(data_dir, tiny, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train-sr", "--sr", "srgan", "--data-dir", str(data_dir), "--run", str(run)]
    assert main([*words, *tiny]) == 0
    assert "srgan patient 0" in capsys.readouterr().out
    for sr in ("srresnet", "srgan"):
        handed_over = run / "sr" / sr / "patient" / "fold0.safetensors"
        assert networks.load(handed_over, Generator).settings.blocks == 1
        assert "dB" in handed_over.with_suffix(".md").read_text()


def test_matrix_includes_srgan(data_dir, tiny, tmp_path):
    run = tmp_path / "run"
    words = ["matrix", "--data-dir", str(data_dir), "--run", str(run), *tiny]
    for setting in ('sr=["none","srgan"]', 'tasks=["view"]', 'modes=["restore"]', 'train=["poor"]'):
        words += ["--set", f"study.{setting}"]
    assert main(words) == 0
    assert {row["sr"] for row in rows(run / "tables" / "accuracy.csv")} == {"none", "srgan"}
    assert "SRGAN" in (run / "report.html").read_text()


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


def test_settings_of_srgan_may_change_until_one_is_trained(data_dir, tiny, tmp_path, capsys):
    run = str(tmp_path / "run")
    words = ["train-sr", "--data-dir", str(data_dir), "--run", run]
    assert main([*words, *tiny]) == 0
    changed = ["--resume", "--set", "sr.adversarial=0.5"]
    assert main([*words, *changed, "--sr", "srgan"]) == 0
    assert main([*words, "--resume", "--set", "sr.adversarial=0.25", "--sr", "srgan"]) == 2
    assert "sr.adversarial was 0.5, now 0.25" in capsys.readouterr().err


def test_pretraining_on_natural_images_gives_a_file_to_fine_tune_from(
    data_dir, tiny, tmp_path, capsys
):
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
    words = ["train-sr", "--data-dir", str(data_dir), "--run", str(tmp_path / "tuned"), *tiny]
    assert main([*words, "--set", f"sr.init={file}"]) == 0


def test_pretraining_without_images_says_how_to_get_them(tiny, tmp_path, capsys):
    words = ["train-sr", "--stage", "pretrain", "--data-dir", str(tmp_path / "data")]
    assert main([*words, "--run", str(tmp_path / "run"), *tiny]) == 2
    assert "echojax prepare" in capsys.readouterr().err


def test_an_orbax_checkpoint_becomes_one_file(data_dir, tiny, tmp_path):
    run, out = tmp_path / "run", tmp_path / "out.safetensors"
    assert main(["train-sr", "--data-dir", str(data_dir), "--run", str(run), *tiny]) == 0
    handed_over = run / "sr" / "srresnet" / "patient" / "fold0.safetensors"
    assert main(["weights", "convert", str(handed_over.with_suffix("")), "-o", str(out)]) == 0
    kept, made = (safetensors_file.tensors(path) for path in (handed_over, out))
    assert kept.keys() == made.keys()
    assert all(np.array_equal(kept[name], made[name]) for name in kept)
    card = out.with_suffix(".md").read_text()
    for word in ("echo frames", "2 with the mean squared error", "step 2", "dB", "licence"):
        assert word in card


def test_a_run_enhances(data_dir, tiny, tmp_path):
    run, frame = tmp_path / "run", tmp_path / "frame.png"
    assert main(["train-sr", "--data-dir", str(data_dir), "--run", str(run), *tiny]) == 0
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(frame)
    out = tmp_path / "large.png"
    assert main(["enhance", str(frame), "-o", str(out), "--run", str(run)]) == 0
    assert out.is_file()
    assert (
        main(
            [
                "enhance",
                str(frame),
                "-o",
                str(tmp_path / "x.png"),
                "--run",
                str(run),
                "--sr",
                "srgan",
            ]
        )
        == 2
    )


def test_train_classifier_keeps_its_networks(data_dir, tiny, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train-classifier", "--task", "phase", "--train", "medium", "--run", str(run)]
    assert main([*words, "--data-dir", str(data_dir), *tiny]) == 0
    assert "medium" in capsys.readouterr().out
    kept = run / "classifiers" / "patient" / "phase" / "medium" / "none" / "fold0"
    assert sorted(seed.name for seed in kept.iterdir()) == ["seed0", "seed1"]
