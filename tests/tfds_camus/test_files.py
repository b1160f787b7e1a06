import gzip

import nibabel
import numpy as np
import pytest

from tests.camus_folders import (
    CHALLENGE_CFG,
    NIFTI_CFG,
    invented_image,
    invented_mask,
    restate_nifti,
    truncate,
    write_cfg,
    write_mhd,
    write_nifti,
)
from tfds_camus.errors import CamusError
from tfds_camus.files import Info, read_coherence, read_frame, read_info, read_mask

WRITERS = {".nii.gz": write_nifti, ".mhd": write_mhd}


def named(folder, suffix="", kind=""):
    patient = folder / "patient0007"
    patient.mkdir(exist_ok=True)
    return patient / f"patient0007_2CH_ED{kind}{suffix}"


def cfg(folder, **fields):
    path = folder / "Info_2CH.cfg"
    write_cfg(path, fields)
    return path


@pytest.mark.parametrize("suffix", WRITERS)
def test_frame_is_upright_with_the_spacing_of_rows_then_columns(tmp_path, suffix):
    path, upright = named(tmp_path, suffix), invented_image("frame")
    WRITERS[suffix](path, upright, spacing=(0.154, 0.308))
    frame, spacing = read_frame(path)
    assert frame.dtype == np.uint8
    np.testing.assert_array_equal(frame, upright)
    assert spacing == pytest.approx((0.154, 0.308))


def test_integers_stored_as_float_are_kept(tmp_path):
    path, upright = named(tmp_path, ".nii.gz"), invented_image("frame")
    write_nifti(path, upright, dtype=np.float32)
    frame, _ = read_frame(path)
    np.testing.assert_array_equal(frame, upright)


def test_trailing_axis_of_one_frame_is_dropped(tmp_path):
    path, upright = named(tmp_path, ".nii.gz"), invented_image("frame")
    nibabel.save(nibabel.Nifti1Image(upright.T[..., None], np.diag([-0.25, -0.4, 1, 1])), path)
    frame, spacing = read_frame(path)
    np.testing.assert_array_equal(frame, upright)
    assert spacing == pytest.approx((0.4, 0.25))


def test_sequence_is_not_a_frame(tmp_path):
    path = named(tmp_path, ".nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((22, 30, 5), np.uint8), np.eye(4)), path)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.nii.gz: has shape .*one 2-D frame"):
        read_frame(path)


@pytest.mark.parametrize("value", [-1, 256, np.nan])
def test_values_that_are_not_gray_levels_are_refused(tmp_path, value):
    path, image = named(tmp_path, ".nii.gz"), invented_image("frame").astype(np.float32)
    image[3, 4] = value
    write_nifti(path, image, dtype=np.float32)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.nii.gz: values .* 0 to 255"):
        read_frame(path)


def test_float_masks_are_rounded(tmp_path):
    path, mask = named(tmp_path, ".nii.gz", "_gt"), invented_mask("frame")
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, mask.shape)
    write_nifti(path, mask + noise, dtype=np.float32)
    read = read_mask(path, mask.shape)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, mask)


def test_mask_of_another_size_names_both_sizes(tmp_path):
    path = named(tmp_path, ".mhd", "_gt")
    write_mhd(path, invented_mask("frame"))
    with pytest.raises(
        CamusError,
        match=r"patient0007_2CH_ED_gt.mhd: mask is 30x22 .* is 22x30 .*expected the same size",
    ):
        read_mask(path, (22, 30))


def test_unknown_labels_are_named(tmp_path):
    path, mask = named(tmp_path, ".nii.gz", "_gt"), invented_mask("frame")
    mask[0, 0], mask[1, 1] = 4, 7
    write_nifti(path, mask)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED_gt.nii.gz: labels \[4, 7\]"):
        read_mask(path, mask.shape)


@pytest.mark.parametrize("keep", [0.0, 0.95])
def test_truncated_nifti_is_named(tmp_path, keep):
    path = named(tmp_path, ".nii.gz")
    write_nifti(path, invented_image("frame"))
    truncate(path, keep)
    with pytest.raises(CamusError, match=r"patient0007/patient0007_2CH_ED.nii.gz: .*truncated"):
        read_frame(path)


def test_nifti_that_no_longer_unpacks_is_named(tmp_path):
    path = named(tmp_path, ".nii.gz")
    write_nifti(path, invented_image("frame"))
    packed = bytearray(gzip.compress(gzip.decompress(path.read_bytes()), mtime=0))
    packed[10] |= 0b110  # behind the header of 10 bytes: a kind of block that does not exist
    path.write_bytes(packed)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.nii.gz: cannot be read as NIfTI"):
        read_frame(path)


def test_nifti_whose_checksum_is_wrong_is_named(tmp_path):
    """One bit of one pixel differs from what was packed."""
    path = named(tmp_path, ".nii.gz")
    write_nifti(path, invented_image("frame"))
    packed = bytearray(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=0, mtime=0))
    packed[-20] ^= 1  # in the last pixels, before the trailer of 8 bytes
    path.write_bytes(packed)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.nii.gz: cannot be read as NIfTI"):
        read_frame(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_error_page_saved_as_nifti_is_named(tmp_path, pack):
    path = named(tmp_path, ".nii.gz")
    path.write_bytes(pack(b"<html>404 Not Found</html>" * 40))
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.nii.gz: cannot be read as NIfTI"):
        read_frame(path)


def test_header_without_its_raw_file_names_both(tmp_path):
    path = named(tmp_path, ".mhd")
    write_mhd(path, invented_image("frame"))
    path.with_suffix(".raw").unlink()
    expected = r"patient0007_2CH_ED.mhd: its data file patient0007_2CH_ED.raw is missing"
    with pytest.raises(CamusError, match=expected):
        read_frame(path)


@pytest.mark.parametrize("keep", [0.0, 0.99])
def test_truncated_raw_file_is_named(tmp_path, keep):
    path = named(tmp_path, ".mhd")
    write_mhd(path, invented_image("frame"))
    truncate(path.with_suffix(".raw"), keep)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.mhd: .*truncated"):
        read_frame(path)


def test_cfg_of_either_release_and_what_one_does_not_say(tmp_path):
    assert read_info(cfg(tmp_path, **NIFTI_CFG)) == Info("good", "F", 56.0, 54.0)
    assert read_info(cfg(tmp_path, **CHALLENGE_CFG)) == Info("poor", "M", 61.0, 63.2)
    assert read_info(cfg(tmp_path, ED="1", ES="18")) == Info(None, None, None, None)
    assert read_info(cfg(tmp_path, Subject="patient0003")) == Info(subject="patient0003")


def test_unknown_quality_word_is_named(tmp_path):
    path = cfg(tmp_path, ImageQuality="Fair")
    with pytest.raises(CamusError, match=r"Info_2CH.cfg: ImageQuality is 'Fair'.*Good, Medium or"):
        read_info(path)


@pytest.mark.parametrize("key", ["Age", "LVef"])
def test_number_that_is_none_is_named(tmp_path, key):
    path = cfg(tmp_path, **{key: "unclear"})
    with pytest.raises(CamusError, match=f"Info_2CH.cfg: {key} is 'unclear'; expected a number"):
        read_info(path)


def test_line_ends_and_spaces_do_not_matter(tmp_path):
    path = tmp_path / "Info_4CH.cfg"
    path.write_bytes(b"ImageQuality:Medium \r\nAge :  70\r\nEF: 54%")
    assert read_info(path) == Info("medium", None, 70.0, 54.0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"vox_offset": np.inf}, "cannot be read as NIfTI"),
        ({"dim": [1, 30, 1, 1, 1, 1, 1, 1]}, "cannot be read as NIfTI|expected one 2-D frame"),
        ({"dim": [2, 30, 0, 1, 1, 1, 1, 1]}, "expected one 2-D frame"),
        ({"dim": [2, 32767, 32767, 1, 1, 1, 1, 1]}, "cannot be read as NIfTI"),
        ({"pixdim": [1, np.nan, 0.4, 1, 1, 1, 1, 1]}, "a pixel of 0.4 x nan mm"),
        ({"pixdim": [1, 0.3, 1e-6, 1, 1, 1, 1, 1]}, r"a pixel of 1e-06 x 0.3 mm"),
    ],
)
def test_a_nifti_header_that_cannot_be_true_is_named(tmp_path, fields, reason):
    path = named(tmp_path, ".nii.gz")
    write_nifti(path, invented_image("frame"))
    restate_nifti(path, **fields)
    with pytest.raises(CamusError, match=rf"patient0007_2CH_ED.nii.gz: .*({reason})"):
        read_frame(path)


def test_a_nifti_of_thousands_of_times_its_size_is_refused(tmp_path):
    path = named(tmp_path, ".nii.gz")
    path.write_bytes(gzip.compress(bytes(1 << 20)) * 300)
    with pytest.raises(CamusError, match=r"patient0007_2CH_ED.nii.gz: unpacks to over"):
        read_frame(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ElementDataFile = /etc/passwd", "lies outside its folder"),
        ("ElementDataFile = ../frame.raw", "lies outside its folder"),
        ("ElementDataFile = LIST", "is missing"),
        ("DimSize = 0 0 1", "cannot be read as MetaImage"),
        ("DimSize = 99999999999999999999 2 1", "cannot be read as MetaImage"),
        ("DimSize = 2 2 2", "expected one 2-D frame"),
        ("ElementSpacing = nan 1 1", "a pixel of 1 x nan mm"),
        ("ElementType = MET_STRING", "cannot be read as MetaImage"),
        ("CompressedData = True", "cannot be read as MetaImage"),
    ],
)
def test_a_metaimage_header_that_cannot_be_true_is_named(tmp_path, line, reason):
    path = named(tmp_path, ".mhd")
    write_mhd(path, invented_image("frame"))
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(CamusError, match=f"patient0007_2CH_ED.mhd: .*{reason}"):
        read_frame(path)


@pytest.mark.parametrize("value", ["inf", "1e999"])
def test_a_number_without_end_is_named(tmp_path, value):
    with pytest.raises(CamusError, match=r"Info_2CH.cfg: Age is .*expected a number"):
        read_info(cfg(tmp_path, Age=value))


def test_a_cfg_without_end_is_named(tmp_path):
    with pytest.raises(CamusError, match=r"Info_2CH.cfg: over 65536 bytes"):
        read_info(cfg(tmp_path, Note="x" * 70_000))


def test_grades_of_regions_are_of_either_phase_and_nan_where_none_can_be_given(tmp_path):
    info = read_info(cfg(tmp_path, RegionGradesED="4 4 3 nan 2 1 5 4.5"))
    np.testing.assert_array_equal(info.grades_ed, [4, 4, 3, np.nan, 2, 1, 5, 4.5])
    assert info.grades_es is None


@pytest.mark.parametrize("grades", ["4 4 3", "4 4 3 2 2 1 5 6", "0 4 3 2 2 1 5 4", "good " * 8])
def test_grades_that_cannot_be_understood_are_refused(tmp_path, grades):
    with pytest.raises(CamusError, match=r"Info_2CH.cfg: RegionGradesES is .*8 numbers from 1 to"):
        read_info(cfg(tmp_path, RegionGradesES=grades))


def test_coherence_of_another_size_than_its_frame_is_refused(tmp_path):
    path, upright = named(tmp_path, ".nii.gz", "_cf"), invented_image("coherence")
    write_nifti(path, upright)
    np.testing.assert_array_equal(read_coherence(path, upright.shape), upright)
    with pytest.raises(CamusError, match=r"2CH_ED_cf.nii.gz: coherence is 30x22 but its image is"):
        read_coherence(path, (30, 23))
