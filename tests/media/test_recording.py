import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.media import check_target, is_supported, open_recording, stem, written_files
from tests.media import test_clips, test_dicom, test_images, test_metaimage, test_nifti
from tests.media.rewriting import DESCRIPTION, noise, repeated, rewritten

NAMES = [
    "a.png",
    "a.jpg",
    "a.tif",
    "a.bmp",
    "a.webp",
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
# One name for every way of writing: of the others, each shares its code with one of these.
WRITERS = ["a.png", "a.tif", "deep.tif", "a.nii.gz", "a.mhd", "a.dcm", "a.mp4", "a.gif"]
ONE = ("a.png", "a.jpg", "a.bmp", "a.webp", "deep.png", "deep.tif")
SEVERAL = [name for name in NAMES if name not in ONE]


def save(path):
    """A small recording, of three frames if its format has frames."""
    frames = noise(3, 16, 24)
    suffix = path.suffix
    if path.stem == "deep":
        test_images.save(path, noise(16, 24, 3, dtype=np.uint16))
    elif suffix in (".png", ".jpg", ".bmp", ".webp"):
        test_images.save(path, frames[0])
    elif suffix in (".tif", ".gif"):
        test_images.save_pages(path, frames)
    elif suffix in (".nii", ".gz"):
        test_nifti.save(path, frames.T)
    elif suffix in (".mhd", ".mha"):
        test_metaimage.save(path, frames)
    elif suffix == ".dcm":
        test_dicom.save(path, test_dicom.dataset(frames))
    else:
        codec, pixels = ("mjpeg", "yuvj420p") if suffix == ".avi" else ("libx264", "yuv420p")
        test_clips.save(path, test_clips.beating(3, 16, 24), codec, pixels)
    return path


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_enlarged_into_folders_that_are_made_and_into_known_files(tmp_path, name):
    source = save(tmp_path / name)
    opened = open_recording(source)
    assert opened.path in opened.files
    assert set(opened.files) == set(tmp_path.iterdir())
    target = tmp_path / "new" / "folder" / name
    again = rewritten(source, target, 4)
    assert again.shape == (64, 96, *opened.shape[2:])
    assert again.dtype == opened.dtype
    assert again.count == opened.count
    frames = list(again.frames())
    assert len(frames) == (3 if name in SEVERAL else 1)
    assert all(frame.shape == again.shape and frame.dtype == again.dtype for frame in frames)
    assert {target} <= set(target.parent.iterdir()) <= set(written_files(target))


@pytest.mark.parametrize("name", WRITERS)
def test_a_recording_may_take_the_place_of_its_source(tmp_path, name):
    source = save(tmp_path / name)
    assert rewritten(source, source, 2).shape[:2] == (32, 48)


# Stopped before its first frame, each of these two closes its file in a way of its own.
@pytest.mark.parametrize(
    ("name", "fails_at"), [*((name, 1) for name in WRITERS), ("a.tif", 0), ("a.mp4", 0)]
)
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


@pytest.mark.parametrize("name", ["a.png", "a.mhd"])  # MetaImage has a `write` of its own
def test_frames_of_wrong_shape_or_dtype_are_a_programming_error(tmp_path, name):
    source = save(tmp_path / name)
    recording = open_recording(source)
    before = contents(tmp_path)
    target = tmp_path / f"new{source.suffix}"
    with pytest.raises(ValueError, match="frame 1 is"):
        recording.write(target, recording.frames(), 4, DESCRIPTION)
    wrong = (frame.astype(np.float64) for frame in recording.frames())
    with pytest.raises(ValueError, match="frame 1 is float64"):
        recording.write(target, wrong, 1, DESCRIPTION)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "a.mp4"])  # does not count
def test_another_number_of_frames_is_a_programming_error(tmp_path, name):
    source = save(tmp_path / name)
    recording = open_recording(source)
    frames = list(recording.frames())
    target = tmp_path / f"new{''.join(source.suffixes)}"
    for wrong in (frames[:-1], [*frames, frames[0]]):
        with pytest.raises(ValueError, match=r"\d frames? for|argument 2 is longer"):
            recording.write(target, wrong, 1, DESCRIPTION)
    assert not target.exists()


@pytest.mark.parametrize("name", WRITERS)
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


TEXT = "These are not the pixels you are looking for.\n" * 20
READERS = ["a.png", "a.tif", "a.nii", "a.nii.gz", "a.mhd", "a.dcm", "a.avi", "a.mp4", "a.gif"]


@pytest.mark.parametrize("content", [TEXT, ""], ids=["text", "empty"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_not_as_it_is_named_is_an_input_error_of_one_line(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"{name}: cannot be read as") as caught:
        open_recording(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"b\.png: no such file"):
        open_recording(tmp_path / "b.png")


def test_an_unknown_suffix_is_an_input_error_that_lists_the_known(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"a\.txt: not a known format; expected \.png, .*DICOM"):
        open_recording(tmp_path / "a.txt")


def test_a_recording_is_known_by_its_suffix_whether_it_exists_or_not(tmp_path):
    known = {*NAMES, "A.PNG", "A.NII.GZ", "b.jpeg", "b.tiff", "b.dicom"}
    others = {"a.txt", "a.gz", "a", "nii", "a.raw"}
    assert {name for name in known | others if is_supported(tmp_path / name)} == known
    for name in others:
        (tmp_path / name).write_bytes(b"\0" * 200)
    assert not {name for name in others if is_supported(tmp_path / name)}


def test_a_file_that_may_not_be_opened_does_not_stop_a_search(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"\0" * 200)

    def refuse(path, *args):
        raise PermissionError(path)

    monkeypatch.setattr(Path, "open", refuse)
    assert not is_supported(tmp_path / "a")


def test_only_dicom_may_be_called_anything(tmp_path):
    check_target(save(tmp_path / "a.dcm"), Path("1.2.840.113"))
    with pytest.raises(InputError, match=r"a\.png cannot be written in this format"):
        check_target(save(tmp_path / "a.png"), Path("out.v2"))


def test_the_stem_is_the_name_without_the_suffix_of_the_format():
    stems = {"a.png": "a", "a.b.DCM": "a.b", "a.nii.gz": "a", "1.2.840.1": "1.2.840.1"}
    assert {name: stem(Path("in") / name) for name in stems} == stems


@pytest.mark.parametrize("name", WRITERS)
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
