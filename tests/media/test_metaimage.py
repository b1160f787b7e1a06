import numpy as np
import pytest
import SimpleITK

from echojax.errors import InputError
from echojax.media import open_recording, written_files
from tests.media.rewriting import DESCRIPTION, frames_of, noise, rewritten

TURNED = (0, -1, 0, 1, 0, 0, 0, 0, 1)


def save(path, array, compress=False, vector=False):
    image = SimpleITK.GetImageFromArray(array, isVector=vector)
    if image.GetDimension() == 3:
        image.SetDirection(TURNED)
    dimensions = image.GetDimension()
    image.SetSpacing((0.3, 0.2, 1.5, 0.02)[:dimensions])
    image.SetOrigin((5.0, -7.0, 9.0, 0.0)[:dimensions])
    image.SetMetaData("PatientName", "patient0001")
    SimpleITK.WriteImage(image, str(path), useCompression=compress)
    return path


@pytest.mark.parametrize(
    ("shape", "suffix", "compress"),
    [
        ((7, 5), ".mhd", False),
        ((3, 7, 5), ".mhd", True),
        ((2, 3, 7, 5), ".mha", False),
        ((3, 7, 5), ".mha", True),
    ],
)
def test_values_survive_exactly(tmp_path, shape, suffix, compress):
    stored = noise(*shape, dtype=np.int16)
    source = save(tmp_path / f"a{suffix}", stored, compress)
    again = rewritten(source, tmp_path / "new" / f"out{suffix}", 4)
    assert (again.shape, again.dtype) == ((28, 20), np.int16)
    assert again.count == int(np.prod(shape[:-2]))
    written = SimpleITK.ReadImage(str(tmp_path / "new" / f"out{suffix}"))
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(written), stored.repeat(4, -1).repeat(4, -2)
    )
    data = {".mha": set(), ".mhd": {"out.zraw" if compress else "out.raw"}}[suffix]
    assert {file.name for file in (tmp_path / "new").iterdir()} == {f"out{suffix}", *data}


def test_rgb_survives_exactly(tmp_path):
    stored = noise(3, 7, 5, 3)
    source = save(tmp_path / "a.mha", stored, vector=True)
    np.testing.assert_array_equal(frames_of(source), stored)
    rewritten(source, tmp_path / "out.mha", 4)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.mha"), stored.repeat(4, 1).repeat(4, 2))


def test_pixels_lie_where_they_lay(tmp_path):
    source = save(tmp_path / "a.mhd", noise(3, 7, 5))
    rewritten(source, tmp_path / "out.mhd", 4)
    old = SimpleITK.ReadImage(str(source))
    new = SimpleITK.ReadImage(str(tmp_path / "out.mhd"))
    assert new.GetSpacing() == pytest.approx((0.075, 0.05, 1.5))
    assert new.GetDirection() == TURNED
    # The middle of the 4 x 4 new pixels is the centre of the old one.
    after = new.TransformContinuousIndexToPhysicalPoint((2 * 4 + 1.5, 6 * 4 + 1.5, 1))
    assert after == pytest.approx(old.TransformIndexToPhysicalPoint((2, 6, 1)))


def test_what_the_header_says_is_kept_and_the_derivation_added(tmp_path):
    rewritten(save(tmp_path / "a.mhd", noise(7, 5)), tmp_path / "out.mhd", 4)
    header = (tmp_path / "out.mhd").read_text()
    assert "PatientName = patient0001" in header
    assert DESCRIPTION in header
    assert "ITK_" not in header


def test_mhd_may_become_mha(tmp_path):
    source = save(tmp_path / "a.mhd", noise(3, 7, 5))
    rewritten(source, tmp_path / "out.mha", 1)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.mha"), frames_of(source))


def test_black_and_white_are_judged_by_the_data(tmp_path):
    recording = open_recording(save(tmp_path / "a.mhd", np.array([[-3, 900]], np.int16)))
    assert (recording.low, recording.high) == (-3, 900)


def test_a_missing_data_file_is_named(tmp_path):
    source = save(tmp_path / "a.mhd", noise(7, 5))
    (tmp_path / "a.raw").unlink()
    with pytest.raises(InputError, match=r"its data file a\.raw is missing"):
        open_recording(source)


@pytest.mark.parametrize(("name", "cut"), [("a.mhd", "a.raw"), ("a.mha", "a.mha")])
def test_a_file_cut_off_is_an_input_error(tmp_path, name, cut):
    source = save(tmp_path / name, noise(70, 50))
    content = (tmp_path / cut).read_bytes()
    (tmp_path / cut).write_bytes(content[: int(len(content) * 0.9)])
    with pytest.raises(InputError, match=f"{name}: cannot be read as MetaImage"):
        open_recording(source)


def rename_data(header, old, new):
    (header.parent / old).rename(header.parent / new)
    header.write_bytes(header.read_bytes().replace(old.encode(), new.encode()))


def test_a_recording_is_its_header_and_its_data(tmp_path):
    header = save(tmp_path / "a.mhd", noise(7, 5))
    rename_data(header, "a.raw", "größe.raw")
    assert open_recording(header).files == (header, tmp_path / "größe.raw")
    alone = save(tmp_path / "b.mha", noise(7, 5))
    assert open_recording(alone).files == (alone,)


def test_a_header_may_list_a_data_file_for_every_frame(tmp_path):
    header = save(tmp_path / "a.mhd", noise(3, 7, 5))
    names = [f"{number}.raw" for number in range(3)]
    for name, frame in zip(names, noise(3, 7, 5), strict=True):
        (tmp_path / name).write_bytes(frame.tobytes())
    text = header.read_text().replace("= a.raw", "= LIST")
    header.write_text(text + "\n".join(names) + "\n")
    assert open_recording(header).files == (header, *(tmp_path / name for name in names))
    np.testing.assert_array_equal(frames_of(header), noise(3, 7, 5))
    (tmp_path / "1.raw").unlink()
    with pytest.raises(InputError, match=r"its data file 1\.raw is missing"):
        open_recording(header)


@pytest.mark.parametrize(
    ("name", "compress"), [("out.1.mhd", False), ("OUT.MHD", True), ("OUT.MHA", False)]
)
def test_nothing_is_written_but_what_the_name_tells(tmp_path, name, compress):
    recording = open_recording(save(tmp_path / "a.mhd", noise(7, 5), compress))
    target = tmp_path / "new" / name
    recording.write(target, recording.frames(), 1, DESCRIPTION)
    made = set(target.parent.iterdir())
    assert target in made
    assert made <= set(written_files(target))
    np.testing.assert_array_equal(frames_of(target), frames_of(tmp_path / "a.mhd"))
