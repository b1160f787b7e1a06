import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.camus_folders import (
    CHALLENGE_SPACING,
    NIFTI_CFG,
    NIFTI_SPACING,
    challenge_release,
    invented_image,
    invented_mask,
    nifti_release,
    restate_nifti,
    truncate,
    write_cfg,
)
from tfds_camus import Builder, CamusError, scan

PROGRAM = """
import sys
from pathlib import Path
import tensorflow_datasets as tfds
import tfds_camus

builder = tfds_camus.Builder(data_dir=sys.argv[2])
config = tfds.download.DownloadConfig(manual_dir=Path(sys.argv[1]))
builder.download_and_prepare(download_config=config, download_dir=Path(sys.argv[2], "downloads"))
examples = list(tfds.builder_from_directory(builder.data_dir).as_data_source()["train"])
print(len(examples), examples[0]["image"].shape)
print("tensorflow" in sys.modules, "echojax" in sys.modules)
"""


@pytest.fixture(autouse=True)
def _no_bars():
    tfds.disable_progress_bar()


@pytest.fixture
def build(tmp_path):
    def build(source, **settings):
        builder = Builder(data_dir=tmp_path / "built", **settings)
        builder.download_and_prepare(
            download_dir=tmp_path / "downloads",
            download_config=tfds.download.DownloadConfig(manual_dir=source),
        )
        return tfds.builder_from_directory(builder.data_dir)

    return build


def examples(builder, split="train"):
    source = builder.as_data_source()[split]
    return {
        f"{e['patient'].decode()}_{('2CH', '4CH')[e['view']]}_{('ED', 'ES')[e['phase']]}": e
        for e in source
    }


def test_nifti_release_comes_back_as_it_was_written(nifti_folder, build):
    builder = build(nifti_folder)
    assert set(builder.info.splits) == {"train"}  # there are no lists
    assert list(builder.info.metadata["left_out"]) == []
    found = examples(builder)
    assert len(found) == 8
    for name, example in found.items():
        np.testing.assert_array_equal(example["image"][..., 0], invented_image(name))
        np.testing.assert_array_equal(example["mask"][..., 0], invented_mask(name))
        assert example["has_mask"]
        assert example["spacing"] == pytest.approx(NIFTI_SPACING)
        assert (example["quality"], example["sex"]) == (0, 0)
        assert (example["age"], example["ef"]) == (56, 54)


def test_challenge_release_comes_back_as_it_was_written(challenge_folder, build):
    builder = build(challenge_folder)
    assert builder.info.metadata["layout"] == "mhd"
    found = examples(builder)
    assert len(found) == 8
    for name, example in found.items():
        np.testing.assert_array_equal(example["image"][..., 0], invented_image(f"training/{name}"))
        np.testing.assert_array_equal(example["mask"][..., 0], invented_mask(f"training/{name}"))
        assert example["spacing"] == pytest.approx(CHALLENGE_SPACING)
        assert (example["quality"], example["sex"]) == (2, 1)
        assert example["ef"] == pytest.approx(63.2)


def test_what_the_release_does_not_say_is_unknown(nifti_folder, build):
    folder = nifti_folder / "database_nifti/patient0001"
    write_cfg(folder / "Info_2CH.cfg", {"ED": "1"})
    (folder / "Info_4CH.cfg").unlink()
    (folder / "patient0001_2CH_ED_gt.nii.gz").unlink()
    found = examples(build(nifti_folder))
    for name in ("patient0001_2CH_ED", "patient0001_4CH_ES"):
        example = found[name]
        assert (example["quality"], example["sex"], example["subgroup"]) == (-1, -1, -1)
        assert np.isnan(example["age"])
        assert np.isnan(example["ef"])
    assert not found["patient0001_2CH_ED"]["has_mask"]
    assert not found["patient0001_2CH_ED"]["mask"].any()
    assert found["patient0001_2CH_ES"]["has_mask"]


def test_a_person_of_several_folders_and_simulated_ones_are_known_as_such(nifti_folder, build):
    second = nifti_folder / "database_nifti" / "patient0002"
    for view in ("2CH", "4CH"):
        write_cfg(second / f"Info_{view}.cfg", NIFTI_CFG | {"Subject": "patient0001"})
    (second / "simulation.json").write_text("{}")
    found = examples(build(nifti_folder)).values()
    assert {(e["patient"], e["subject"], bool(e["simulated"])) for e in found} == {
        (b"patient0001", b"patient0001", False),
        (b"patient0002", b"patient0001", True),
    }


def test_lists_become_splits(tmp_path, build):
    patients = [f"patient000{k}" for k in range(1, 5)]
    lists = {"training": patients[:1], "validation": patients[1:2], "testing": patients[2:3]}
    builder = build(nifti_release(tmp_path / "camus", patients, lists))
    assert set(builder.info.splits) == {"train", "validation", "test", "unlisted"}
    for split, patient, subgroup in zip(
        ("train", "validation", "test", "unlisted"), patients, (0, 1, 2, -1), strict=True
    ):
        found = examples(builder, split)
        assert {name.partition("_")[0] for name in found} == {patient}
        assert {example["subgroup"] for example in found.values()} == {subgroup}


def test_testing_patients_of_the_challenge_are_a_split_of_their_own(tmp_path, build):
    folder = challenge_release(tmp_path / "camus", ("patient0001",), ("patient0001",))
    builder = build(folder)
    train, test = examples(builder, "train"), examples(builder, "test")
    assert len(train) == len(test) == 4
    assert not train.keys() & test.keys()
    assert {example["quality"] for example in test.values()} == {-1}
    assert not any(example["has_mask"] for example in test.values())


def damage(release):
    """Three bad files of three kinds, in two patients; the frames they cost."""
    one, two = (release / "database_nifti" / f"patient000{k}" for k in (1, 2))
    truncate(one / "patient0001_2CH_ED.nii.gz")
    truncate(one / "patient0001_4CH_ES_gt.nii.gz")
    write_cfg(two / "Info_2CH.cfg", NIFTI_CFG | {"ImageQuality": "Fair"})
    files = {
        "patient0001/patient0001_2CH_ED.nii.gz",
        "patient0001/patient0001_4CH_ES_gt.nii.gz",
        "patient0002/Info_2CH.cfg",
    }
    frames = {"patient0001_2CH_ED", "patient0001_4CH_ES"}
    return files, frames | {"patient0002_2CH_ED", "patient0002_2CH_ES"}


def waiting(tmp_path):
    """What is left of images that waited for their split."""
    built = tmp_path / "built"
    return [*built.glob(".*"), *built.rglob("*.png")]


def test_bad_files_are_left_out_and_listed_on_request(nifti_folder, build, tmp_path):
    """Every frame is handed over once, as it was read."""
    files, lost = damage(nifti_folder)
    absent = "patient0002/patient0002_4CH_ES.nii.gz"
    (nifti_folder / "database_nifti" / absent).unlink()
    names = [frame.key for frame in scan(nifti_folder).frames]
    calls = []
    builder = build(nifti_folder, skip_bad=True, on_frame=lambda *call: calls.append(call))
    assert set(examples(builder)) == set(names) - lost
    left_out = builder.info.metadata["left_out"]
    assert sorted(entry["file"] for entry in left_out) == sorted({*files, absent})
    assert all(entry["why"] for entry in left_out)
    assert [frame.key for frame, _, _ in calls] == names
    assert all(subject == frame.patient for frame, subject, _ in calls)
    assert {frame.key for frame, _, image in calls if image is None} == lost
    for frame, _, image in calls:
        if image is not None:
            np.testing.assert_array_equal(image, invented_image(frame.key))
    assert not waiting(tmp_path)


def test_headers_that_cannot_be_true_are_left_out_when_asked_for(nifti_folder, build):
    bad = {
        "patient0001_2CH_ED": {"dim": [1, 30, 1, 1, 1, 1, 1, 1]},
        "patient0001_2CH_ES": {"vox_offset": np.inf},
        "patient0001_4CH_ED": {"pixdim": [1, np.nan, 0.4, 1, 1, 1, 1, 1]},
        "patient0001_4CH_ES": {"pixdim": [1, 1e-6, 0.4, 1, 1, 1, 1, 1]},
    }
    for key, fields in bad.items():
        restate_nifti(nifti_folder / f"database_nifti/patient0001/{key}.nii.gz", **fields)
    names = {frame.key for frame in scan(nifti_folder).frames}
    builder = build(nifti_folder, skip_bad=True)
    assert set(examples(builder)) == names - bad.keys()
    left_out = {entry["file"] for entry in builder.info.metadata["left_out"]}
    assert left_out == {f"patient0001/{key}.nii.gz" for key in bad}


def test_every_bad_file_of_every_split_is_named_once(tmp_path, build):
    patients = ("patient0001", "patient0002")
    lists = {"training": patients[:1], "validation": patients[1:]}
    folder = nifti_release(tmp_path / "camus", patients, lists)
    files, _ = damage(folder)
    with pytest.raises(CamusError) as error:
        build(folder)
    assert {file: str(error.value).count(file) for file in files} == dict.fromkeys(files, 1)
    assert not waiting(tmp_path)


def test_every_file_is_read_once(nifti_folder, build, monkeypatch):
    opened, original = [], Path.open

    def counting(path, *args, **kwargs):
        opened.append(path)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", counting)
    build(nifti_folder)
    files = [path for path in nifti_folder.rglob("*") if path.is_file()]
    assert len(files) == 2 * 10
    assert sorted(path for path in opened if path.is_relative_to(nifti_folder)) == sorted(files)


def test_building_and_reading_import_neither_tensorflow_nor_echojax(nifti_folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, nifti_folder, tmp_path / "built"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["8 (30, 22, 1)", "False False"]
