"""Files made to harm: each becomes one line that names it, before much memory is taken."""

import gzip
import io
import struct
import warnings
import zlib

import nibabel
import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from echojax.errors import InputError
from echojax.media import limits, open_recording
from tests.media import test_dicom, test_metaimage, test_nifti, test_recording
from tests.media.rewriting import DESCRIPTION, frames_of, noise, repeated, rewritten

TOO_LARGE = "more than 33,554,432; if you trust the file, set ECHOJAX_MAX_PIXELS="


def refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        list(open_recording(path).frames())
    assert path.name in str(caught.value)
    assert str(caught.value).isprintable()  # which a line break is not, nor what colours a terminal


def stating(folder, **fields):
    """A MetaImage file whose header has other fields."""
    path = test_metaimage.save(folder / "a.mhd", noise(3, 7, 5))
    lines = [line.split(" = ") for line in path.read_text().splitlines()]
    header = dict(lines) | fields
    header |= {"ElementDataFile": header.pop("ElementDataFile")}  # the last
    path.write_text("".join(f"{key} = {value}\n" for key, value in header.items()))
    return path


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a.raw", "b/../../a.raw", "", ".", "\x1b[31ma.raw"]
)
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


def sized(path, rows, columns):
    """A PNG or GIF that claims other sides than it has."""
    Image.fromarray(noise(16, 24)).save(path)
    content = bytearray(path.read_bytes())
    if path.suffix == ".png":
        content[16:24] = struct.pack(">II", columns, rows)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    else:
        content[6:10] = struct.pack("<HH", columns, rows)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_an_image_larger_than_the_ceiling_is_refused_with_the_way_out(tmp_path, name):
    refused(sized(tmp_path / name, 65_000, 60_000), f"65,000 x 60,000 pixels, {TOO_LARGE}39000000")


def test_an_image_that_its_bytes_cannot_hold_is_refused(tmp_path):
    path = sized(tmp_path / "a.png", 5000, 5000)
    refused(path, r"its \d+ bytes cannot hold 5,000 x 5,000 pixels; it is cut off or damaged")
    source = io.BytesIO()
    Image.fromarray(noise(16, 24)).save(source, "JPEG")
    content = source.getvalue().replace(struct.pack(">HH", 16, 24), struct.pack(">HH", 5000, 6000))
    (tmp_path / "a.jpg").write_bytes(content)
    refused(tmp_path / "a.jpg", "bytes cannot hold 5,000 x 6,000 pixels")


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_empty_image_that_packs_as_well_as_possible_is_read(tmp_path, mode, suffix):
    image = Image.new("L" if (mode, suffix) == ("1", ".jpg") else mode, (3000, 3000))
    image.save(tmp_path / f"a{suffix}", optimize=True)
    assert frames_of(tmp_path / f"a{suffix}").max() == 0


def test_no_page_of_a_tiff_is_larger_than_the_ceiling(tmp_path, monkeypatch):
    pages = [Image.fromarray(noise(*shape)) for shape in ((7, 9), (70, 90))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    monkeypatch.setenv(limits.SETTING, "100")
    refused(tmp_path / "a.tif", "70 x 90 pixels, more than 100")


@pytest.mark.parametrize("name", [*test_recording.NAMES])
def test_the_ceiling_is_one_setting_for_every_format(tmp_path, monkeypatch, name):
    path = test_recording.save(tmp_path / name)
    monkeypatch.setenv(limits.SETTING, "383")
    refused(path, "16 x 24 pixels, more than 383; .* set ECHOJAX_MAX_PIXELS=384")
    monkeypatch.setenv(limits.SETTING, "384")
    list(open_recording(path).frames())
    monkeypatch.setenv(limits.SETTING, "many")
    with pytest.raises(InputError, match="ECHOJAX_MAX_PIXELS is 'many'; expected a positive"):
        list(open_recording(path).frames())


def test_a_gif_of_many_large_frames_is_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    pages = [Image.fromarray(noise(16, 24, seed=number)) for number in range(17)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    monkeypatch.setenv(limits.SETTING, "407")
    refused(path, "17 frames of 16 x 24 pixels, more than 6,512 in all; .*MAX_PIXELS=408")
    monkeypatch.setenv(limits.SETTING, "408")
    assert len(frames_of(path)) == 17


def test_a_larger_ceiling_replaces_that_of_pillow(tmp_path, monkeypatch):
    """Which warns above its own, and refuses above twice that."""
    path = tmp_path / "a.png"
    Image.fromarray(noise(16, 24)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(frames_of(path)[0], noise(16, 24))
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_nifti_of_thousands_of_times_its_size_is_refused(tmp_path):
    path = test_nifti.save(tmp_path / "a.nii.gz", noise(5, 7, 3))
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(1 << 20)) * 256)
    refused(path, "unpacks to more than 268,435,456 bytes; .* set ECHOJAX_MAX_PIXELS above")


def test_a_metaimage_of_thousands_of_times_its_size_is_refused(tmp_path):
    path = stating(tmp_path, CompressedData="True")
    path.with_suffix(".raw").write_bytes(zlib.compress(bytes(1 << 24)))
    refused(path, r"a\.raw does not unpack to 105 bytes")


def test_a_dicom_file_deflated_is_read_but_not_beyond_the_ceiling(tmp_path, monkeypatch):
    made = test_dicom.dataset(noise(3, 7, 9))
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = test_dicom.save(tmp_path / "a.dcm", made)
    rewritten(path, tmp_path / "out.dcm", 4)
    np.testing.assert_array_equal(
        frames_of(tmp_path / "out.dcm"), noise(3, 7, 9).repeat(4, 1).repeat(4, 2)
    )
    made.add_new(0x00091001, "OB", bytes(1 << 24))
    test_dicom.save(path, made)
    assert path.stat().st_size < 1 << 18
    monkeypatch.setenv(limits.SETTING, "1000000")
    refused(path, "unpacks to .* bytes, more than 8,000,000")


@pytest.mark.parametrize("syntax", [RLELossless, JPEGBaseline8Bit])
def test_a_compressed_frame_of_dicom_holds_no_more_than_it_says(tmp_path, syntax):
    made = test_dicom.dataset(noise(16, 24))
    if syntax == RLELossless:
        frame = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 5000
    else:
        source = io.BytesIO()
        Image.fromarray(noise(160, 240)).save(source, "JPEG")
        frame = source.getvalue()
    made.PixelData = encapsulate([frame])
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = syntax
    refused(test_dicom.save(tmp_path / "a.dcm", made), "frame 1 is not 16 x 24 pixels")


def test_fewer_frames_than_dicom_counts_are_an_input_error(tmp_path):
    made = test_dicom.dataset(noise(3, 7, 9))
    made.compress(RLELossless, generate_instance_uid=False)
    made.NumberOfFrames = 5
    refused(test_dicom.save(tmp_path / "a.dcm", made), "cannot be read as DICOM")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PhotometricInterpretation", None), ("SOPInstanceUID", None), ("PixelSpacing", ["0", "x"])],
)
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_dicom_without_what_is_expected_is_an_input_error(tmp_path, keyword, value):
    path = test_dicom.save(tmp_path / "a.dcm", test_dicom.dataset(noise(7, 9)))
    content = path.read_bytes()
    if value is None:
        element = {"PhotometricInterpretation": b"\x28\0\4\0", "SOPInstanceUID": b"\x08\0\x18\0"}
        content = content.replace(element[keyword], element[keyword][:2] + b"\x19\0")
    else:
        made = test_dicom.dataset(noise(7, 9), PixelSpacing=[0.5, 0.25])
        content = test_dicom.save(path, made).read_bytes().replace(b"0.5\\0.25", b"0.5\\abcd")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.dcm: cannot be read as DICOM"):
        rewritten(path, tmp_path / "out.dcm", 4)
    assert not (tmp_path / "out.dcm").exists()


def test_an_element_of_dicom_of_an_unknown_kind_is_an_input_error(tmp_path):
    path = test_dicom.save(tmp_path / "a.dcm", test_dicom.dataset(noise(7, 9)))
    path.write_bytes(path.read_bytes().replace(b"\x10\0\x10\0PN", b"\x10\0\x10\0??"))
    with pytest.raises(InputError, match=r"a\.dcm: "):
        rewritten(path, tmp_path / "out.dcm", 4)


def test_quaternions_that_make_no_rotation_are_an_input_error(tmp_path):
    path = test_nifti.save(tmp_path / "a.nii", noise(5, 7, 3))
    content = bytearray(path.read_bytes())
    content[256:268] = struct.pack("<3f", 9, 9, 9)  # quatern_b, c and d
    path.write_bytes(content)
    recording = open_recording(path)
    frames = (repeated(frame, 4) for frame in recording.frames())
    with pytest.raises(InputError, match=r"a\.nii: cannot be read as NIfTI"):
        recording.write(tmp_path / "out.nii", frames, 4, DESCRIPTION)


@pytest.mark.parametrize("shape", [[1, 30], [2, 30, 0], [2, 32767, 32767], [0]])
def test_a_nifti_header_without_planes_or_beyond_its_bytes_is_an_input_error(tmp_path, shape):
    path = test_nifti.save(tmp_path / "a.nii", noise(5, 7, 3))
    content = bytearray(path.read_bytes())
    content[40:56] = struct.pack("<8h", *shape, *[1] * (8 - len(shape)))
    path.write_bytes(content)
    assert nibabel.Nifti1Header(bytes(content[:348]), check=False)["dim"][0] == shape[0]
    refused(path, r"a\.nii: ")


def test_fractions_of_0_by_0_in_exif_are_left_out(tmp_path):
    exif, stated = Image.Exif(), TiffImagePlugin.IFDRational(72, 1)
    exif[ExifTags.Base.Make], exif[ExifTags.Base.XResolution] = "Vivid", stated
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.ExposureTime] = stated
    details[ExifTags.Base.LensSpecification] = (stated,) * 4
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(16, 24)).save(path, exif=exif)
    content = path.read_bytes()
    assert content.count(struct.pack(">LL", 72, 1)) == 6
    path.write_bytes(content.replace(struct.pack(">LL", 72, 1), bytes(8)))
    for target in ("out.jpg", "out.png"):
        rewritten(path, tmp_path / target, 4)
        with Image.open(tmp_path / target) as image:
            assert dict(image.getexif()).keys() >= {ExifTags.Base.Make}
            assert ExifTags.Base.XResolution not in image.getexif()
            assert not image.getexif().get_ifd(ExifTags.IFD.Exif)
