import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

from echojax.errors import InputError
from echojax.media import is_supported, open_recording
from tests.media.rewriting import DESCRIPTION, frames_of, noise, repeated, rewritten

MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"  # Ultrasound Multi-frame Image Storage
SERIES, STUDY = generate_uid(), generate_uid()


def region(left, top, right, bottom, form=1, **more):
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = form, 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = 0.04, 0.02
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


def dataset(frames, photometric="MONOCHROME2", bits=None, signed=0, syntax=None, **more):
    """One frame (rows, columns[, 3]) or several."""
    colour = photometric[:3] in ("RGB", "YBR")
    plane = 3 if colour else 2
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = MULTIFRAME, generate_uid()
    made.SeriesInstanceUID, made.StudyInstanceUID = SERIES, STUDY
    made.PatientName, made.PatientID = "Doe^Jane", "1234"
    made.Modality = "US"
    made.ImageType = ["ORIGINAL", "PRIMARY", "TTE"]
    made.PhotometricInterpretation = photometric
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PlanarConfiguration = 0
    if frames.ndim > plane:
        made.NumberOfFrames, made.FrameTime, made.CineRate = len(frames), 20.0, 50
        made.FrameIncrementPointer = 0x00181063
    made.Rows, made.Columns = frames.shape[-plane : frames.ndim - plane + 2]
    made.BitsAllocated = 8 * frames.dtype.itemsize
    made.BitsStored = bits or made.BitsAllocated
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = signed
    pixels = frames.tobytes()
    made.add_new("PixelData", "OW", pixels + b"\0" * (len(pixels) % 2))
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


def save(path, made):
    made.save_as(path, enforce_file_format=True)
    return path


def derived(tmp_path, made, scale=4):
    """Source and result as pydicom reads them."""
    rewritten(save(tmp_path / "in.dcm", made), tmp_path / "out.dcm", scale)
    return pydicom.dcmread(tmp_path / "in.dcm"), pydicom.dcmread(tmp_path / "out.dcm")


@pytest.mark.parametrize(
    ("shape", "photometric", "dtype", "bits", "black", "white"),
    [
        ((7, 9), "MONOCHROME2", np.uint8, 8, 0, 255),
        ((3, 7, 9), "MONOCHROME2", np.uint16, 12, 0, 4095),
        ((7, 9), "MONOCHROME2", np.int16, 16, -32768, 32767),
        ((7, 9), "MONOCHROME1", np.uint16, 12, 0, 4095),
        ((3, 7, 9), "MONOCHROME1", np.uint16, 16, 0, 65535),
        ((3, 7, 9), "MONOCHROME1", np.int16, 16, -32768, 32767),
    ],
)
def test_gray_survives_exactly(tmp_path, shape, photometric, dtype, bits, black, white):
    stored = noise(*shape, dtype=dtype)
    if bits == 12:
        stored &= 4095
    stored[..., 0, 0], stored[..., -1, -1] = black, white
    source = save(tmp_path / "in.dcm", dataset(stored, photometric, bits, signed=int(black < 0)))
    opened = open_recording(source)
    assert (opened.low, opened.high, opened.dtype) == (black, white, dtype)
    assert (opened.shape, opened.count) == ((7, 9), 1 if stored.ndim == 2 else 3)
    shown = stored if photometric == "MONOCHROME2" else black + white - stored.astype(int)
    np.testing.assert_array_equal(frames_of(source), shown.reshape(-1, 7, 9))
    rewritten(source, tmp_path / "out.dcm", 4)
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert written.PhotometricInterpretation == photometric
    assert (written.BitsStored, written.HighBit) == (bits, bits - 1)
    assert (written.Rows, written.Columns) == (28, 36)
    np.testing.assert_array_equal(written.pixel_array, stored.repeat(4, -1).repeat(4, -2))


@pytest.mark.parametrize(
    ("photometric", "dtype", "bits", "ends", "expected"),
    [
        ("MONOCHROME2", np.int16, 16, (-999, 999), (-999, 999)),
        ("MONOCHROME2", np.uint16, 12, (3, 90), (0, 255)),
        ("MONOCHROME1", np.uint16, 16, (0, 511), (65535 - 511, 65535)),
        ("MONOCHROME1", np.int16, 16, (-999, 999), (-1000, 998)),
        ("RGB", np.uint16, 16, (7, 1000), (0, 1000)),
        ("MONOCHROME1", np.uint8, 8, (3, 90), (0, 255)),
    ],
)
def test_black_and_white_are_judged_by_all_frames(
    tmp_path, photometric, dtype, bits, ends, expected
):
    stored = np.full((3, 7, 9, 3) if photometric == "RGB" else (3, 7, 9), ends[0], dtype)
    stored[-1, -1, -1] = ends[1]
    made = dataset(stored, photometric, bits, signed=int(dtype == np.int16))
    source = save(tmp_path / "in.dcm", made)
    opened = open_recording(source)
    assert (opened.low, opened.high) == expected
    assert opened.low <= frames_of(source).min() < frames_of(source).max() <= opened.high
    rewritten(source, tmp_path / "out.dcm", 1)
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "out.dcm").pixel_array, stored)


@pytest.mark.parametrize(
    ("stated", "white"),
    [((0, 1023), 1023), ((0, 100), 511), ((1023, 0), 511), ((0, 5000), 511), ((0, None), 511)],
)
def test_a_larger_range_that_is_stated_and_possible_counts(tmp_path, stated, white):
    """A smaller one is out of date; to believe it would cut off what is brighter."""
    pixels = np.array([[0, 511]], np.uint16)
    made = dataset(pixels, bits=12)
    for which, value in zip(("Smallest", "Largest"), stated, strict=True):
        if value is not None:
            made.add_new(f"{which}ImagePixelValue", "US", value)
    opened = open_recording(save(tmp_path / "in.dcm", made))
    assert (opened.low, opened.high) == (0, white)


def test_rgb_survives_exactly(tmp_path):
    stored = noise(7, 9, 3)
    _, written = derived(tmp_path, dataset(stored, "RGB"))
    np.testing.assert_array_equal(written.pixel_array, repeated(stored, 4))
    assert written.PhotometricInterpretation == "RGB"


def test_planes_of_colour_are_read_and_written_by_pixel(tmp_path):
    stored = noise(3, 7, 9, 3)
    made = dataset(np.ascontiguousarray(np.moveaxis(stored, 3, 1)), "RGB")
    made.Rows, made.Columns, made.PlanarConfiguration = 7, 9, 1
    _, written = derived(tmp_path, made)
    assert written.PlanarConfiguration == 0
    np.testing.assert_array_equal(written.pixel_array, stored.repeat(4, -2).repeat(4, -3))


@pytest.mark.parametrize("compressed", [False, True])
def test_ybr_becomes_rgb(tmp_path, compressed):
    """Tolerance: 2 of 255, by the rounding of YBR."""
    rgb = noise(3, 8, 10, 3) // 2 + 60
    ybr = pydicom.pixels.convert_color_space(rgb, "RGB", "YBR_FULL")
    made = dataset(ybr, "YBR_FULL")
    if compressed:
        made.compress(RLELossless, generate_instance_uid=False)
    source = save(tmp_path / "in.dcm", made)
    assert np.abs(frames_of(source).astype(int) - rgb).max() <= 2
    rewritten(source, tmp_path / "out.dcm", 4)
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert written.PhotometricInterpretation == "RGB"
    np.testing.assert_array_equal(written.pixel_array, frames_of(source).repeat(4, 1).repeat(4, 2))


def test_jpeg_baseline_is_read_and_stays_marked_as_lossy(tmp_path):
    """Tolerance: 3 of 255 on average, by JPEG."""
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    frames = np.stack([np.stack([x * 3, y * 4, x + y], axis=2)] * 3).astype(np.uint8)
    streams = []
    for frame in frames:
        stream = io.BytesIO()
        Image.fromarray(frame).save(stream, "JPEG", quality=95)
        streams.append(stream.getvalue())
    made = dataset(frames, "YBR_FULL_422", LossyImageCompression="01")
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    made.PixelData = encapsulate(streams)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    source = save(tmp_path / "in.dcm", made)
    assert np.abs(frames_of(source).astype(int) - frames).mean() < 3
    rewritten(source, tmp_path / "out.dcm", 4)
    written = pydicom.dcmread(tmp_path / "out.dcm")
    assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert written.LossyImageCompression == "01"
    assert written.PhotometricInterpretation == "RGB"
    assert written.pixel_array.shape == (3, 192, 256, 3)


@pytest.mark.parametrize("entries", [8, 16])
def test_palette_colours_become_rgb(tmp_path, entries):
    index = noise(3, 7, 9)
    table = noise(3, 256, dtype=np.uint8, seed=1)
    made = dataset(index, "PALETTE COLOR")
    for colour, values in zip(("Red", "Green", "Blue"), table, strict=True):
        wide = values.astype(np.uint16) << (entries - 8)
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{colour}PaletteColorLookupTableData", wide.tobytes())
    _, written = derived(tmp_path, made)
    expected = np.moveaxis(table, 0, 1)[index]
    np.testing.assert_array_equal(written.pixel_array, expected.repeat(4, 1).repeat(4, 2))
    assert written.PhotometricInterpretation == "RGB"
    assert "RedPaletteColorLookupTableData" not in written


def test_an_odd_number_of_bytes_is_padded(tmp_path):
    """DICOM PS3.5, section 7.1.1: the length of a value is even."""
    save(tmp_path / "in.dcm", dataset(noise(7, 9)))
    rewritten(tmp_path / "in.dcm", tmp_path / "out.dcm", 1)
    content = (tmp_path / "out.dcm").read_bytes()
    length = content[content.find(b"\xe0\x7f\x10\x00OB\0\0") + 8 :][:4]
    assert int.from_bytes(length, "little") == 64


def test_upper_bits_are_no_part_of_the_image(tmp_path):
    stored = noise(7, 9, dtype=np.uint16)
    source = save(tmp_path / "in.dcm", dataset(stored, bits=12))
    np.testing.assert_array_equal(frames_of(source)[0], stored & 4095)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_older_encodings_become_explicit_little_endian(tmp_path, syntax):
    stored = noise(7, 9, dtype=np.uint16)
    big = syntax == ExplicitVRBigEndian
    made = dataset(stored.astype(">u2" if big else "<u2"), syntax=syntax)
    _, written = derived(tmp_path, made)
    assert open_recording(tmp_path / "in.dcm").dtype.isnative
    assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(written.pixel_array, repeated(stored, 4))


def test_patient_and_timing_are_kept_and_the_image_is_told_from_its_source(tmp_path):
    old, new = derived(tmp_path, dataset(noise(3, 7, 9)))
    for keyword in (
        "PatientName",
        "PatientID",
        "StudyInstanceUID",
        "SOPClassUID",
        "NumberOfFrames",
        "FrameTime",
        "CineRate",
        "FrameIncrementPointer",
    ):
        assert new[keyword] == old[keyword]
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
    assert new.SeriesInstanceUID != old.SeriesInstanceUID
    assert list(new.ImageType) == ["DERIVED", "SECONDARY", "TTE"]
    assert new.DerivationDescription == DESCRIPTION
    (source,) = new.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert source.ReferencedSOPClassUID == old.SOPClassUID


def test_a_series_stays_together(tmp_path):
    _, first = derived(tmp_path, dataset(noise(7, 9)))
    _, second = derived(tmp_path, dataset(noise(7, 9, seed=1)))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_spacing_shrinks_by_the_scale(tmp_path):
    measures, group = Dataset(), Dataset()
    measures.PixelSpacing = [0.2, 0.4]
    group.PixelMeasuresSequence = Sequence([measures])
    made = dataset(
        noise(7, 9),
        PixelSpacing=[0.3, 0.1],
        ImagerPixelSpacing=[0.5, 0.7],
        NominalScannedPixelSpacing=[1, 2],
        SharedFunctionalGroupsSequence=Sequence([group]),
        PerFrameFunctionalGroupsSequence=Sequence([group]),
    )
    _, new = derived(tmp_path, made)
    assert new.PixelSpacing == pytest.approx([0.075, 0.025])
    assert new.ImagerPixelSpacing == pytest.approx([0.125, 0.175])
    assert new.NominalScannedPixelSpacing == pytest.approx([0.25, 0.5])
    for groups in (new.SharedFunctionalGroupsSequence, new.PerFrameFunctionalGroupsSequence):
        assert groups[0].PixelMeasuresSequence[0].PixelSpacing == pytest.approx([0.05, 0.1])


def test_pixels_lie_where_they_lay(tmp_path):
    made = dataset(
        noise(7, 9),
        PixelSpacing=[0.4, 0.8],
        ImagePositionPatient=[10, 20, 30],
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
    )
    old, new = derived(tmp_path, made)

    def place(image, row, column):
        along = np.reshape(np.array(image.ImageOrientationPatient, float), (2, 3))
        down, right = image.PixelSpacing
        return np.array(image.ImagePositionPatient, float) + (column * right, row * down) @ along

    # The middle of the 4 x 4 new pixels is the centre of the old one.
    np.testing.assert_allclose(place(new, 2 * 4 + 1.5, 5 * 4 + 1.5), place(old, 2, 5))


def test_regions_are_the_rectangles_of_tissue_if_any_are_stated(tmp_path):
    assert open_recording(save(tmp_path / "in.dcm", dataset(noise(7, 9)))).regions == ()
    made = dataset(
        noise(60, 80),
        SequenceOfUltrasoundRegions=Sequence(
            [
                region(10, 5, 69, 49),
                region(0, 52, 79, 59, form=3),  # a Doppler trace
                region(20, 10, 29, 19),  # colour Doppler within the first
                region(70, 0, 200, 9),  # beyond the right border
            ]
        ),
    )
    found = open_recording(save(tmp_path / "in.dcm", made)).regions
    assert found == ((5, 50, 10, 70), (0, 10, 70, 80))
    assert (found[0].top, found[0].bottom, found[0].left, found[0].right) == (5, 50, 10, 70)


def test_regions_are_enlarged(tmp_path):
    tissue = region(10, 5, 69, 49, ReferencePixelX0=30, ReferencePixelY0=-2)
    made = dataset(noise(60, 80), SequenceOfUltrasoundRegions=Sequence([tissue]))
    rewritten(save(tmp_path / "in.dcm", made), tmp_path / "out.dcm", 4)
    (new,) = pydicom.dcmread(tmp_path / "out.dcm").SequenceOfUltrasoundRegions
    assert (new.RegionLocationMinX0, new.RegionLocationMinY0) == (40, 20)
    assert (new.RegionLocationMaxX1, new.RegionLocationMaxY1) == (279, 199)
    assert (new.PhysicalDeltaX, new.PhysicalDeltaY) == (0.01, 0.005)
    assert (new.ReferencePixelX0, new.ReferencePixelY0) == (120, -8)
    assert open_recording(tmp_path / "out.dcm").regions == ((20, 200, 40, 280),)


def test_what_describes_the_old_pixels_is_dropped(tmp_path):
    icon = dataset(noise(2, 2))
    made = dataset(
        noise(7, 9),
        IconImageSequence=Sequence([icon]),
        BurnedInAnnotation="YES",
    )
    made.add_new("SmallestImagePixelValue", "US", 3)
    made.add_new("LargestImagePixelValue", "US", 200)
    made.add_new(0x60000010, "US", 7)
    made.add_new(0x60003000, "OW", b"\0" * 8)
    _, new = derived(tmp_path, made)
    assert "IconImageSequence" not in new
    assert "SmallestImagePixelValue" not in new
    assert "LargestImagePixelValue" not in new
    assert 0x60003000 not in new
    assert new.BurnedInAnnotation == "YES"


def test_a_file_without_suffix_is_known_by_its_magic(tmp_path):
    for name in ("IM_0001", "1.2.840.113"):
        source = save(tmp_path / name, dataset(noise(7, 9)))
        assert is_supported(source)
        rewritten(source, tmp_path / f"{name}_enlarged", 4)
        assert frames_of(tmp_path / f"{name}_enlarged").shape == (1, 28, 36)


def test_frames_are_decoded_as_they_are_asked_for(tmp_path):
    """The last frame is damaged, the others are shown before it is reached."""
    made = dataset(noise(3, 16, 16))
    made.compress(RLELossless, generate_instance_uid=False)
    content = bytearray(save(tmp_path / "in.dcm", made).read_bytes())
    item = content.rfind(b"\xfe\xff\x00\xe0")  # the last of the compressed frames
    content[item + 8 : item + 12] = b"\x63\0\0\0"  # its number of segments
    (tmp_path / "in.dcm").write_bytes(content)
    frames = open_recording(tmp_path / "in.dcm").frames()
    assert next(frames).shape == (16, 16)
    assert next(frames).shape == (16, 16)
    with pytest.raises(InputError, match=r"in\.dcm: cannot be read as DICOM, RLE Lossless"):
        next(frames)


def test_a_compression_without_decoder_is_named(tmp_path):
    made = dataset(noise(7, 9))
    made.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    made.PixelData = encapsulate([b"\0" * 10])
    made["PixelData"].is_undefined_length = True
    with pytest.raises(InputError, match="compressed as JPEG Lossless, Non-Hierarchical, First"):
        open_recording(save(tmp_path / "in.dcm", made))


def test_a_report_is_no_recording(tmp_path):
    made = dataset(noise(7, 9))
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(made, keyword)
    with pytest.raises(InputError, match="holds no image"):
        open_recording(save(tmp_path / "in.dcm", made))


def test_an_image_without_pixels_is_an_input_error(tmp_path):
    made = dataset(noise(7, 9))
    del made.PixelData
    with pytest.raises(InputError, match=r"in\.dcm: cannot be read as DICOM"):
        open_recording(save(tmp_path / "in.dcm", made))


@pytest.mark.parametrize(
    ("kept", "compressed"), [(0.02, False), (0.1, False), (0.95, False), (0.95, True)]
)
def test_a_file_cut_off_is_an_input_error(tmp_path, kept, compressed):
    made = dataset(noise(3, 60, 80))
    if compressed:
        made.compress(RLELossless, generate_instance_uid=False)
    source = save(tmp_path / "in.dcm", made)
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"in\.dcm: "):
        frames_of(source)


@pytest.mark.parametrize(
    ("number", "description", "scale", "expected"),
    [
        (3, "Apical 4CH", 4, (304, "x4 Apical 4CH")),
        (3, "Apical 4CH", 1, (301, "restored Apical 4CH")),
        (None, None, 2, (9002, "x2")),
        (30_000_000, "", 4, (9004, "x4")),
        (0, 64 * "a", 4, (4, "x4 " + 61 * "a")),
    ],
)
def test_the_series_gets_a_number_and_a_description_of_its_own(
    tmp_path, number, description, scale, expected
):
    made = dataset(noise(7, 9), SeriesNumber=number, SeriesDescription=description)
    _, new = derived(tmp_path, made, scale)
    assert (new.SeriesNumber, new.SeriesDescription) == expected
