"""Masks as outcomes of a study, on a tiny dataset of noise and with a tiny U-Net."""

import csv
import json
import shutil

import numpy as np
import pytest

from echojax.cli import main
from echojax.config import DataConfig
from echojax.data import camus, frame_hash
from echojax.models.unet import UNet, UNetSettings
from echojax.recipes import segmentation
from echojax.runs import contents
from echojax.weights import networks
from echojax.weights.model_card import LEARNED_FROM

SETTINGS = [
    'study.outcomes=["dice", "ef"]',
    'study.sr=["none", "bicubic"]',
    'study.modes=["restore"]',
    "study.seeds=1",
    "segmentation.size=32",
    "segmentation.batch=4",
    "segmentation.steps=2",
    "segmentation.augment=false",  # takes half a minute to compile
]
WORDS = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture(scope="module", autouse=True)
def _tiny_network():
    """The light network is a smaller one here."""
    with pytest.MonkeyPatch.context() as patch:
        tiny = UNetSettings(encoder=(4, 4), decoder=(4,))
        patch.setitem(segmentation._NETWORKS, "light", tiny)
        segmentation._program.cache_clear()
        yield
        segmentation._program.cache_clear()


@pytest.fixture(scope="module")
def finished(data_dir, tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "masks"
    assert main(["matrix", "--data-dir", str(data_dir), "--run", str(run), *tiny, *WORDS]) == 0
    return run


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_dry_run_counts_and_times_segmenters(finished, data_dir, tiny, tmp_path, capsys):
    words = ["--data-dir", str(data_dir), "--run", str(tmp_path / "new"), *tiny, *WORDS]
    assert main(["matrix", *words, "--dry-run"]) == 0
    told = {line.split("  ")[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    trained = len(list((finished / "segmenters").rglob("*.safetensors")))
    assert trained == 4  # three strata, and enhanced poor frames
    assert told["segmenter"][1:3] == [str(trained), str(2 * trained)]
    assert int(told["masks"][1]) == len(rows(finished / "overlaps.csv"))
    assert "classifier" not in told
    assert list(tmp_path.iterdir()) == []
    assert main(["matrix", "--run", str(finished), "--resume", "--dry-run"]) == 0
    assert "Nothing is to be trained" in capsys.readouterr().out


def test_every_cell_of_the_matrix_has_masks_of_the_frames_it_tests(finished):
    table = rows(finished / "overlaps.csv")
    cells = {(row["train"], row["test"], row["sr_on"]) for row in table}
    assert len(cells) == 9 + 7
    for cell in cells:
        own = [row for row in table if (row["train"], row["test"], row["sr_on"]) == cell]
        assert len({row["frame"] for row in own}) == len(own) == 16
        assert {row["quality"] for row in own} == {cell[1]}
        assert all(0 <= float(row["dice_lv"]) <= 1 for row in own)
        assert {row["drawn"] for row in own} == {"1"}  # here the strata are all that there is
    assert not (finished / "predictions.csv").exists()


def test_enhancement_of_tested_frames_is_seen_by_the_same_network(finished):
    table = rows(finished / "overlaps.csv")
    cells = {sr: ("good", "poor", sr) for sr in ("none", "bicubic")}
    found = {
        sr: [row["dice_lv"] for row in table if (row["train"], row["test"], row["sr"]) == cell]
        for sr, cell in cells.items()
    }
    assert len(found["none"]) == len(found["bicubic"]) == 16
    assert found["none"] != found["bicubic"]


def test_no_segmenter_has_learned_from_a_person_it_is_asked_about(finished, data_dir):
    frames = camus.open_frames(DataConfig(dir=data_dir))
    table = rows(finished / "overlaps.csv")
    tested = np.isin(frames.group, [row["patient"] for row in table])
    for file in (finished / "segmenters").rglob("*.safetensors"):
        card = networks.card(file)
        learned = frame_hash.from_text(card[LEARNED_FROM])
        assert len(learned) == 16
        assert not frame_hash.seen(frames.hashes[tested], learned).any()
        assert frame_hash.seen(frames.hashes[~tested], learned).any()
        assert "16 echo frames" in card["data"]
        assert isinstance(networks.load(file), UNet)
    files = sorted(str(f.relative_to(finished)) for f in finished.rglob("seed0.safetensors"))
    folder = "segmenters/patient/segmentation/poor/bicubic-restore/fold0/seed0.safetensors"
    assert folder in files


def test_the_report_shows_masks_and_all_of_it_may_be_overwritten(finished):
    text = (finished / "report.md").read_text()
    assert "## Masks of the left heart" in text
    assert (finished / "tables" / "outcomes.csv").is_file()
    contents.check(finished)


def test_only_masks_that_are_missing_are_made_again(run):
    whole = (run / "overlaps.csv").read_text()
    lines = whole.splitlines(keepends=True)
    (run / "overlaps.csv").write_text("".join(lines[:-3]) + lines[-3][:20])
    files = {f: f.stat().st_mtime_ns for f in run.rglob("*.safetensors")}
    assert main(["matrix", "--run", str(run), "--resume"]) == 0
    assert sorted((run / "overlaps.csv").read_text().splitlines()) == sorted(whole.splitlines())
    assert {f: f.stat().st_mtime_ns for f in run.rglob("*.safetensors")} == files


def test_other_settings_of_segmenters_are_refused(finished, capsys):
    words = ["matrix", "--run", str(finished), "--resume", "--set", "segmentation.steps=3"]
    assert main(words) == 2
    assert "segmentation.steps was 2, now 3" in capsys.readouterr().err


def test_eval_prints_outcomes_of_masks(run, capsys):
    words = ["eval", "--run", str(run), "--train", "poor", "--test", "good"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Dice of the left ventricle, %" in printed
    assert "accuracy" not in printed
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cells"] == []
    (dice,) = [row for row in told["masks"] if row["outcome"] == "dice"]
    assert 0 <= dice["value"] <= 1
    assert dice["counted"] == 16


def test_a_degraded_training_has_a_segmenter_of_its_own(run):
    words = ["eval", "--run", str(run), "--train", "good", "--test", "poor", "--sr", "degrade"]
    assert main(words) == 0
    (file,) = (run / "segmenters").rglob("degrade-augment/fold0/seed0.safetensors")
    assert "degraded at random" in networks.card(file)["steps"]


def test_an_ef_without_both_views_is_refused(data_dir, tiny, tmp_path, capsys):
    words = ["matrix", "--data-dir", str(data_dir), "--run", str(tmp_path / "run"), *tiny, *WORDS]
    assert main([*words, "--set", 'data.views=["2CH"]']) == 2
    assert "no patient has both views" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
