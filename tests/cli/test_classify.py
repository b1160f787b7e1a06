"""classify: view and phase of one's own files."""

import json
import shutil

import numpy as np
import pytest
from flax import nnx
from PIL import Image

import echojax
from echojax.cli import main
from echojax.config import DataConfig
from echojax.data import camus
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.weights import networks
from tests.media import test_dicom, test_gif, test_nifti
from tests.weights import public_checkpoints
from tests.weights.pytorch import save_pth

CARD = {"heads": "view,phase", "input size": "32"}


@pytest.fixture(scope="module")
def save(random_network):
    """Write a classifier with random weights, with a card."""

    def write(path, card, classes=4):
        settings = ResNetSettings(classes=classes, width=2)
        networks.save(random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0))), path, card)
        return path

    return write


@pytest.fixture(scope="module")
def weights(save, tmp_path_factory):
    return save(tmp_path_factory.mktemp("weights") / "classifier.safetensors", CARD)


@pytest.fixture
def folder(tmp_path):
    """A frame, a clip in a folder within, and a file that is neither."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    test_gif.gray_gif(tmp_path / "in" / "deep" / "clip.gif")
    (tmp_path / "in" / "letter.txt").write_text("Dear")
    return tmp_path / "in"


@pytest.fixture
def told(weights, capsys):
    """What `classify --json` says of inputs, and its exit code."""

    def run(*inputs, using=("--weights", weights)):
        capsys.readouterr()
        code = main(["classify", *map(str, (*inputs, *using)), "--json"])
        return json.loads(capsys.readouterr().out), code

    return run


def test_frames_and_clips_of_a_folder_are_told_frame_by_frame_and_as_a_whole(told, folder, weights):
    found, code = told(folder)
    assert code == 0
    assert found["classifier"] == str(weights)
    assert found["failed"] == []
    image, clip = found["recordings"]
    assert [image["file"], clip["file"]] == [
        str(folder / "a.png"),
        str(folder / "deep" / "clip.gif"),
    ]
    assert [each["frame"] for each in clip["frames"]] == [1, 2, 3]
    for each in (image, clip, *clip["frames"]):
        for task, classes in (("view", {"2CH", "4CH"}), ("phase", {"ED", "ES"})):
            probabilities = each[f"{task}_probabilities"]
            assert probabilities.keys() == classes
            assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert probabilities[each[task]] >= 0.5
    mean = np.mean([each["view_probabilities"]["4CH"] for each in clip["frames"]])
    assert clip["view_probabilities"]["4CH"] == pytest.approx(mean, abs=1e-5)
    assert image["frames"][0] == {
        "frame": 1,
        **{key: value for key, value in image.items() if key not in ("file", "frames")},
    }


def test_files_are_told_as_the_frames_of_a_dataset_are(told, data_dir, weights):
    """Reference: the same frame through `prepare camus`, asked about as a study does."""
    source = data_dir / "camus_public" / "database_nifti" / "patient0001"
    found, _ = told(source / "patient0001_4CH_ES.nii.gz")
    frames = camus.open_frames(DataConfig(dir=data_dir))
    index = frames.ids.index("patient0001_4CH_ES")
    expected = echojax.load_classifier(weights).predict(frames.take([index]))
    for task, answer in expected.items():
        probabilities = list(found["recordings"][0][f"{task}_probabilities"].values())
        np.testing.assert_allclose(probabilities, answer.probabilities[0], atol=2e-6)


def test_a_table_has_a_row_for_each_recording_and_each_frame_of_a_clip(folder, weights, capsys):
    assert main(["classify", str(folder), "--weights", str(weights)]) == 0
    printed = capsys.readouterr()
    heading, image, clip, *frames = (line.split() for line in printed.out.splitlines())
    assert heading == ["file", "frame", "view", "probability", "phase", "probability"]
    assert image[:2] == [str(folder / "a.png"), "1"]
    assert image[2] in ("2CH", "4CH")
    assert image[3].endswith("%")
    assert clip[1:4] == ["mean", "of", "3"]
    assert [row[0] for row in frames] == ["1", "2", "3"]
    assert "simulated" not in printed.err


def test_a_bad_file_is_named_and_the_others_are_done(told, folder, capsys, weights):
    (folder / "bad.png").write_text("no picture")
    found, code = told(folder)
    assert code == 1
    assert len(found["recordings"]) == 2
    (failure,) = found["failed"]
    assert failure.startswith(f"{folder / 'bad.png'}: ")
    assert main(["classify", str(folder), "--weights", str(weights)]) == 1
    printed = capsys.readouterr()
    assert f"Failed: {failure}" in printed.err
    assert "1 of 3 could not be classified" in printed.err
    assert "a.png" in printed.out
    shutil.rmtree(folder / "deep")
    (folder / "a.png").unlink()
    assert main(["classify", str(folder), "--weights", str(weights)]) == 1
    assert capsys.readouterr().out == ""


def test_what_is_named_twice_is_asked_about_once(told, folder):
    found, _ = told(folder, folder / "a.png")
    assert len(found["recordings"]) == 2


def test_a_classifier_of_simulated_frames_is_called_one(save, told, folder, tmp_path, capsys):
    simulated = save(tmp_path / "s.safetensors", CARD | {"simulated frames": "12"})
    assert told(folder, using=("--weights", simulated))[0]["simulated"] is True
    main(["classify", str(folder), "--weights", str(simulated)])
    (note,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("Note: ")]
    assert "learned from simulated frames" in note
    assert told(folder)[0]["simulated"] is False


def test_a_classifier_of_one_question_answers_that(save, told, folder, tmp_path):
    one = save(tmp_path / "one.safetensors", CARD | {"heads": "phase"}, classes=2)
    image = told(folder / "a.png", using=("--weights", one))[0]["recordings"][0]
    assert "phase" in image
    assert "view" not in image


def test_only_the_ultrasound_region_of_dicom_is_seen(told, tmp_path):
    inside = np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8)
    whole = np.full((60, 80), 255, np.uint8)
    whole[10:50, 10:70] = inside
    region = test_dicom.region(10, 10, 69, 49, PhysicalDeltaX=0.03, PhysicalDeltaY=0.03)
    made = test_dicom.dataset(whole, SequenceOfUltrasoundRegions=[region])
    test_dicom.save(tmp_path / "a.dcm", made)
    Image.fromarray(inside).save(tmp_path / "b.png")
    first, second = told(tmp_path / "a.dcm", tmp_path / "b.png")[0]["recordings"]
    assert first["view_probabilities"] == second["view_probabilities"]


def test_millimetres_are_needed_by_a_classifier_that_sees_them(save, told, tmp_path, folder):
    card = CARD | {"input fit": "millimetres", "input pixel": "0.8 mm"}
    using = ("--weights", save(tmp_path / "mm.safetensors", card))
    test_nifti.save(tmp_path / "a.nii", np.zeros((40, 40), np.uint8))
    found, code = told(tmp_path / "a.nii", folder / "a.png", using=using)
    assert code == 1
    assert len(found["recordings"]) == 1
    assert "a.png: does not state the spacing" in found["failed"][0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "which classifier?"),
        (["--weights", "a", "--run", "b"], "which classifier?"),
        (["--weights", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--weights", "simulated"], "echojax pretrain-classifier"),
        (["--weights", "resnet18"], "echojax weights fetch resnet18"),
        (["--run", "."], "no classifier; expected the run of a pretraining"),
    ],
)
def test_it_says_which_classifier_it_lacks(folder, tmp_path, monkeypatch, capsys, given, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    assert main(["classify", str(folder), *given]) == 2
    assert said in capsys.readouterr().err


def test_a_checkpoint_of_pytorch_is_read_and_said_to_be_no_classifier_of_views(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    path = save_pth(tmp_path / "resnet18.pth", public_checkpoints.resnet18(width=2))
    for command in (["classify", str(folder)], ["evaluate-classifier"]):
        assert main([*command, "--weights", str(path)]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"Error: {path}: does not hold a classifier of view or phase")


def test_inputs_are_looked_for_before_the_classifier_is_read(weights, tmp_path, capsys):
    assert main(["classify", str(tmp_path / "nowhere"), "--weights", str(weights)]) == 2
    assert "nowhere: no such file or folder" in capsys.readouterr().err
    assert main(["classify", str(tmp_path), "--weights", str(weights)]) == 2
    assert "holds no recording" in capsys.readouterr().err
