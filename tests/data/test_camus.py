import json
import shutil

import numpy as np
import pytest
from PIL import Image

import tfds_camus
from echojax.data import camus
from echojax.data.frame_hash import frame_hash
from echojax.data.frames import Frames
from echojax.errors import InputError
from tests.camus_folders import (
    CHALLENGE_SPACING,
    NIFTI_CFG,
    NIFTI_SPACING,
    add_coherence,
    challenge_release,
    invented_image,
    invented_mask,
    nifti_release,
    truncate,
    write_cfg,
)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def spoil(release):
    """A bad file in the second patient, named in every error about this release."""
    truncate(release / "database_nifti/patient0002/patient0002_4CH_ED.nii.gz")
    return "patient0002/patient0002_4CH_ED.nii.gz"


def test_frames_come_back_as_they_were_written(nifti_folder, tmp_path, capsys):
    camus.prepare(nifti_folder, tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    assert capsys.readouterr().out == ""
    assert isinstance(frames, Frames)
    assert len(frames) == 8
    for name, image, mask in zip(frames.ids, frames.images, frames.masks, strict=True):
        assert image.dtype == mask.dtype == np.uint8
        np.testing.assert_array_equal(image, invented_image(name))
        np.testing.assert_array_equal(mask, invented_mask(name))
    np.testing.assert_allclose(frames.spacing, np.tile(NIFTI_SPACING, (8, 1)), rtol=1e-6)
    assert camus.left_out(tmp_path / "data") == []


def test_frames_of_all_splits_come_in_order_with_what_cfg_files_and_lists_say(tmp_path):
    patients = ["patient0003", "patient0001", "patient0004", "patient0002"]
    lists = {"training": patients[:1], "validation": patients[1:2], "testing": patients[2:3]}
    release = nifti_release(tmp_path / "camus", patients, lists)
    write_cfg(release / "database_nifti/patient0002/Info_4CH.cfg", {"Sex": "M", "Age": "71"})
    camus.prepare(release, tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    assert frames.ids == [
        f"{patient}_{view}_{phase}"
        for patient in sorted(patients)
        for view in ("2CH", "4CH")
        for phase in ("ED", "ES")
    ]
    for image, found in zip(frames.images, frames.hashes, strict=True):
        np.testing.assert_array_equal(found, frame_hash(image))
    of_each = frames.take(range(2, 16, 4))  # 4CH ED
    np.testing.assert_array_equal(of_each.ef, [54, np.nan, 54, 54])
    assert of_each.age.tolist() == [56, 71, 56, 56]
    assert of_each.sex.tolist() == ["F", "M", "F", "F"]
    assert of_each.split.tolist() == ["validation", "", "train", "test"]


def test_what_no_file_says_is_unknown(nifti_folder, tmp_path):
    folder = nifti_folder / "database_nifti/patient0001"
    (folder / "patient0001_2CH_ES_gt.nii.gz").unlink()
    write_cfg(folder / "Info_4CH.cfg", {"ED": "1"})
    write_cfg(folder / "Info_2CH.cfg", {"ImageQuality": "Medium"})
    for cfg in nifti_folder.rglob("patient0002/*.cfg"):
        cfg.unlink()
    camus.prepare(nifti_folder, tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    assert [mask is None for mask in frames.masks] == [False, True] + 6 * [False]
    assert frames.quality.tolist() == [1, 1, -1, -1, -1, -1, -1, -1]
    assert np.isnan([*frames.ef, *frames.age]).all()
    assert {*frames.sex, *frames.split} == {""}


def test_testing_patients_of_the_challenge_are_patients_of_their_own(tmp_path):
    camus.prepare(
        challenge_release(tmp_path / "camus", ("patient0001",), ("patient0001",)),
        tmp_path / "data",
    )
    frames = camus.load(tmp_path / "data")
    assert len(set(frames.ids)) == 8
    assert len(set(frames.patient)) == 2
    assert [mask is None for mask in frames.masks].count(True) == 4


def test_an_existing_dataset_is_replaced_only_if_asked_and_by_a_whole_one(nifti_folder, tmp_path):
    data = tmp_path / "data"
    camus.prepare(nifti_folder, data)
    before = contents(data)
    with pytest.raises(InputError, match="there is a dataset already; pass --overwrite"):
        camus.prepare(nifti_folder, data)
    assert contents(data) == before
    spoil(nifti_folder)
    with pytest.raises(InputError, match="truncated"):
        camus.prepare(nifti_folder, data, overwrite=True)
    assert contents(data) == before
    shutil.rmtree(nifti_folder / "database_nifti/patient0002")
    camus.prepare(nifti_folder, data, overwrite=True)
    assert set(camus.load(data).patient) == {"patient0001"}
    assert [entry.name for entry in data.iterdir()] == ["camus"]


def test_overwrite_never_deletes_the_release_it_reads(tmp_path):
    """`--from data/camus --data-dir data` asks to put the dataset where the release is."""
    release = nifti_release(tmp_path / "data" / "camus")
    before = contents(release)
    with pytest.raises(InputError):
        camus.prepare(release, tmp_path / "data", overwrite=True)
    assert contents(release) == before


def test_overwrite_never_deletes_what_is_not_a_prepared_dataset(nifti_folder, tmp_path):
    precious = tmp_path / "data" / "camus" / "notes.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    with pytest.raises(InputError):
        camus.prepare(nifti_folder, tmp_path / "data", overwrite=True)
    assert precious.read_text() == "years of work"


def test_bad_file_is_named_with_what_to_do_and_nothing_is_left(nifti_folder, tmp_path):
    bad = spoil(nifti_folder)
    with pytest.raises(InputError, match=rf"{bad}: .*download it again.*--skip-bad") as error:
        camus.prepare(nifti_folder, tmp_path / "data")
    assert error.value.exit_code == 2
    assert not any((tmp_path / "data").iterdir())


def test_bad_files_left_out_are_remembered_even_if_they_are_a_whole_split(tmp_path):
    lists = {"training": ["patient0001"], "validation": ["patient0002"]}
    release = nifti_release(tmp_path / "camus", subgroups=lists)
    bad = sorted(release.glob("*/patient0002/*_E[DS].nii.gz"))
    for file in bad:
        truncate(file)
    camus.prepare(release, tmp_path / "data", skip_bad=True)
    assert set(camus.load(tmp_path / "data").patient) == {"patient0001"}
    left_out = camus.left_out(tmp_path / "data")
    assert [entry.file for entry in left_out] == [f"patient0002/{file.name}" for file in bad]
    assert all("truncated" in entry.why for entry in left_out)


def test_skipping_bad_files_is_not_advised_where_it_cannot_help(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder") as error:
        camus.prepare(tmp_path / "nowhere", tmp_path / "data")
    assert "--skip-bad" not in str(error.value)


def test_release_without_one_good_frame_is_an_input_error(nifti_folder, tmp_path):
    for file in nifti_folder.rglob("*.nii.gz"):
        truncate(file)
    with pytest.raises(InputError):
        camus.prepare(nifti_folder, tmp_path / "data", skip_bad=True)


def test_file_where_the_dataset_should_go_is_an_input_error(nifti_folder, tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(InputError, match=str(tmp_path / "data")):
        camus.prepare(nifti_folder, tmp_path / "data")


def test_recordings_under_two_ids_are_one_group(tmp_path):
    patients = [f"patient000{k}" for k in range(1, 5)]
    release = nifti_release(tmp_path / "camus", patients)
    folder = release / "database_nifti"
    for one, other in (("patient0002", "patient0003"), ("patient0004", "patient0003")):
        name = "4CH_ED" if one == "patient0002" else "2CH_ES"
        shutil.copy(
            folder / other / f"{other}_{name}.nii.gz", folder / one / f"{one}_{name}.nii.gz"
        )
    camus.prepare(release, tmp_path / "data")
    assert camus.duplicates(tmp_path / "data") == [
        ("patient0002", "patient0003"),
        ("patient0003", "patient0004"),
    ]
    frames = camus.load(tmp_path / "data")
    assert dict(zip(frames.patient, frames.group, strict=True)) == {
        "patient0001": "patient0001",
        "patient0002": "patient0002",
        "patient0003": "patient0002",
        "patient0004": "patient0002",
    }


def test_folders_of_one_subject_are_one_person_and_no_duplicates(tmp_path):
    patients = [f"patient000{k}" for k in range(1, 5)]
    release = nifti_release(tmp_path / "camus", patients)
    folder = release / "database_nifti"

    def copy(one, other):
        name = "2CH_ES.nii.gz"
        shutil.copy(folder / other / f"{other}_{name}", folder / one / f"{one}_{name}")

    copy("patient0002", "patient0003")
    copy("patient0004", "patient0003")
    for patient in ("patient0002", "patient0003"):
        for view in ("2CH", "4CH"):
            fields = NIFTI_CFG | {"Subject": "somebody"}
            write_cfg(folder / patient / f"Info_{view}.cfg", fields)
    camus.prepare(release, tmp_path / "data")
    # Of one subject they are meant to be alike; the third is a stranger who should not be.
    assert camus.duplicates(tmp_path / "data") == [
        ("patient0002", "patient0004"),
        ("patient0003", "patient0004"),
    ]
    frames = camus.load(tmp_path / "data")
    group = dict(zip(frames.patient, frames.group, strict=True))
    assert group["patient0001"] == "patient0001"
    assert group["patient0002"] == group["patient0003"] == group["patient0004"] != "patient0001"
    assert not frames.simulated.any()


def test_a_dataset_can_be_moved(nifti_folder, tmp_path):
    camus.prepare(nifti_folder, tmp_path / "data")
    before = camus.load(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    after = camus.load(tmp_path / "elsewhere")
    assert after.fingerprint() == before.fingerprint()
    np.testing.assert_array_equal(after.hashes, before.hashes)


def test_coherence_and_grades_of_regions_come_along_where_there_are_any(nifti_folder, tmp_path):
    coherence = add_coherence(nifti_folder, "patient0001_4CH_ES")
    camus.prepare(nifti_folder, tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    for name, found, grades in zip(frames.ids, frames.coherence, frames.grades, strict=True):
        if name == "patient0001_4CH_ES":
            np.testing.assert_array_equal(found, coherence)
            np.testing.assert_array_equal(grades, np.float32([4, 4, 3, np.nan, 2, 1, 5, 4.5]))
        else:
            assert found is None
            assert np.isnan(grades).all()
    assert frames.grades.dtype == np.float32


def test_dataset_that_knows_nothing_of_coherence_is_read_as_ever(
    nifti_folder, tmp_path, monkeypatch
):
    """As echojax prepared them before: without the features and their files' names."""
    new = ("coherence", "has_coherence", "grades")
    info, generate = tfds_camus.Builder._info, tfds_camus.Builder._generate_examples

    def older(self):
        found = info(self)
        for name in new:
            del found.features._feature_dict[name]
        return found

    def without(self, examples):
        for key, example in generate(self, examples):
            yield key, {name: example[name] for name in example if name not in new}

    monkeypatch.setattr(tfds_camus.Builder, "_info", older)
    monkeypatch.setattr(tfds_camus.Builder, "_generate_examples", without)
    camus.prepare(nifti_folder, tmp_path / "data")
    monkeypatch.undo()
    frames = camus.load(tmp_path / "data")
    assert len(frames) == 8
    assert set(frames.coherence) == {None}
    assert np.isnan(frames.grades).all()
    assert frames.grades.shape == (8, 8)


def test_dataset_of_an_older_version_is_refused_with_what_to_do(nifti_folder, tmp_path):
    camus.prepare(nifti_folder, tmp_path / "data")
    (metadata,) = (tmp_path / "data").rglob("metadata.json")
    stored = json.loads(metadata.read_text())
    del stored["hashes"], stored["duplicates"]
    metadata.write_text(json.dumps(stored))
    for read in (camus.load, camus.duplicates, camus.left_out):
        with pytest.raises(InputError, match=r"older echojax.*prepare camus .*--overwrite"):
            read(tmp_path / "data")


def test_nothing_prepared_is_an_input_error_that_names_the_command(tmp_path):
    for read in (camus.load, camus.left_out):
        with pytest.raises(InputError, match=r"no prepared dataset.*echojax prepare camus"):
            read(tmp_path)


def test_square_pixels_halve_the_finer_axis(make_frames):
    """Spacing 0.154 x 0.308: rows are halved, columns kept, both 0.308 mm afterwards."""
    rows, columns = np.mgrid[:40, :15]
    ramp = (3 * rows + 7 * columns).astype(np.uint8)
    mask = np.repeat(np.arange(20) % 4, 2)[:, None].repeat(15, 1).astype(np.uint8)
    frames = make_frames([ramp], ["a"], spacing=CHALLENGE_SPACING, masks=[mask])
    square = camus.square_pixels(frames)
    (image,), (labels,) = square.images, square.masks
    assert image.shape == labels.shape == (20, 15)
    assert image.dtype == labels.dtype == np.uint8
    np.testing.assert_allclose(square.spacing, [[0.308, 0.308]], rtol=1e-6)
    # A ramp resampled is the ramp at the middle of two rows, away from the borders.
    np.testing.assert_allclose(image[2:-2], (ramp[::2] + 1.5)[2:-2], atol=0.51)
    np.testing.assert_array_equal(labels, mask[::2])


def test_square_pixels_keep_frames_that_are_square(make_frames):
    image = invented_image("square")
    frames = make_frames([image, image], ["a", "b"], masks=[None, image // 64])
    square = camus.square_pixels(frames)
    for old, new in zip(frames.images, square.images, strict=True):
        np.testing.assert_array_equal(new, old)
    assert square.masks[0] is None
    np.testing.assert_array_equal(square.masks[1], frames.masks[1])
    np.testing.assert_array_equal(square.spacing, frames.spacing)


def test_square_pixels_resample_coherence_with_its_image(make_frames):
    image = invented_image("square")
    frames = make_frames(
        [image] * 2, ["a", "b"], spacing=CHALLENGE_SPACING, coherence=[image, None]
    )
    square = camus.square_pixels(frames)
    np.testing.assert_array_equal(square.coherence[0], square.images[0])
    assert square.coherence[1] is None


def test_square_pixels_keep_every_column_but_the_spacing(make_frames):
    image = invented_image("square")
    columns = {"ef": np.array([61.0]), "group": np.array(["b"]), "machine": np.array([3])}
    frames = make_frames([image], ["a"], spacing=CHALLENGE_SPACING, **columns)
    square = camus.square_pixels(frames)
    for name in frames.table.keys() - {"spacing"}:
        np.testing.assert_array_equal(square.table[name], frames.table[name])
    assert square.fingerprint() != frames.fingerprint()


def test_square_pixels_keep_labels_whole_and_gray_levels_in_range(make_frames):
    """Reference: Pillow, bicubic cut to 0-255 within one gray level, nearest neighbour exactly."""
    noise = np.random.default_rng(0)
    image = noise.choice(np.array([0, 255], np.uint8), (60, 31))
    mask = noise.integers(0, 4, (60, 31), np.uint8)
    frames = make_frames([image], ["a"], spacing=(0.2, 0.308), masks=[mask])
    square = camus.square_pixels(frames)
    size = (31, round(60 * 0.2 / 0.308))
    smooth = Image.fromarray(image.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    assert np.max(smooth) > 255  # uint8 would wrap around
    assert np.min(smooth) < 0
    gray = square.images[0].astype(np.float32)
    np.testing.assert_allclose(gray, np.clip(smooth, 0, 255), atol=1)
    nearest = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    np.testing.assert_array_equal(square.masks[0], nearest)


def test_real_challenge_release(shared_data, tmp_path):
    camus.prepare(shared_data / "camus_mhd", tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    assert frames.ids[:4] == [
        f"patient0001_{name}" for name in ("2CH_ED", "2CH_ES", "4CH_ED", "4CH_ES")
    ]
    assert len(frames) == 8
    first = frames.take([0])
    assert first.images[0].shape == (778, 549)
    np.testing.assert_allclose(first.spacing, [CHALLENGE_SPACING], rtol=1e-6)
    assert set(np.unique(first.masks[0])) == {0, 1, 2, 3}
    square = camus.square_pixels(first)
    assert square.images[0].shape == square.masks[0].shape == (389, 549)
    # Upright: the left atrium lies below the left ventricle.
    depth = [np.nonzero(first.masks[0] == label)[0].mean() for label in (1, 3)]
    assert depth[0] < depth[1]


def test_real_nifti_release(camus_224):
    assert len(camus_224) == 972
    counts = camus_224.counts()
    known = {"good": 112, "medium": 72, "poor": 59, "unlabelled": 0}
    assert counts["2CH"] == {"ED": known, "ES": known}
    assert {sum(counts["4CH"][phase].values()) for phase in ("ED", "ES")} == {243}
    for k in range(0, 972, 97):
        depth = [np.nonzero(camus_224.masks[k] == label)[0].mean() for label in (1, 3)]
        assert depth[0] < depth[1], camus_224.ids[k]
