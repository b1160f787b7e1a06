"""`echojax enhance` on every format, read back with the library of the format."""

from fractions import Fraction

import av
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from flax import nnx
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from echojax.cli import main
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation
from echojax.weights import networks
from tests.media import test_dicom

ROWS, COLUMNS, FRAMES = 36, 44, 3


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network that interpolates, so that what comes out can be known."""
    model = SRResNet(SRResNetSettings(blocks=1, channels=4), rngs=nnx.Rngs(0))
    start_as_interpolation(model)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    networks.save(model, path)
    return str(path)


@pytest.fixture
def enhance(tmp_path, weights):
    def run(source):
        out = tmp_path / "out" / source.name
        assert (
            main(["enhance", str(source), "-o", str(out.parent) + "/", "--weights", weights]) == 0
        )
        return out

    return run


def ramp(peak, frames=1):
    """Frames that brighten from left to right and from one to the next, up to `peak`."""
    columns = (
        np.linspace(0, 0.8, COLUMNS)[None, None, :] + np.linspace(0, 0.2, frames)[:, None, None]
    )
    return np.broadcast_to(columns * peak, (frames, ROWS, COLUMNS)).round()


def middle(large):
    """The values of the pixels four times smaller, by averaging."""
    rows, columns = large.shape
    return large.reshape(rows // 4, 4, columns // 4, 4).astype(float).mean((1, 3))


def assert_enlarged(large, small, tolerance):
    assert large.shape == (4 * ROWS, 4 * COLUMNS)
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(middle(large)[inside], small[inside], atol=tolerance)


def test_png_of_16_bit_stays_16_bit(tmp_path, enhance):
    (pixels,) = ramp(65535).astype(np.uint16)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels), str(tmp_path / "a.png"))
    large = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(enhance(tmp_path / "a.png"))))
    assert large.dtype == np.uint16
    assert_enlarged(large, pixels, 40)


def test_nifti_keeps_its_place_in_space_and_its_frames(tmp_path, enhance):
    pixels = ramp(255, FRAMES).astype(np.uint8)
    affine = np.array([[0.3, 0, 0, 5], [0, 0.2, 0, -7], [0, 0, 2, 1], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(pixels.transpose(2, 1, 0), affine), tmp_path / "a.nii.gz")
    found = nibabel.load(enhance(tmp_path / "a.nii.gz"))
    assert found.shape == (4 * COLUMNS, 4 * ROWS, FRAMES)
    assert found.get_data_dtype() == np.uint8
    np.testing.assert_allclose(found.header.get_zooms(), (0.075, 0.05, 2), rtol=1e-6)
    # The outer corners of the grid stay where they were.
    for corner in ((-0.5, -0.5, 0), (COLUMNS - 0.5, ROWS - 0.5, 2)):
        i, j, k = corner
        new = (4 * (i + 0.5) - 0.5, 4 * (j + 0.5) - 0.5, k, 1)
        np.testing.assert_allclose(found.affine @ new, affine @ (*corner, 1), atol=1e-5)
    for k in range(FRAMES):
        assert_enlarged(np.asarray(found.dataobj)[..., k].T, pixels[k], 1)


@pytest.mark.parametrize("suffix", ["mhd", "mha"])
def test_metaimage_gets_a_quarter_of_the_spacing(tmp_path, enhance, suffix):
    pixels = ramp(255, FRAMES).astype(np.uint8)
    image = SimpleITK.GetImageFromArray(pixels)
    image.SetSpacing((0.3, 0.15, 1.5))
    image.SetOrigin((10, 20, 30))
    SimpleITK.WriteImage(image, str(tmp_path / f"a.{suffix}"))
    found = SimpleITK.ReadImage(str(enhance(tmp_path / f"a.{suffix}")))
    assert found.GetSize() == (4 * COLUMNS, 4 * ROWS, FRAMES)
    np.testing.assert_allclose(found.GetSpacing(), (0.075, 0.0375, 1.5))
    np.testing.assert_allclose(found.GetOrigin(), (10 - 0.1125, 20 - 0.05625, 30))
    assert_enlarged(SimpleITK.GetArrayFromImage(found)[1], pixels[1], 1)


def test_dicom_of_several_frames_is_marked_as_derived(tmp_path, enhance):
    pixels = ramp(255, FRAMES).astype(np.uint8)
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = generate_uid(), generate_uid()
    dataset.PatientName, dataset.Modality, dataset.BurnedInAnnotation = "Doe^Jane", "US", "YES"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PixelSpacing, dataset.FrameTime = [0.2, 0.3], "33.3"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ROWS, COLUMNS, FRAMES
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    pydicom.dcmwrite(tmp_path / "a.dcm", dataset, enforce_file_format=True)
    found = pydicom.dcmread(enhance(tmp_path / "a.dcm"))
    assert found.pixel_array.shape == (FRAMES, 4 * ROWS, 4 * COLUMNS)
    assert (found.Rows, found.Columns, found.NumberOfFrames) == (4 * ROWS, 4 * COLUMNS, FRAMES)
    assert list(found.PixelSpacing) == [0.05, 0.075]
    assert found.ImageType[0] == "DERIVED"
    assert found.SOPInstanceUID != dataset.SOPInstanceUID
    assert found.SOPInstanceUID == found.file_meta.MediaStorageSOPInstanceUID
    assert found.SourceImageSequence[0].ReferencedSOPInstanceUID == dataset.SOPInstanceUID
    assert (found.PatientName, found.FrameTime) == ("Doe^Jane", 33.3)
    assert found.StudyInstanceUID == dataset.StudyInstanceUID
    assert found.BurnedInAnnotation == "YES"
    for k in range(FRAMES):
        assert_enlarged(found.pixel_array[k], pixels[k], 1)


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "mjpeg"), ("mp4", "libx264")])
def test_clips_keep_frame_rate_and_count(tmp_path, enhance, suffix, codec):
    rate = Fraction(30000, 1001)
    pixels = ramp(200, FRAMES).astype(np.uint8) + 20
    with av.open(str(tmp_path / f"a.{suffix}"), "w") as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height = COLUMNS, ROWS
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in pixels:
            gray = av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, -1), "rgb24")
            file.mux(stream.encode(gray))
        file.mux(stream.encode())
    with av.open(str(enhance(tmp_path / f"a.{suffix}"))) as file:
        assert file.streams.video[0].average_rate == rate
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == FRAMES
    for frame, small in zip(frames, pixels, strict=True):
        assert_enlarged(frame[..., 1], small, 6)


def test_dicom_is_written_small_and_without_names_if_that_is_asked_for(tmp_path, weights, capsys):
    pixels = ramp(255, FRAMES).astype(np.uint8)
    test_dicom.save(tmp_path / "a.dcm", test_dicom.dataset(pixels))
    plain, small = tmp_path / "plain.dcm", tmp_path / "small.dcm"
    words = ["enhance", str(tmp_path / "a.dcm"), "--weights", weights]
    assert main([*words, "-o", str(plain)]) == 0
    assert "text" not in capsys.readouterr().err.replace("burnt-in text too", "")
    assert main([*words, "-o", str(small), "--compress", "--anonymize"]) == 0
    assert "leaves text that is burnt into frames" in capsys.readouterr().err
    one, other = pydicom.dcmread(plain), pydicom.dcmread(small)
    np.testing.assert_array_equal(one.pixel_array, other.pixel_array)
    assert other.file_meta.TransferSyntaxUID == JPEG2000Lossless
    assert (one.PatientName, other.PatientName) == ("Doe^Jane", "")
    assert small.stat().st_size < plain.stat().st_size / 2
