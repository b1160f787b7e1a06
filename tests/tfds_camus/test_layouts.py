import shutil

import pytest

from tests.camus_folders import (
    challenge_release,
    invented_image,
    truncate,
    write_mhd,
    write_nifti,
)
from tfds_camus.errors import CamusError
from tfds_camus.files import read_frame
from tfds_camus.layouts import BadFile, scan

PHASES = ("ED", "ES")


def keys(found):
    return [frame.key for frame in found.frames]


def every_frame(*patients):
    return [f"{p}_{view}_{phase}" for p in patients for view in ("2CH", "4CH") for phase in PHASES]


def test_nifti_release_is_recognised_with_the_files_of_every_frame(nifti_folder):
    found = scan(nifti_folder)
    assert found.layout == "nifti"
    assert keys(found) == every_frame("patient0001", "patient0002")
    assert found.absent == ()
    frame = next(f for f in found.frames if f.key == "patient0002_4CH_ES")
    folder = nifti_folder / "database_nifti" / "patient0002"
    assert (frame.patient, frame.view, frame.phase) == ("patient0002", "4CH", "ES")
    assert frame.image == folder / "patient0002_4CH_ES.nii.gz"
    assert frame.mask == folder / "patient0002_4CH_ES_gt.nii.gz"
    assert frame.cfg == folder / "Info_4CH.cfg"
    # The folder of the patients itself will do.
    assert scan(nifti_folder / "database_nifti") == found


def test_challenge_release_is_recognised(challenge_folder):
    found = scan(challenge_folder)
    assert found.layout == "mhd"
    assert keys(found) == every_frame("patient0001", "patient0002")
    assert {frame.subgroup for frame in found.frames} == {"training"}
    inside = scan(challenge_folder / "training")
    assert (inside.layout, keys(inside)) == ("mhd", keys(found))


def test_absent_mask_and_cfg_are_none(nifti_folder):
    folder = nifti_folder / "database_nifti" / "patient0001"
    (folder / "patient0001_2CH_ED_gt.nii.gz").unlink()
    (folder / "Info_2CH.cfg").unlink()
    first, second, *_ = scan(nifti_folder).frames
    assert (first.mask, first.cfg) == (None, None)
    assert second.mask is not None


def test_half_of_a_view_is_reported_and_a_view_that_is_not_there_at_all_is_not(nifti_folder):
    (nifti_folder / "database_nifti/patient0001/patient0001_2CH_ES.nii.gz").unlink()
    for file in (nifti_folder / "database_nifti/patient0002").glob("*2CH*"):
        file.unlink()
    found = scan(nifti_folder)
    expected = every_frame("patient0001", "patient0002")
    assert keys(found) == [name for name in expected if name not in expected[1:2] + expected[4:6]]
    (absent,) = found.absent
    assert isinstance(absent, BadFile)
    assert absent.file == "patient0001/patient0001_2CH_ES.nii.gz"


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


def test_scanning_reads_no_frame(nifti_folder):
    for file in nifti_folder.rglob("*.nii.gz"):
        truncate(file, 0)
    assert len(scan(nifti_folder).frames) == 8


def test_a_folder_that_is_no_release_is_named_with_what_was_expected(nifti_folder):
    root = nifti_folder.parent
    with pytest.raises(CamusError, match=f"{root / 'nowhere'}: no such folder"):
        scan(root / "nowhere")
    (root / "empty").mkdir()
    with pytest.raises(CamusError, match=f"{root / 'empty'}: the folder is empty"):
        scan(root / "empty")
    shutil.move(nifti_folder / "database_nifti", nifti_folder / "frames")
    with pytest.raises(CamusError, match="neither CAMUS layout; expected database_nifti"):
        scan(nifti_folder)
