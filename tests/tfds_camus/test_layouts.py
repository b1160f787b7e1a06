import shutil

import pytest

from tests.camus_folders import (
    challenge_release,
    invented_image,
    nifti_release,
    truncate,
    write_mhd,
    write_nifti,
)
from tfds_camus.files import CamusError, read_frame
from tfds_camus.layouts import BadFile, scan


def keys(found):
    return [frame.key for frame in found.frames]


def every_frame(*patients):
    return [f"{p}_{view}_{phase}" for p in patients for view in ("2CH", "4CH") for phase in PHASES]


PHASES = ("ED", "ES")


def test_nifti_release_is_recognised(nifti_folder):
    found = scan(nifti_folder)
    assert found.layout == "nifti"
    assert keys(found) == every_frame("patient0001", "patient0002")
    assert found.absent == ()


def test_challenge_release_is_recognised(challenge_folder):
    found = scan(challenge_folder)
    assert found.layout == "mhd"
    assert keys(found) == every_frame("patient0001", "patient0002")
    assert {frame.subgroup for frame in found.frames} == {"training"}


@pytest.mark.parametrize(
    ("release", "inside", "layout"),
    [(nifti_release, "database_nifti", "nifti"), (challenge_release, "training", "mhd")],
)
def test_folder_of_the_patients_itself_will_do(tmp_path, release, inside, layout):
    found = scan(release(tmp_path / "camus") / inside)
    assert found.layout == layout
    assert keys(found) == every_frame("patient0001", "patient0002")


def test_files_of_a_frame_belong_together(nifti_folder):
    frame = next(f for f in scan(nifti_folder).frames if f.key == "patient0002_4CH_ES")
    folder = nifti_folder / "database_nifti" / "patient0002"
    assert (frame.patient, frame.view, frame.phase) == ("patient0002", "4CH", "ES")
    assert frame.image == folder / "patient0002_4CH_ES.nii.gz"
    assert frame.mask == folder / "patient0002_4CH_ES_gt.nii.gz"
    assert frame.cfg == folder / "Info_4CH.cfg"


def test_absent_mask_and_cfg_are_none(nifti_folder):
    folder = nifti_folder / "database_nifti" / "patient0001"
    (folder / "patient0001_2CH_ED_gt.nii.gz").unlink()
    (folder / "Info_2CH.cfg").unlink()
    first, second, *_ = scan(nifti_folder).frames
    assert (first.mask, first.cfg) == (None, None)
    assert second.mask is not None


def test_half_of_a_view_is_reported(nifti_folder):
    (nifti_folder / "database_nifti/patient0001/patient0001_2CH_ES.nii.gz").unlink()
    found = scan(nifti_folder)
    assert "patient0001_2CH_ES" not in keys(found)
    (absent,) = found.absent
    assert isinstance(absent, BadFile)
    assert absent.file == "patient0001/patient0001_2CH_ES.nii.gz"


def test_view_that_is_not_there_at_all_is_not_reported(nifti_folder):
    for file in (nifti_folder / "database_nifti/patient0001").glob("*2CH*"):
        file.unlink()
    found = scan(nifti_folder)
    assert len(found.frames) == 6
    assert found.absent == ()


def test_sequences_are_not_frames(nifti_folder, challenge_folder):
    nifti = nifti_folder / "database_nifti/patient0001"
    for kind in ("half_sequence", "half_sequence_gt"):
        write_nifti(nifti / f"patient0001_2CH_{kind}.nii.gz", invented_image(kind))
    write_mhd(
        challenge_folder / "training/patient0001/patient0001_2CH_sequence.mhd",
        invented_image("sequence"),
    )
    for folder in (nifti_folder, challenge_folder):
        assert keys(scan(folder)) == every_frame("patient0001", "patient0002")


def test_folder_of_sequences_only_is_no_release(tmp_path):
    patient = tmp_path / "database_nifti" / "patient0001"
    patient.mkdir(parents=True)
    write_nifti(patient / "patient0001_2CH_half_sequence.nii.gz", invented_image("sequence"))
    with pytest.raises(CamusError, match="neither CAMUS layout"):
        scan(tmp_path)


def test_ids_of_testing_that_start_again_do_not_collide(tmp_path):
    folder = challenge_release(tmp_path, ("patient0001", "patient0002"), ("patient0001",))
    found = scan(folder)
    assert len(set(keys(found))) == len(keys(found)) == 12
    training, testing = (
        next(f for f in found.frames if f.subgroup == group and f.image.parent.name.endswith("1"))
        for group in ("training", "testing")
    )
    assert training.patient != testing.patient
    assert (read_frame(training.image)[0] != read_frame(testing.image)[0]).any()


def test_lists_give_the_subgroup(tmp_path):
    patients = [f"patient000{k}" for k in range(1, 5)]
    lists = {"training": patients[:1], "validation": patients[1:2], "testing": patients[2:3]}
    found = scan(nifti_release(tmp_path, patients, lists))
    assert {frame.patient: frame.subgroup for frame in found.frames} == dict(
        zip(patients, ("training", "validation", "testing", None), strict=True)
    )


def test_release_without_lists_has_no_subgroups(nifti_folder):
    assert {frame.subgroup for frame in scan(nifti_folder).frames} == {None}


def test_scanning_reads_no_frame(nifti_folder):
    for file in nifti_folder.rglob("*.nii.gz"):
        truncate(file, 0)
    assert len(scan(nifti_folder).frames) == 8


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(CamusError, match="nowhere: no such folder"):
        scan(tmp_path / "nowhere")


def test_empty_folder_is_named(tmp_path):
    with pytest.raises(CamusError, match=f"{tmp_path}: the folder is empty"):
        scan(tmp_path)


def test_folder_in_neither_layout_names_what_was_expected(nifti_folder):
    shutil.move(nifti_folder / "database_nifti", nifti_folder / "frames")
    with pytest.raises(CamusError, match="neither CAMUS layout; expected database_nifti"):
        scan(nifti_folder)
