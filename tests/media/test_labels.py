"""Masks of recordings: written where the frames lie, and read again."""

import av
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from PIL import Image
from pydicom.uid import SegmentationStorage

from echojax.errors import InputError
from echojax.media import labels, open_recording
from tests.media import test_dicom

SHAPE = (13, 7)  # odd, so that frames of bits begin within bytes


def masks_of(count, shape=SHAPE):
    return list(np.random.default_rng(3).integers(0, 4, (count, *shape)).astype(np.uint8))


def frames_of(count, shape=SHAPE):
    return np.random.default_rng(4).integers(0, 256, (count, *shape)).astype(np.uint8)


def saved_clip(path, count):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for frame in frames_of(count, (24, 32)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "gray")))
        container.mux(stream.encode(None))
    return path


def written(source, folder, count, shape=SHAPE):
    """The file of some masks of a recording, and those masks."""
    target = folder / f"mask{labels.suffix(source)}"
    masks = masks_of(count, shape)
    open_recording(source).write_labels(target, iter(masks), "segmented by a test")
    return target, masks


def test_nifti_keeps_where_its_voxels_lie(tmp_path):
    affine = np.array([[-0.3, 0.1, 0, 5], [0.1, -0.4, 0, 6], [0, 0, 1.0, 7], [0, 0, 0, 1]])
    stored = np.moveaxis(frames_of(3), 0, 2).swapaxes(0, 1).astype(np.float32)
    image = nibabel.Nifti1Image(stored, affine)
    image.header.set_slope_inter(2.0, 1.0)  # of gray levels, not of labels
    nibabel.save(image, tmp_path / "a.nii.gz")
    target, masks = written(tmp_path / "a.nii.gz", tmp_path, 3)
    back = nibabel.load(target)
    assert target.name == "mask.nii.gz"
    assert back.get_data_dtype() == np.uint8
    np.testing.assert_allclose(back.affine, nibabel.load(tmp_path / "a.nii.gz").affine)
    np.testing.assert_array_equal(np.asarray(back.dataobj), np.stack(masks, axis=2).swapaxes(0, 1))


@pytest.mark.parametrize("ending", [".mhd", ".mha"])
def test_metaimage_keeps_spacing_and_origin(tmp_path, ending):
    image = SimpleITK.GetImageFromArray(frames_of(2))
    image.SetSpacing((0.3, 0.2, 1.0))
    image.SetOrigin((4.0, 5.0, 6.0))
    SimpleITK.WriteImage(image, str(tmp_path / f"a{ending}"))
    target, masks = written(tmp_path / f"a{ending}", tmp_path, 2)
    back = SimpleITK.ReadImage(str(target))
    assert (back.GetSpacing(), back.GetOrigin()) == (image.GetSpacing(), image.GetOrigin())
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(back), np.stack(masks))


def test_an_image_becomes_a_picture_of_labels(tmp_path):
    Image.fromarray(frames_of(1)[0]).save(tmp_path / "a.jpg")
    target, (mask,) = written(tmp_path / "a.jpg", tmp_path, 1)
    assert target.suffix == ".png"
    np.testing.assert_array_equal(np.asarray(Image.open(target)), mask)


def test_the_pages_of_a_tiff_stay_pages(tmp_path):
    first, *others = map(Image.fromarray, frames_of(3))
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    target, masks = written(tmp_path / "a.tif", tmp_path, 3)
    np.testing.assert_array_equal(np.stack(list(labels.read(target).each)), np.stack(masks))


def test_a_clip_becomes_nifti_of_all_its_frames(tmp_path):
    target, masks = written(saved_clip(tmp_path / "a.mp4", 4), tmp_path, 4, (24, 32))
    assert nibabel.load(target).shape == (32, 24, 4)
    np.testing.assert_array_equal(np.stack(list(labels.read(target).each)), np.stack(masks))


class TestDicom:
    @pytest.fixture
    def source(self, tmp_path):
        made = test_dicom.dataset(frames_of(3), PixelSpacing=[0.2, 0.4])
        return test_dicom.save(tmp_path / "a.dcm", made)

    def test_a_segmentation_says_what_it_is_of(self, source, tmp_path):
        target, _ = written(source, tmp_path, 3)
        made, old = pydicom.dcmread(target), pydicom.dcmread(source)
        assert made.SOPClassUID == SegmentationStorage
        assert (made.PatientID, made.StudyInstanceUID) == (old.PatientID, old.StudyInstanceUID)
        assert made.SeriesInstanceUID != old.SeriesInstanceUID
        assert [item.SegmentLabel for item in made.SegmentSequence] == [
            "Left ventricle",
            "Myocardium",
            "Left atrium",
        ]
        assert made.NumberOfFrames == 9
        last = made.PerFrameFunctionalGroupsSequence[-1]
        (origin,) = last.DerivationImageSequence[0].SourceImageSequence
        assert origin.ReferencedSOPInstanceUID == old.SOPInstanceUID
        assert (origin.ReferencedFrameNumber, 3) == (
            3,
            last.SegmentIdentificationSequence[0].ReferencedSegmentNumber,
        )
        (measures,) = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
        assert [float(step) for step in measures.PixelSpacing] == [0.2, 0.4]

    def test_pydicom_reads_the_structures(self, source, tmp_path):
        target, masks = written(source, tmp_path, 3)
        pixels = pydicom.dcmread(target).pixel_array
        expected = [mask == label for mask in masks for label in (1, 2, 3)]
        np.testing.assert_array_equal(pixels, np.stack(expected))

    def test_masks_come_back(self, source, tmp_path):
        target, masks = written(source, tmp_path, 3)
        back = labels.read(target)
        assert back.count == 3
        np.testing.assert_array_equal(np.stack(list(back.each)), np.stack(masks))

    def test_a_segmentation_of_something_else_is_refused(self, source, tmp_path):
        target, _ = written(source, tmp_path, 3)
        made = pydicom.dcmread(target)
        made.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0].CodeValue = "10200004"
        made.save_as(target)
        with pytest.raises(InputError, match="expected a binary one of Left ventricle"):
            labels.read(target)


def test_what_holds_no_labels_is_refused(tmp_path):
    Image.fromarray(frames_of(1)[0]).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="expected the labels 0"):
        list(labels.read(tmp_path / "a.png").each)
    with pytest.raises(InputError, match="holds no masks"):
        labels.read(saved_clip(tmp_path / "a.mp4", 2))


@pytest.mark.parametrize("wrong", [masks_of(2), masks_of(4), masks_of(3, (7, 13))])
def test_masks_that_do_not_fit_are_refused(tmp_path, wrong):
    first, *others = map(Image.fromarray, frames_of(3))
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    with pytest.raises(ValueError, match="expected"):
        open_recording(tmp_path / "a.tif").write_labels(tmp_path / "m.tif", wrong, "")
    assert not (tmp_path / "m.tif").exists()
