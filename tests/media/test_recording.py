import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from echojax.errors import InputError
from echojax.media import check_target, is_supported, open_recording, stem, written_files
from tests.media import test_clips, test_dicom
from tests.media.rewriting import DESCRIPTION, noise, repeated, rewritten

NAMES = [
    "a.png",
    "a.jpg",
    "a.tif",
    "a.nii",
    "a.nii.gz",
    "a.mhd",
    "a.mha",
    "a.dcm",
    "a.avi",
    "a.mp4",
    "a.mov",
    "a.mkv",
    "a.gif",
    "deep.png",
    "deep.tif",
]
CLIPS = ["a.avi", "a.mp4", "a.mov", "a.mkv"]
SEVERAL = [name for name in NAMES if name not in ("a.png", "a.jpg", "deep.png", "deep.tif")]


def save(path):
    """A small recording, of three frames if its format has frames."""
    frames = noise(3, 16, 24)
    suffix = path.suffix
    if path.stem == "deep":
        image = SimpleITK.GetImageFromArray(noise(16, 24, 3, dtype=np.uint16), isVector=True)
        SimpleITK.WriteImage(image, str(path))
    elif suffix in (".png", ".jpg"):
        Image.fromarray(frames[0]).save(path)
    elif suffix in (".tif", ".gif"):
        images = [Image.fromarray(frame) for frame in frames]
        images[0].save(path, save_all=True, append_images=images[1:])
    elif suffix in (".nii", ".gz"):
        nibabel.save(nibabel.Nifti1Image(frames.T, np.eye(4)), path)
    elif suffix in (".mhd", ".mha"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(frames), str(path))
    elif suffix == ".dcm":
        test_dicom.save(path, test_dicom.dataset(frames))
    else:
        codec, pixels = ("mjpeg", "yuvj420p") if suffix == ".avi" else ("libx264", "yuv420p")
        test_clips.save(path, test_clips.beating(3, 16, 24), codec, pixels)
    return path


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_enlarged_into_folders_that_are_made(tmp_path, name):
    source = save(tmp_path / name)
    opened = open_recording(source)
    again = rewritten(source, tmp_path / "new" / "folder" / name, 4)
    assert again.shape == (64, 96, *opened.shape[2:])
    assert again.dtype == opened.dtype
    assert again.count == opened.count
    frames = list(again.frames())
    assert len(frames) == (3 if name in SEVERAL else 1)
    assert all(frame.shape == again.shape and frame.dtype == again.dtype for frame in frames)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_may_take_the_place_of_its_source(tmp_path, name):
    source = save(tmp_path / name)
    assert rewritten(source, source, 2).shape[:2] == (32, 48)


@pytest.mark.parametrize("fails_at", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_a_failure_leaves_nothing_behind_and_the_old_file_alone(tmp_path, name, fails_at):
    source = save(tmp_path / name)
    recording = open_recording(source)
    before = contents(tmp_path)

    def failing():
        for number, frame in enumerate(recording.frames()):
            if number == fails_at:
                break
            yield repeated(frame, 2)
        raise RuntimeError("out of memory")

    for target in (tmp_path / f"new{''.join(source.suffixes)}", source):
        with pytest.raises(RuntimeError, match="out of memory"):
            recording.write(target, failing(), 2, DESCRIPTION)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", NAMES)
def test_frames_of_wrong_shape_or_dtype_are_a_programming_error(tmp_path, name):
    source = save(tmp_path / name)
    recording = open_recording(source)
    before = contents(tmp_path)
    target = tmp_path / f"new{''.join(source.suffixes)}"
    with pytest.raises(ValueError, match="frame 1 is"):
        recording.write(target, recording.frames(), 4, DESCRIPTION)
    wrong = (frame.astype(np.float64) for frame in recording.frames())
    with pytest.raises(ValueError, match="frame 1 is float64"):
        recording.write(target, wrong, 1, DESCRIPTION)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CLIPS])
def test_another_number_of_frames_is_a_programming_error(tmp_path, name):
    source = save(tmp_path / name)
    recording = open_recording(source)
    frames = list(recording.frames())
    target = tmp_path / f"new{''.join(source.suffixes)}"
    for wrong in (frames[:-1], [*frames, frames[0]]):
        with pytest.raises(ValueError, match=r"\d frames? for|argument 2 is longer"):
            recording.write(target, wrong, 1, DESCRIPTION)
    assert not target.exists()


@pytest.mark.parametrize("name", NAMES)
def test_another_family_of_formats_is_refused_with_what_is_possible(tmp_path, name):
    source = save(tmp_path / name)
    recording = open_recording(source)
    other = tmp_path / ("b.gif" if not name.endswith("gif") else "b.png")
    check_target(source, tmp_path / f"new{''.join(source.suffixes)}")
    with pytest.raises(InputError, match=r"choose a name that ends in .*\."):
        check_target(source, other)
    with pytest.raises(InputError, match=r"choose a name that ends in .*\."):
        recording.write(other, recording.frames(), 1, DESCRIPTION)
    assert not other.exists()


@pytest.mark.parametrize("name", NAMES)
def test_text_is_an_input_error_of_one_line(tmp_path, name):
    path = tmp_path / name
    path.write_text("These are not the pixels you are looking for.\n" * 20)
    with pytest.raises(InputError, match=f"{name}: cannot be read as") as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file_is_an_input_error(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name}: cannot be read as"):
        open_recording(tmp_path / name)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"b\.png: no such file"):
        open_recording(tmp_path / "b.png")


def test_an_unknown_suffix_is_an_input_error_that_lists_the_known(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"a\.txt: not a known format; expected \.png, .*DICOM"):
        open_recording(tmp_path / "a.txt")


@pytest.mark.parametrize("name", [*NAMES, "A.PNG", "A.NII.GZ", "b.jpeg", "b.tiff", "b.dicom"])
def test_supported_names_need_not_exist(name):
    assert is_supported(Path(name))


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "a", "nii", "a.raw"])
def test_other_names_are_not_supported(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0" * 200)
    assert not is_supported(tmp_path / name)
    assert not is_supported(tmp_path / "folder" / name)


def test_only_dicom_may_be_called_anything(tmp_path):
    check_target(save(tmp_path / "a.dcm"), Path("1.2.840.113"))
    with pytest.raises(InputError, match=r"a\.png cannot be written in this format"):
        check_target(save(tmp_path / "a.png"), Path("out.v2"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", "a"), ("a.b.DCM", "a.b"), ("a.nii.gz", "a"), ("1.2.840.1", "1.2.840.1")],
)
def test_the_stem_is_the_name_without_the_suffix_of_the_format(name, expected):
    assert stem(Path("in") / name) == expected


@pytest.mark.parametrize("name", NAMES)
def test_all_files_are_known_before_they_are_written(tmp_path, name):
    recording = open_recording(save(tmp_path / name))
    assert recording.path in recording.files
    assert set(recording.files) == set(tmp_path.iterdir())
    target = tmp_path / "new" / name
    recording.write(target, recording.frames(), 1, DESCRIPTION)
    assert target in target.parent.iterdir()
    assert set(target.parent.iterdir()) <= set(written_files(target))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_cannot_be_made_is_an_os_error(tmp_path, name):
    """For a single one, `recordings` has the others go on; a RuntimeError would end them all."""
    source = save(tmp_path / name)
    recording = open_recording(source)
    with pytest.raises(OSError, match=r"^.+$"):
        recording.write(source / name, recording.frames(), 1, DESCRIPTION)
    with pytest.raises(OSError, match=r"^.+$"):  # a folder may be there and let nobody write
        recording._write(tmp_path / "missing" / name, recording.frames(), 1, DESCRIPTION)


def test_libraries_are_loaded_only_for_their_formats():
    code = (
        "import sys, echojax.media\n"
        "heavy = {'av', 'SimpleITK', 'nibabel', 'pydicom', 'PIL', 'jax'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
