import os

import pytest

from echojax.errors import InputError
from echojax.media import folders
from tests.media import test_metaimage
from tests.media.rewriting import noise


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"nothing")
    return folder


def test_what_is_no_recording_is_named_by_reason_with_its_number(tmp_path):
    fill(tmp_path, "a.png", "1.npy", "2.npy", "deep/3.txt", "deep/4.npy", "README")
    known, unknown = folders.left_alone([tmp_path], tmp_path / "out")
    assert known == (
        f"Left alone, of no format that is known: 4 files, {tmp_path / '1.npy'}, "
        f"{tmp_path / '2.npy'}, {tmp_path / 'deep/3.txt'} and 1 more"
    )
    assert unknown == f"Left alone, without a suffix and no DICOM: 1 file, {tmp_path / 'README'}"


def test_what_nobody_asked_for_is_no_news(tmp_path):
    fill(tmp_path, "a.png", ".hidden.npy", ".git/b.npy", "out/c.npy", "Thumbs.db")
    test_metaimage.save(tmp_path / "d.mhd", noise(3, 12, 16))
    assert (tmp_path / "d.raw").is_file()
    assert folders.left_alone([tmp_path], tmp_path / "out") == []
    found = folders.found([tmp_path], tmp_path / "out")
    assert [str(name) for _, name in found] == ["a.png", "d.mhd"]


def test_a_file_in_two_folders_that_are_named_counts_once(tmp_path):
    fill(tmp_path, "deep/1.npy")
    (line,) = folders.left_alone([tmp_path, tmp_path / "deep"], tmp_path / "out")
    assert "1 file," in line


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_that_may_not_be_read_is_called_that(tmp_path, monkeypatch):
    fill(tmp_path, "scan")
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "scan")  # root may read all
    (line,) = folders.left_alone([tmp_path], tmp_path / "out")
    assert line == f"Left alone, may not be read: 1 file, {tmp_path / 'scan'}"


def test_a_folder_without_a_recording_is_refused(tmp_path):
    fill(tmp_path, "1.npy")
    with pytest.raises(InputError, match="holds no recording"):
        folders.found([tmp_path], tmp_path / "out")
