import dataclasses
import json
import os
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from echojax.data import natural
from echojax.data.div2k import prepare_div2k
from echojax.errors import EchojaxError, InputError


def colours(seed, rows=100, columns=130):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), np.uint8)


def gray(seed, rows=100, columns=130):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)


def luma(image):
    """ITU-R BT.601 of 8-bit RGB, as float."""
    return image @ np.array([0.299, 0.587, 0.114])


def write(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def records(data_dir, name):
    """What the dataset holds, as TFDS reads it."""
    builder = tfds.builder_from_directory(data_dir / "images" / name / "1.0.0")
    return list(builder.as_data_source(split="train"))


def pixels(images):
    return [images.image(k) for k in range(len(images))]


def fill(folder):
    """Two gray images and a colour one."""
    for name, image in (("a", gray(0)), ("b", colours(1)), ("c", gray(2, 120, 97))):
        write(folder / f"{name}.png", image)
    return folder


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "photos")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def spoil(path):
    path.write_bytes(path.read_bytes()[:300])


def entries(data):
    """What lies in a data folder."""
    return sorted(p.name for p in data.rglob("*")) if data.exists() else []


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The data directory of a prepared folder, which tests only read."""
    root = tmp_path_factory.mktemp("photos")
    natural.prepare(fill(root / "photos"), root / "data", "photos")
    return root / "data"


def test_images_come_gray_in_the_order_of_their_files_and_are_kept_in_colour(folder, data, capsys):
    natural.prepare(folder, data, "photos")
    images = natural.open_images(data, "photos")
    assert capsys.readouterr().out == ""
    assert len(images) == 3
    assert all(image.dtype == np.uint8 for image in pixels(images))
    np.testing.assert_array_equal(images.image(0), gray(0))
    np.testing.assert_allclose(images.image(1), luma(colours(1)), atol=0.51)
    np.testing.assert_array_equal(images.image(2), gray(2, 120, 97))
    stored = {record["file"]: record["image"] for record in records(data, "photos")}
    np.testing.assert_array_equal(stored[b"b.png"], colours(1))


def test_common_formats_are_found_in_subfolders(tmp_path, data):
    """Turned as EXIF says, and scaled to 8 bit."""
    for k, name in enumerate(("1.PNG", "2.bmp", "x/3.webp", "x/4.tif", "x/y/5.jpg", "x/6.jpeg")):
        lossless = {"lossless": True} if name.endswith("webp") else {}
        write(tmp_path / "all" / name, gray(k)[..., None].repeat(3, -1), **lossless)
    (tmp_path / "all" / "readme.txt").write_text("not an image")
    write(tmp_path / "all" / "x" / "._3.png", gray(9))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    write(tmp_path / "all" / "turned.png", gray(7), exif=exif)
    dark = gray(8) // 2  # the range is that of the type, not of the image
    write(tmp_path / "all" / "deep.png", dark.astype(np.uint16) * 257 + np.uint16(100))
    assert natural.prepare(tmp_path / "all", data, "all").images == 8
    found = dict(
        zip(
            (record["file"].decode() for record in records(data, "all")),
            pixels(natural.open_images(data, "all")),
            strict=True,
        )
    )
    in_order = ["1.PNG", "2.bmp", "deep.png", "turned.png"]
    assert list(found) == [*in_order, "x/3.webp", "x/4.tif", "x/6.jpeg", "x/y/5.jpg"]
    for k, name in enumerate(("1.PNG", "2.bmp", "x/3.webp", "x/4.tif")):
        np.testing.assert_array_equal(found[name], gray(k))
    np.testing.assert_array_equal(found["turned.png"], np.rot90(gray(7), -1))
    np.testing.assert_array_equal(found["deep.png"], dark)


def test_every_crop_of_96_pixels_lies_in_a_part_of_at_most_480(tmp_path, data):
    shape = (577, 1356)
    image = gray(0, *shape)
    write(tmp_path / "large" / "a.png", image)
    summary = natural.prepare(tmp_path / "large", data, "large")
    begins_here = np.zeros(shape, bool)
    parts = pixels(natural.open_images(data, "large"))
    for record, part in zip(records(data, "large"), parts, strict=True):
        top, left, (rows, columns) = record["top"], record["left"], part.shape
        np.testing.assert_array_equal(part, image[top : top + rows, left : left + columns])
        assert max(part.shape) <= 480
        begins_here[top : top + rows - 95, left : left + columns - 95] = True
    assert begins_here[: shape[0] - 95, : shape[1] - 95].all()
    assert summary.smallest_side == min(min(part.shape) for part in parts)
    assert (summary.images, summary.parts) == (1, len(parts))


def test_parts_are_not_more_than_needed(tmp_path, data):
    """480 pixels are one part; 481 are two, which share about 96."""
    for name, columns in (("a", 480), ("b", 481)):
        write(tmp_path / "large" / f"{name}.png", gray(0, 100, columns))
    natural.prepare(tmp_path / "large", data, "large")
    sides = [part.shape[1] for part in pixels(natural.open_images(data, "large"))]
    assert sides == [480, 289, 289]


def test_small_images_are_left_out_and_counted(folder, data):
    write(folder / "tiny.png", gray(5, 95, 400))
    write(folder / "just.png", gray(5, 96, 96))
    summary = natural.prepare(folder, data, "photos")
    assert (summary.images, summary.too_small, summary.smallest_side) == (4, 1, 96)
    assert natural.open_images(data, "photos").smallest_side == 96


def test_bad_files_are_all_named(folder, data):
    for name in ("a.png", "c.png"):
        spoil(folder / name)
    with pytest.raises(InputError, match=r"^a\.png: .*; c\.png: .*--skip-bad") as error:
        natural.prepare(folder, data, "photos")
    assert "PNG" in str(error.value)
    assert entries(data) == []


def test_bad_files_left_out_are_remembered(folder, data):
    spoil(folder / "a.png")
    summary = natural.prepare(folder, data, "photos", skip_bad=True)
    assert [entry.file for entry in summary.left_out] == ["a.png"]
    assert "a.png: cannot be read as PNG" in summary.as_text()
    assert len(natural.open_images(data, "photos")) == 2
    metadata = json.loads((data / "images/photos/1.0.0/metadata.json").read_text())
    assert metadata["left_out"] == [dataclasses.asdict(summary.left_out[0])]


def test_folders_without_a_usable_image_are_input_errors(tmp_path, data):
    empty, small, bad = (tmp_path / name for name in ("empty", "small", "bad"))
    empty.mkdir()
    write(small / "a.png", gray(0, 50, 50))
    write(bad / "a.png", gray(0))
    spoil(bad / "a.png")
    for source, why in (
        (tmp_path / "nowhere", "no such folder"),
        (empty, "no images; expected"),
        (small, "not one image has 96 pixels"),
        (bad, "a.png: cannot be read"),
    ):
        with pytest.raises(InputError, match=why):
            natural.prepare(source, data, "photos", skip_bad=True)
    assert entries(data) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "1.0", "a" * 65])
def test_names_that_are_no_plain_word_are_refused(folder, data, name):
    with pytest.raises(InputError, match="expected up to 64 letters"):
        natural.prepare(folder, data, name)
    assert not data.exists()


def test_existing_dataset_is_replaced_only_if_asked_and_by_a_whole_one(folder, data):
    natural.prepare(folder, data, "photos")
    natural.prepare(folder, data, "others")
    with pytest.raises(InputError, match="there is a dataset already; pass --overwrite"):
        natural.prepare(folder, data, "photos")
    spoil(folder / "a.png")
    with pytest.raises(InputError, match="cannot be read"):
        natural.prepare(folder, data, "photos", overwrite=True)
    assert len(natural.open_images(data, "photos")) == 3
    (folder / "a.png").unlink()
    natural.prepare(folder, data, "photos", overwrite=True)
    assert len(natural.open_images(data, "photos")) == 2
    assert len(natural.open_images(data, "others")) == 3
    assert [p.name for p in data.iterdir()] == ["images"]


def test_missing_dataset_names_the_command_that_makes_it(data):
    with pytest.raises(InputError, match=r"echojax prepare images --from DIR --name photos --data"):
        natural.open_images(data, "photos")
    with pytest.raises(InputError, match=r"echojax prepare div2k.*data.vision.*--name div2k --da"):
        natural.open_images(data, "div2k")


def test_images_taken_are_a_source_that_is_not_read_yet(photos):
    images = natural.open_images(photos, "photos")
    some = images.take([2, 1])
    assert len(some) == 2
    assert some.smallest_side == images.smallest_side == 97
    np.testing.assert_array_equal(some.image(0), images.image(2))
    np.testing.assert_array_equal(some.take([1]).image(0), images.image(1))
    assert len(images.take([])) == 0
    with pytest.raises(IndexError):
        some.image(2)


def test_table_names_the_file_of_every_part(tmp_path, data):
    for name, columns in (("a", 900), ("b", 100)):
        write(tmp_path / "large" / f"{name}.png", gray(0, 100, columns))
    natural.prepare(tmp_path / "large", data, "large")
    images = natural.open_images(data, "large")
    files = [record["file"].decode() for record in records(data, "large")]
    assert images.table["file"].tolist() == files == ["a.png"] * 3 + ["b.png"]
    assert images.take([3, 0]).table["file"].tolist() == ["b.png", "a.png"]
    # Those of a dataset that did not record them are read.
    metadata = data / "images/large/1.0.0/metadata.json"
    stored = json.loads(metadata.read_text())
    del stored["files"]
    metadata.write_text(json.dumps(stored))
    assert natural.open_images(data, "large").table["file"].tolist() == files


def test_images_held_out_share_no_file_with_those_learned_from(tmp_path, data):
    for k in range(5):
        write(tmp_path / "large" / f"{k}.png", gray(k, 100, 900))  # three parts each
    natural.prepare(tmp_path / "large", data, "large")
    learned, held_out = natural.hold_out(natural.open_images(data, "large"), 2)
    assert len(learned) == 9
    shared = [
        (a[:, :96] == gray(k, 100, 900)[:, :96]).all() for k in (3, 4) for a in pixels(learned)
    ]
    assert not any(shared)
    assert [image.shape for image in pixels(held_out)] == [learned.image(0).shape] * 2
    for k, part in zip((3, 4), pixels(held_out), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(gray(k, 100, 900), part.shape)
        assert (windows == part).all(axis=(2, 3)).any()


def test_one_file_at_least_is_learned_from(photos):
    learned, held_out = natural.hold_out(natural.open_images(photos, "photos"), 16)
    assert (len(learned), len(held_out)) == (1, 2)


def test_fingerprint_is_that_of_the_pixels(folder, data):
    found = []
    for name in ("one", "two", "changed"):
        if name == "changed":
            write(folder / "a.png", gray(0) ^ np.eye(100, 130, dtype=np.uint8))
        natural.prepare(folder, data, name)
        found.append(natural.open_images(data, name).fingerprint())
    assert found[0] == found[1] != found[2]


def test_fingerprint_of_some_images_is_their_own(photos):
    images = natural.open_images(photos, "photos")
    chosen = ([0, 1, 2], [0, 1], [1, 0], [1, 2])
    assert len({images.take(indices).fingerprint() for indices in chosen}) == len(chosen)
    assert images.take([0, 1, 2]).fingerprint() == images.fingerprint()


@pytest.fixture
def tfds_div2k(tmp_path, data, monkeypatch):
    """The folder of a small DIV2K made by TFDS's own builder, its use of TensorFlow replaced."""
    folders = {key: tmp_path / key for key in ("train_lr", "train_hr", "valid_lr", "valid_hr")}
    for split, first in (("train", 0), ("valid", 2)):
        for k in (first, first + 1):
            hr = folders[f"{split}_hr"] / f"DIV2K_{split}_HR" / f"{k:04}.png"
            write(hr, colours(k, 64, 80))
            write(folders[f"{split}_lr"] / f"{k:04}x4.png", colours(k, 16, 20))
    div2k = tfds.builder_cls("div2k")
    gfile = SimpleNamespace(io=SimpleNamespace(gfile=SimpleNamespace(walk=os.walk)))
    monkeypatch.setattr(sys.modules[div2k.__module__], "tf", gfile)
    extracted = {f"{key}_url": str(folder) for key, folder in folders.items()}
    monkeypatch.setattr(
        tfds.download.DownloadManager, "download_and_extract", lambda manager, urls: extracted
    )
    builder = div2k(data_dir=data, config="bicubic_x4", file_format="array_record")
    builder.download_and_prepare(download_dir=tmp_path / "downloads")
    return data / "div2k" / "bicubic_x4" / "2.0.0"


def test_div2k_of_tfds_can_be_read_but_in_no_format_of_tensorflow(tfds_div2k, data):
    images = natural.open_images(data, "div2k")
    assert len(images) == 2
    assert images.smallest_side is None
    found = sorted(image.tobytes() for image in pixels(images))
    expected = [np.asarray(Image.fromarray(colours(k, 64, 80)).convert("L")) for k in range(2)]
    assert found == sorted(image.tobytes() for image in expected)
    assert [len(part) for part in natural.hold_out(images, 1)] == [1, 1]
    assert images.fingerprint() == natural.open_images(data, "div2k").fingerprint()
    info = tfds_div2k / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(InputError, match=r'stored as tfrecord.*file_format="array_record", or run'):
        natural.open_images(data, "div2k")


@pytest.fixture
def archive(tmp_path, folder):
    """A small DIV2K_train_HR.zip."""
    path = tmp_path / "server" / "DIV2K_train_HR.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        for image in folder.iterdir():
            file.write(image, f"DIV2K_train_HR/{image.name}")
    return path


def test_div2k_is_downloaded_and_prepared(archive, data, monkeypatch):
    monkeypatch.setattr("echojax.data.div2k._sha256", lambda url: None)
    summary = prepare_div2k(data, mirror=archive.parent.as_uri())
    assert summary.images == 3
    assert len(natural.open_images(data, "div2k")) == 3
    assert sorted(p.name for p in data.iterdir()) == ["downloads", "images"]
    with pytest.raises(InputError, match="there is a dataset already"):
        prepare_div2k(data, mirror=archive.parent.as_uri())


def test_div2k_is_only_the_archive_that_tfds_knows(archive, data):
    with pytest.raises(EchojaxError, match=r"sha256 .* not with 9d0b9c463f6e"):
        prepare_div2k(data, mirror=archive.parent.as_uri())
    assert not (data / "images").exists()


def test_div2k_that_cannot_be_downloaded_says_where_to_put_it(tmp_path, data):
    with pytest.raises(EchojaxError) as error:
        prepare_div2k(data, mirror=tmp_path.as_uri())
    assert f"put the file at {data / 'downloads' / 'DIV2K_train_HR.zip'} by hand" in str(
        error.value
    )
    assert "weights" not in str(error.value)


def test_damaged_archive_is_an_input_error(archive, data, monkeypatch):
    monkeypatch.setattr("echojax.data.div2k._sha256", lambda url: None)
    spoil(archive)
    with pytest.raises(InputError, match=r"DIV2K_train_HR.zip: no whole zip"):
        prepare_div2k(data, mirror=archive.parent.as_uri())
