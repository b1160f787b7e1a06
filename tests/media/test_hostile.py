"""Files made to harm: each becomes one line that names it, before much memory is taken."""

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.media import open_recording
from tests.media import test_metaimage
from tests.media.rewriting import noise


def refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        list(open_recording(path).frames())
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def stating(folder, **fields):
    """A MetaImage file whose header has other fields."""
    path = test_metaimage.save(folder / "a.mhd", noise(3, 7, 5))
    lines = [line.split(" = ") for line in path.read_text().splitlines()]
    header = dict(lines) | fields
    header |= {"ElementDataFile": header.pop("ElementDataFile")}  # the last
    path.write_text("".join(f"{key} = {value}\n" for key, value in header.items()))
    return path


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.raw", "b/../../a.raw", "", "."])
def test_a_header_reads_no_file_outside_its_folder(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.raw").write_bytes(noise(3, 7, 5).tobytes())
    refused(stating(tmp_path / "in", ElementDataFile=name), "lies outside its folder")
    refused(stating(tmp_path / "in", ElementDataFile=f"LIST\n{name or '..'}"), "lies outside")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"NDims": "-1"}, "NDims is -1"),
        ({"NDims": "99999999999999999999"}, "expected 1 whole numbers"),
        ({"DimSize": "5 7"}, "expected 3 whole numbers"),
        ({"DimSize": "5 7 0"}, "expected positive numbers"),
        ({"DimSize": "5 7 999999999"}, "too few"),
        ({"TransformMatrix": "1 " * 100_000}, "expected 9 numbers"),
        ({"TransformMatrix": "0 0 0 0 1 0 0 0 1"}, "do not span"),
        ({"ElementSpacing": "0.3 nan 1"}, "expected 3 numbers"),
        ({"ElementSpacing": "0.3 0 1"}, "expected positive lengths"),
        ({"Offset": "0 inf 0"}, "expected 3 numbers"),
        ({"ElementType": "MET_STRING"}, "expected gray or RGB"),
        ({"ElementNumberOfChannels": "2"}, "expected gray or RGB"),
        ({"HeaderSize": "-7"}, "HeaderSize is -7"),
        ({"BinaryData": "False"}, "its data is text"),
        ({"DimSize": "99999 99999 1", "CompressedData": "True"}, "ECHOJAX_MAX_PIXELS="),
        ({"DimSize": "5000 5000 99999", "CompressedData": "True"}, "ECHOJAX_MAX_PIXELS="),
        ({"CompressedData": "True"}, "cannot be read as MetaImage"),
    ],
)
def test_a_metaimage_header_is_bounded_before_it_is_trusted(tmp_path, fields, reason):
    refused(stating(tmp_path, **fields), reason)


def test_what_the_header_of_a_metaimage_skips_is_no_pixel(tmp_path):
    path = stating(tmp_path, HeaderSize="-1")
    data = path.with_suffix(".raw")
    data.write_bytes(b"before" + data.read_bytes())
    np.testing.assert_array_equal(list(open_recording(path).frames()), noise(3, 7, 5))
