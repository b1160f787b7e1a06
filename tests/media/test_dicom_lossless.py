import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from echojax.media import open_recording
from tests.media.rewriting import frames_of, noise, rewritten
from tests.media.test_dicom import dataset, save


def compressed(source, target, scale=2):
    recording = open_recording(source)
    recording.compress = True
    frames = (frame.repeat(scale, 0).repeat(scale, 1) for frame in recording.frames())
    recording.write(target, frames, scale, "enlarged")
    return pydicom.dcmread(target)


@pytest.mark.parametrize(
    ("shape", "photometric", "dtype", "bits", "syntax"),
    [
        ((7, 9), "MONOCHROME2", np.uint8, 8, JPEG2000Lossless),
        ((3, 33, 47), "MONOCHROME2", np.uint8, 8, JPEG2000Lossless),
        ((3, 7, 9), "MONOCHROME1", np.uint8, 8, JPEG2000Lossless),
        ((3, 7, 9, 3), "RGB", np.uint8, 8, JPEG2000Lossless),
        ((3, 7, 9), "MONOCHROME2", np.uint16, 12, RLELossless),
        ((7, 9), "MONOCHROME2", np.int16, 16, RLELossless),
        ((2, 7, 9, 3), "RGB", np.uint16, 16, RLELossless),
    ],
)
def test_not_a_bit_is_lost(tmp_path, shape, photometric, dtype, bits, syntax):
    stored = noise(*shape, dtype=dtype)
    if bits == 12:
        stored &= 4095
    made = dataset(stored, photometric, bits, signed=int(dtype == np.int16))
    source = save(tmp_path / "in.dcm", made)
    written = compressed(source, tmp_path / "out.dcm")
    assert written.file_meta.TransferSyntaxUID == syntax
    assert written.get("LossyImageCompression") is None
    rows = 1 if photometric != "RGB" else 2
    np.testing.assert_array_equal(written.pixel_array, stored.repeat(2, -rows).repeat(2, -rows - 1))
    frames = frames_of(source).repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.dcm"), frames)


def test_it_is_smaller_and_says_so_only_where_it_is_asked_for(tmp_path):
    rows, columns = np.mgrid[:64, :96]
    smooth = (100 + 50 * np.sin(rows / 9) + 50 * np.cos(columns / 7)).astype(np.uint8)
    source = save(tmp_path / "in.dcm", dataset(np.stack([smooth] * 3)))
    compressed(source, tmp_path / "small.dcm")
    rewritten(source, tmp_path / "large.dcm", 2)
    written = pydicom.dcmread(tmp_path / "large.dcm")
    assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (tmp_path / "small.dcm").stat().st_size < (tmp_path / "large.dcm").stat().st_size / 3
