"""train-segmenter, by folds and without, and the table that it leaves."""

import csv

import numpy as np
import pytest

from echojax.cli import main
from echojax.data import camus, frame_hash
from echojax.data.masks import largest_parts
from echojax.inference.overlap import dice
from echojax.inference.segment import Segmenter
from echojax.models.unet import UNetSettings
from echojax.recipes import cross_segmentation, segmentation, segmentation_scores
from echojax.runs import contents
from echojax.weights import networks

SETTINGS = ["size=32", "steps=2", "batch=4", "evaluate_frames=2"]


@pytest.fixture(scope="module", autouse=True)
def small():
    """The light network, much lighter."""
    with pytest.MonkeyPatch.context() as patch:
        settings = UNetSettings(encoder=(2, 4), decoder=(2,))
        patch.setitem(segmentation._NETWORKS, "light", settings)
        yield


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Train on some data; gives the exit code and the run."""

    def command(data, *settings, words=(), run=None):
        run = run or tmp_path_factory.mktemp("runs") / "segmenter"
        given = ["--data-dir", str(data), "--run", str(run), *words]
        for text in (*SETTINGS, *settings):
            given += ["--set", f"segmentation.{text}"]
        return main(["train-segmenter", *given]), run

    return command


@pytest.fixture(scope="module")
def crossed(train, others):
    code, run = train(others, "folds=2")
    assert code == 0
    return run


def test_every_frame_is_measured_once_by_a_network_that_never_saw_its_person(crossed, others):
    frames = camus.load(others)
    rows = segmentation_scores.read(crossed / "segmentation.csv")
    assert sorted((row.patient, row.view, row.phase) for row in rows) == sorted(
        (*name.split("_"),) for name in frames.ids
    )
    for fold in ("fold0", "fold1"):
        card = networks.card(crossed / "segmenter" / f"{fold}.safetensors")
        tested = [k for k, name in enumerate(frames.patient) if fold in _folds(rows, name)]
        seen = frame_hash.seen(frames.hashes, frame_hash.from_text(card["learned from"]))
        assert sorted(np.flatnonzero(~seen)) == tested
        assert card["simulated frames"] == str(len(frames) - len(tested))
        assert "lv" in card["Dice on held-out persons"]


def _folds(rows, patient):
    return {row.fold for row in rows if row.patient == patient}


def test_the_masks_are_kept_and_are_those_that_the_table_is_about(crossed, others):
    frames, masks = camus.load(others), cross_segmentation.read_masks(crossed)
    assert masks.keys() == set(frames.ids)
    with (crossed / "segmentation.csv").open() as file:
        lines = {
            f"{row['patient']}_{row['view']}_{row['phase']}": row for row in csv.DictReader(file)
        }
    for name, truth in zip(frames.ids, frames.masks, strict=True):
        assert masks[name].shape == truth.shape
        known = dice(masks[name] == 2, largest_parts(truth) == 2)
        assert float(lines[name]["dice_myocardium"]) == pytest.approx(known, abs=1e-4)
        assert lines[name]["unit"] == "mm"
    name = frames.ids[0]
    (fold,) = _folds(segmentation_scores.read(crossed / "segmentation.csv"), frames.patient[0])
    segmenter = Segmenter.load(crossed / "segmenter" / f"{fold}.safetensors")
    assert np.array_equal(segmenter(frames.images[0]).mask, masks[name])
    contents.check(crossed)  # may be overwritten


def test_a_finished_run_prints_its_table_again(crossed, train, others, capsys):
    before = (crossed / "segmentation.csv").read_bytes()
    capsys.readouterr()
    assert train(others, "folds=2", words=["--resume"], run=crossed)[0] == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["Dice", "frames", "persons", "LV", "myocardium", "left", "atrium"]
    assert [line.split()[:3] for line in printed[1:6]] == [
        ["all", "32", "8"],
        ["2CH", "16", "8"],
        ["4CH", "16", "8"],
        ["ED", "16", "8"],
        ["ES", "16", "8"],
    ]
    assert (crossed / "segmentation.csv").read_bytes() == before


def test_a_lost_network_is_made_again_and_so_are_its_masks(crossed, train, others, tmp_path):
    lost = crossed / "masks" / "fold1.npz"
    before = cross_segmentation.read_masks(crossed)
    lost.unlink()
    assert train(others, "folds=2", words=["--resume"], run=crossed)[0] == 0
    again = cross_segmentation.read_masks(crossed)
    assert all(np.array_equal(again[name], mask) for name, mask in before.items())


def test_without_folds_a_share_of_the_persons_is_held_out(train, others):
    code, run = train(others, "held_out=0.25")
    assert code == 0
    assert {row.fold for row in segmentation_scores.read(run / "segmentation.csv")} == {"segmenter"}
    assert len(segmentation_scores.read(run / "segmentation.csv")) == 8
    assert "24 echo frames of 6 persons" in networks.card(run / "segmenter.safetensors")["data"]


def test_what_it_would_take_is_told_before(train, others, tmp_path, capsys):
    code, run = train(others, "folds=3", words=["--dry-run"], run=tmp_path / "run")
    told = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert (code, told[1]) == (0, ["segmenter", "3", "6"])
    assert not run.exists()


def test_simulated_frames_are_added_or_are_all_that_it_learns_from(train, data_dir, others):
    code, run = train(data_dir, "held_out=0.5", "learn=both", f"also={others}")
    assert code == 0
    card = networks.card(run / "segmenter.safetensors")
    assert "80 echo frames of 20 persons" in card["data"]
    assert card["simulated frames"] == "32"
    code, run = train(data_dir, "learn=also", f"also={others}")
    assert code == 0
    assert len(segmentation_scores.read(run / "segmentation.csv")) == 96


def test_frames_to_add_that_are_measured_are_refused(train, others, capsys):
    code, run = train(others, "learn=both", f"also={others}")
    assert code == 2
    assert "holds 4 of the 4 frames that would be measured" in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["learn=both"], "segmentation.also names no other frames"),
        (["folds=9"], "cannot be cut into 9 parts"),
        (["size=33"], "multiples of 2"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said, train, others, capsys):
    code, run = train(others, *settings)
    assert code == 2
    assert said in capsys.readouterr().err
    assert not run.exists()


def test_a_run_does_not_go_on_with_other_settings(crossed, train, others, capsys):
    code, _ = train(others, "folds=2", "learning_rate=0.1", words=["--resume"], run=crossed)
    assert code == 2
    assert "segmentation.learning_rate was 0.001, now 0.1" in capsys.readouterr().err
