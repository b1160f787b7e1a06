import zipfile

import numpy as np
import pytest

from echojax.data import archive, camus
from echojax.errors import InputError
from tests import camus_folders


def pack(path, folder, prefix="", method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for each in sorted(folder.rglob("*")):
            file.write(each, prefix + each.relative_to(folder).as_posix())
    return path


def add(path, name, content=b"nothing"):
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, content)
    return path


@pytest.mark.parametrize("prefix", ["", "CAMUS_public/", "resources/CAMUS public (1)/"])
@pytest.mark.parametrize("release", ["nifti_folder", "challenge_folder"])
def test_a_zip_file_becomes_the_dataset_of_its_folder(tmp_path, request, release, prefix):
    folder = request.getfixturevalue(release)
    source = pack(tmp_path / "camus.zip", folder, prefix)
    camus.prepare(source, tmp_path / "zipped")
    camus.prepare(folder, tmp_path / "plain")
    zipped, plain = camus.load(tmp_path / "zipped"), camus.load(tmp_path / "plain")
    assert len(zipped) == len(plain) > 0
    for one, other in zip(zipped.images, plain.images, strict=True):
        np.testing.assert_array_equal(one, other)
    for column, values in plain.table.items():
        np.testing.assert_array_equal(zipped.table[column], values)
    assert [path.name for path in (tmp_path / "zipped").iterdir()] == ["camus"]


def test_coherence_comes_along(tmp_path, nifti_folder):
    coherence = camus_folders.add_coherence(nifti_folder, "patient0002_2CH_ED")
    camus.prepare(pack(tmp_path / "camus.zip", nifti_folder), tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    found = frames.coherence[frames.ids.index("patient0002_2CH_ED")]
    np.testing.assert_array_equal(found, coherence)


def test_lists_of_the_official_split_come_along(tmp_path):
    folder = camus_folders.nifti_release(tmp_path / "CAMUS")
    listing = folder / "database_split" / "subgroup_testing.txt"
    listing.parent.mkdir(exist_ok=True)
    listing.write_text("patient0001\n")
    camus.prepare(pack(tmp_path / "camus.zip", folder), tmp_path / "data")
    frames = camus.load(tmp_path / "data")
    assert set(frames.split[frames.patient == "patient0001"]) == {"test"}


def test_nothing_leaves_its_folder_and_nothing_else_is_unpacked(tmp_path, nifti_folder):
    source = pack(tmp_path / "camus.zip", nifti_folder)
    for name in (
        "../patient0001/patient0001_2CH_ED.nii.gz/../../evil.txt",
        "../../evil.nii.gz",
        "/etc/evil.nii.gz",
        "database_nifti/../../evil.nii.gz",
        "database_nifti/patient0001/evil.exe",
        "__MACOSX/database_nifti/patient0001/._patient0001_2CH_ED.nii.gz",
        "database_nifti/patient0001/patient0001_2CH_half_sequence.nii.gz",
    ):
        add(source, name)
    (tmp_path / "data").mkdir()
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with archive.unpacked(source, tmp_path / "data") as folder:
        assert folder.parent == tmp_path / "data"
        inside = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        found = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    wanted = {
        p.relative_to(nifti_folder).as_posix() for p in nifti_folder.rglob("*") if p.is_file()
    }
    assert inside == wanted
    assert {path.relative_to(folder).as_posix() for path in found} == wanted
    assert not folder.exists()


def shorten(path):
    path.write_bytes(path.read_bytes()[:-500])


def scramble(path):
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [shorten, scramble])
def test_a_damaged_zip_file_is_an_error_that_names_it(tmp_path, nifti_folder, damage):
    source = pack(tmp_path / "camus.zip", nifti_folder)
    damage(source)
    with pytest.raises(InputError, match=r"camus\.zip: cannot be read as a zip file"):
        camus.prepare(source, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


FRAME = "database_nifti/patient0001/patient0001_2CH_ED.nii.gz"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"thesis.pdf": b""}, "holds no CAMUS release"),
        ({FRAME: bytes((1 << 26) + 1)}, "unpacks to 67,108,865 bytes; no CAMUS frame does"),
        ({f"a/{FRAME}": b"", f"b/{FRAME}": b""}, "is there twice"),
        (
            {f"a/{FRAME}": b"", "b/training/patient0002/patient0002_2CH_ED.mhd": b""},
            r"holds several releases \(a, b\)",
        ),
    ],
)
def test_what_is_no_release_is_refused_with_what_to_do(tmp_path, members, said):
    source = tmp_path / "camus.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(InputError, match=said):
        camus.prepare(source, tmp_path / "data")


def test_all_files_together_are_bounded(tmp_path, nifti_folder, monkeypatch):
    source = pack(tmp_path / "camus.zip", nifti_folder)
    monkeypatch.setattr(archive, "_TOTAL", 1000)
    with pytest.raises(InputError, match="CAMUS has less than 1,000"):
        camus.prepare(source, tmp_path / "data")
    monkeypatch.setattr(archive, "_MEMBERS", 3)
    with pytest.raises(InputError, match="expected CAMUS's few thousand"):
        camus.prepare(source, tmp_path / "data")


def test_a_rare_way_of_packing_is_refused_before_it_is_unpacked(tmp_path, nifti_folder):
    source = pack(tmp_path / "camus.zip", nifti_folder, method=zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match="packed in a rare way"):
        camus.prepare(source, tmp_path / "data")


def test_an_error_names_the_zip_file_and_not_where_it_was_unpacked(tmp_path, nifti_folder):
    for frame in nifti_folder.rglob("*_E[DS].nii.gz"):
        frame.write_bytes(b"no picture")
    source = pack(tmp_path / "camus.zip", nifti_folder)
    with pytest.raises(InputError, match=r"camus\.zip: not one frame"):
        camus.prepare(source, tmp_path / "data", skip_bad=True)


def test_a_file_that_is_no_zip_is_called_that(tmp_path):
    source = tmp_path / "camus.rar"
    source.write_bytes(b"Rar!")
    with pytest.raises(InputError, match=r"camus\.rar: cannot be read as a zip file"):
        camus.prepare(source, tmp_path / "data")
