import gzip

import nibabel
import numpy as np
import pytest

from echojax.errors import InputError
from echojax.media import open_recording
from tests.media.rewriting import DESCRIPTION, frames_of, noise, rewritten

AFFINE = np.array([[0.3, 0.1, 0, 5], [-0.1, 0.2, 0, -7], [0, 0, 1.5, 9], [0, 0, 0, 1]])


def save(path, stored, kind=nibabel.Nifti1Image, sform=2, qform=1, **fields):
    big = stored.dtype.byteorder == ">"
    header = kind.header_class(endianness=">" if big else "<")
    header.set_data_dtype(stored.dtype)
    image = kind(stored, None, header)
    image.set_sform(AFFINE, sform)
    image.set_qform(np.diag([0.3, 0.2, 1.5, 1]) + np.eye(4, k=3) * 4, qform)
    image.header["pixdim"][4] = 0.02
    image.header.set_xyzt_units("mm", "sec")
    for key, value in fields.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


def volume(*shape, dtype=np.uint8):
    return (
        noise(*shape, dtype=dtype)
        if np.dtype(dtype).kind in "iu"
        else (np.random.default_rng(0).normal(size=shape).astype(dtype))
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "name"),
    [
        ((5, 7), np.uint8, "a.nii"),
        ((5, 7, 3), np.int16, "a.nii.gz"),
        ((5, 7, 2, 3), np.float32, "a.nii"),
        ((5, 7, 3), ">i2", "a.nii"),
        ((5, 7, 2, 3), ">i2", "a.nii.gz"),
    ],
)
def test_stored_values_survive_exactly(tmp_path, shape, dtype, name):
    stored = volume(*shape, dtype=np.dtype(dtype).newbyteorder("=")).astype(dtype)
    source = save(tmp_path / name, stored)
    again = rewritten(source, tmp_path / f"out_{name}", 4)
    assert again.shape == (28, 20)
    assert again.dtype == np.dtype(dtype).newbyteorder("=")
    written = nibabel.load(tmp_path / f"out_{name}")
    assert written.shape == (20, 28, *shape[2:])
    assert written.get_data_dtype() == np.dtype(dtype)
    np.testing.assert_array_equal(np.asarray(written.dataobj), stored.repeat(4, 0).repeat(4, 1))


def test_frames_are_upright_and_in_order_of_time(tmp_path):
    stored = volume(5, 7, 2, 3)
    frames = frames_of(save(tmp_path / "a.nii", stored))
    assert frames.shape == (6, 7, 5)
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame, stored[:, :, number % 2, number // 2].T)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (nibabel.Nifti1Image, "a.nii"),
        (nibabel.Nifti1Image, "a.nii.gz"),
        (nibabel.Nifti2Image, "a.nii.gz"),
    ],
)
def test_voxels_lie_where_they_lay(tmp_path, kind, name):
    source = save(tmp_path / name, volume(5, 7, 3), kind)
    rewritten(source, tmp_path / f"out_{name}", 4)
    old, new = nibabel.load(source), nibabel.load(tmp_path / f"out_{name}")
    assert isinstance(new, kind)
    # The middle of the 4 x 4 new voxels is the centre of the old one.
    before, after = (3, 5, 2, 1), (3 * 4 + 1.5, 5 * 4 + 1.5, 2, 1)
    for affine in ("get_sform", "get_qform"):
        place = getattr(old, affine)() @ before
        np.testing.assert_allclose(getattr(new, affine)() @ after, place, atol=1e-5)
    np.testing.assert_allclose(new.header.get_zooms(), np.divide(old.header.get_zooms(), (4, 4, 1)))


@pytest.mark.parametrize(("sform", "qform"), [(0, 0), (0, 1), (2, 0), (4, 3)])
def test_what_the_affines_mean_is_kept(tmp_path, sform, qform):
    source = save(tmp_path / "a.nii", volume(5, 7, 3), sform=sform, qform=qform)
    rewritten(source, tmp_path / "out.nii", 4)
    old, new = nibabel.load(source), nibabel.load(tmp_path / "out.nii")
    assert (int(new.header["sform_code"]), int(new.header["qform_code"])) == (sform, qform)
    np.testing.assert_allclose(
        new.affine @ (13.5, 21.5, 2, 1), old.affine @ (3, 5, 2, 1), atol=1e-5
    )


def test_the_rest_of_the_header_is_kept(tmp_path):
    fields = {"scl_slope": 0.5, "scl_inter": -3, "cal_max": 200, "intent_name": "echo"}
    source = tmp_path / "a.nii"
    save(source, volume(5, 7, 2, 3, dtype=np.int16), **fields)
    # Written through nibabel, slope and intercept would be its own.
    with source.open("r+b") as file:
        header = nibabel.Nifti1Header.from_fileobj(file)
        header["scl_slope"], header["scl_inter"], header["vox_offset"] = 0.5, -3, 352
        file.seek(0)
        file.write(header.binaryblock)
    stored = nibabel.load(source).dataobj.get_unscaled()
    np.testing.assert_array_equal(frames_of(source)[0], stored[:, :, 0, 0].T)
    rewritten(source, tmp_path / "out.nii", 4)
    new = nibabel.load(tmp_path / "out.nii")
    assert (new.dataobj.slope, new.dataobj.inter) == (0.5, -3)
    assert new.header["cal_max"] == 200
    assert new.header["intent_name"] == b"echo"
    assert new.header["descrip"] == DESCRIPTION.encode()
    assert new.header.get_zooms()[3] == pytest.approx(0.02)
    assert new.header.get_xyzt_units() == ("mm", "sec")


def test_extensions_are_kept(tmp_path):
    image = nibabel.Nifti1Image(volume(5, 7, 3), AFFINE)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 100))
    nibabel.save(image, tmp_path / "a.nii")
    again = rewritten(tmp_path / "a.nii", tmp_path / "out.nii", 1)
    (extension,) = nibabel.load(tmp_path / "out.nii").header.extensions
    assert extension.get_content().rstrip(b"\0") == b"x" * 100
    np.testing.assert_array_equal(list(again.frames()), frames_of(tmp_path / "a.nii"))


def test_a_long_description_is_cut(tmp_path):
    recording = open_recording(save(tmp_path / "a.nii", volume(5, 7)))
    recording.write(tmp_path / "out.nii", recording.frames(), 1, "ö" + "x" * 200)
    descrip = nibabel.load(tmp_path / "out.nii").header["descrip"].item()
    assert descrip == b"?" + b"x" * 78


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 1], np.uint8, (0, 255)),
        ([0, 3000], np.int16, (0, 3000)),
        ([0.1, 0.9], np.float32, (0, 1)),
        ([-0.5, 2.5], np.float32, (-0.5, 255)),
        ([np.nan, 0.5], np.float32, (0, 1)),
    ],
)
def test_black_and_white_are_judged_by_the_data(tmp_path, values, dtype, expected):
    recording = open_recording(save(tmp_path / "a.nii", np.array([values] * 4, dtype)))
    assert (recording.low, recording.high) == expected


def test_nii_may_become_nii_gz(tmp_path):
    source = save(tmp_path / "a.nii", volume(5, 7, 3))
    rewritten(source, tmp_path / "out.nii.gz", 1)
    assert gzip.decompress((tmp_path / "out.nii.gz").read_bytes())[344:347] == b"n+1"
    np.testing.assert_array_equal(frames_of(tmp_path / "out.nii.gz"), frames_of(source))


def test_sides_that_nifti_cannot_count_are_refused(tmp_path):
    source = save(tmp_path / "a.nii", volume(9000, 1))
    with pytest.raises(InputError, match="NIfTI-2"):
        rewritten(source, tmp_path / "out.nii", 4)
    rewritten(save(tmp_path / "b.nii", volume(9000, 1), nibabel.Nifti2Image), tmp_path / "c.nii", 4)


def test_rgb_is_refused(tmp_path):
    rgb = np.zeros((5, 7, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match=r"a\.nii: .* expected one or more planes of integer"):
        open_recording(save(tmp_path / "a.nii", rgb))


# Of the last, only the end of gzip's checksum is cut: all pixels are there, maybe wrong ones.
@pytest.mark.parametrize(("name", "kept"), [("a.nii", 200), ("a.nii", -100), ("a.nii.gz", -4)])
def test_a_file_cut_off_is_an_input_error(tmp_path, name, kept):
    source = save(tmp_path / name, volume(50, 70, 3))
    source.write_bytes(source.read_bytes()[:kept])
    with pytest.raises(InputError, match=f"{name}: cannot be read as NIfTI"):
        frames_of(source)


def test_uncompressed_values_are_not_read_before_they_are_asked_for(tmp_path):
    recording = open_recording(save(tmp_path / "a.nii", volume(50, 70, 3)))
    assert isinstance(recording._planes, np.memmap)
