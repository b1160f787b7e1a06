"""Frames in memory: arrays that are checked, and recordings with what their files say of them."""

from fractions import Fraction

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echojax.errors import InputError
from echojax.media import stack
from tests.media import test_clips, test_dicom, test_gif, test_images, test_metaimage, test_nifti
from tests.media.rewriting import frames_of, noise
from tests.media.test_dicom import region

LEVELS = {
    np.uint8: 255,
    np.uint16: 65535,
    np.float16: 1,
    np.float32: 1,
    np.float64: 1,
}


@pytest.mark.parametrize("dtype", LEVELS)
@pytest.mark.parametrize(
    ("shape", "frames"),
    [
        ((7, 9), (1, 7, 9)),
        ((7, 9, 3), (1, 7, 9, 3)),
        ((7, 9, 1), (1, 7, 9)),
        ((5, 7, 9), (5, 7, 9)),
        ((3, 7, 9), (3, 7, 9)),
        ((5, 7, 9, 3), (5, 7, 9, 3)),
        ((5, 7, 9, 1), (5, 7, 9)),
    ],
)
def test_an_array_says_itself_how_it_is_to_be_understood(dtype, shape, frames):
    array = (LEVELS[dtype] * np.linspace(0, 1, np.prod(shape))).astype(dtype).reshape(shape)
    found = stack.of_array(array)
    assert found.frames.shape == frames
    np.testing.assert_array_equal(found.frames.ravel(), array.ravel())
    assert (found.low, found.high) == (0, LEVELS[dtype])


@pytest.mark.parametrize(("most", "white"), [(0, 255), (200, 255), (700, 1023), (4000, 4095)])
def test_white_of_16_bit_is_the_full_depth_above_its_values(most, white):
    """As of files: 12 bits in 16 would be nearly black if white were 65535."""
    assert stack.of_array(np.full((2, 3), most, np.uint16)).high == white


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint32, np.bool_, np.complex64, object])
def test_values_that_do_not_say_what_is_white_are_refused(dtype):
    with pytest.raises(TypeError, match="pass uint8, uint16, or floats from 0"):
        stack.of_array(np.zeros((5, 7), dtype))


@pytest.mark.parametrize(("least", "most"), [(0, 255), (-1, 1), (0, 1.05), (-200, -100)])
def test_floats_out_of_range_are_refused_with_what_to_do(least, most):
    with pytest.raises(ValueError, match=rf"floats from {least} to {most}; .*frame / 255 .*clip"):
        stack.of_array(np.array([[least, most]], np.float32))


def test_rounding_and_what_is_no_number_are_no_reason_to_refuse():
    array = np.array([[-1e-6, 1 + 1e-6, np.nan, np.inf]])
    assert stack.of_array(array).high == 1
    assert stack.of_array(np.full((2, 2), np.nan)).high == 1


@pytest.mark.parametrize(
    "shape", [(), (7,), (0, 7), (3, 0, 7), (7, 9, 4), (7, 9, 2), (2, 7, 9, 4), (1, 2, 7, 9, 3)]
)
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="array of shape"):
        stack.of_array(np.zeros(shape, np.uint8))


def test_a_recording_is_read_whole_and_keeps_its_values(tmp_path):
    frames = noise(3, 7, 9, dtype=np.uint16) & 4095
    frames[0, 0, 0] = 4000
    source = test_dicom.save(tmp_path / "a.dcm", test_dicom.dataset(frames, bits=12))
    found = stack.read(source)
    np.testing.assert_array_equal(found.frames, frames)
    assert found.frames.dtype == np.uint16
    assert (len(found), found.path) == (3, source)
    assert found.high == frames.max()
    with pytest.raises(InputError, match=r"nowhere\.dcm: no such file"):
        stack.read(tmp_path / "nowhere.dcm")


def test_an_image_is_a_stack_of_one(tmp_path):
    path = test_images.save(tmp_path / "a.png", noise(7, 9, 3))
    found = stack.read(path)
    assert found.frames.shape == (1, 7, 9, 3)
    assert (found.spacing, found.frame_rate, found.regions) == (None, None, ())
    np.testing.assert_array_equal(found.frames, frames_of(path))


class TestDicom:
    def read(self, tmp_path, frames=None, **header):
        made = test_dicom.dataset(noise(4, 100, 120) if frames is None else frames)
        for keyword, value in header.items():
            if value is None:
                delattr(made, keyword)
            else:
                setattr(made, keyword, value)
        return stack.read(test_dicom.save(tmp_path / "a.dcm", made))

    def test_spacing_is_that_of_the_largest_region(self, tmp_path):
        """In cm there: 0.04 between columns, 0.02 between rows; counted upwards by some devices."""
        large = region(0, 10, 99, 99, PhysicalDeltaY=-0.02)
        small = region(0, 0, 9, 9, PhysicalDeltaX=0.5)
        found = self.read(tmp_path, SequenceOfUltrasoundRegions=Sequence([small, large]))
        assert found.spacing == pytest.approx((0.2, 0.4))
        assert found.regions[1] == (10, 100, 0, 100)

    @pytest.mark.parametrize(
        "item",
        [
            region(0, 0, 50, 50, form=2),
            region(0, 0, 50, 50, PhysicalUnitsXDirection=4),
            region(0, 0, 50, 50, PhysicalDeltaX=0.0),
            Dataset(),
        ],
        ids=["spectrum", "seconds", "zero", "empty"],
    )
    def test_a_region_without_millimetres_leaves_the_word_to_pixel_spacing(self, tmp_path, item):
        regions = Sequence([item])
        found = self.read(
            tmp_path, SequenceOfUltrasoundRegions=regions, PixelSpacing=["0.25", "0.5"]
        )
        assert found.spacing == (0.25, 0.5)
        assert self.read(tmp_path, SequenceOfUltrasoundRegions=regions).spacing is None

    def test_pixel_spacing_of_a_functional_group_counts_too(self, tmp_path):
        measures, group = Dataset(), Dataset()
        measures.PixelSpacing = [0.3, 0.4]
        group.PixelMeasuresSequence = Sequence([measures])
        found = self.read(tmp_path, SharedFunctionalGroupsSequence=Sequence([group]))
        assert found.spacing == (0.3, 0.4)

    @pytest.mark.parametrize(
        ("header", "rate"),
        [
            ({}, 50),
            ({"FrameTime": 40.0}, 25),
            ({"FrameTime": 0.0}, 50),
            ({"FrameTime": None, "FrameTimeVector": [0, 10, 30]}, 50),
            ({"FrameTime": None}, 50),
            ({"FrameTime": None, "CineRate": None, "RecommendedDisplayFrameRate": 30}, 30),
            ({"FrameTime": None, "CineRate": None}, None),
        ],
    )
    def test_frame_rate_is_that_of_recording_before_that_of_display(self, tmp_path, header, rate):
        assert self.read(tmp_path, **header).frame_rate == rate

    def test_one_frame_has_no_rate(self, tmp_path):
        assert self.read(tmp_path, noise(7, 9), RecommendedDisplayFrameRate=30).frame_rate is None


def test_spacing_of_nifti_is_in_millimetres_whatever_its_unit(tmp_path):
    path, stored = tmp_path / "a.nii", noise(5, 7, 3)
    assert stack.read(test_nifti.save(path, stored)).spacing == pytest.approx((0.2, 0.3))
    micrometres = test_nifti.save(path, stored, xyzt_units=3)
    assert stack.read(micrometres).spacing == pytest.approx((2e-4, 3e-4))
    unstated = test_nifti.save(path, stored, xyzt_units=0)
    assert stack.read(unstated).spacing == pytest.approx((0.2, 0.3))


def test_spacing_of_metaimage_is_between_rows_first(tmp_path):
    path = test_metaimage.save(tmp_path / "a.mhd", noise(7, 5))
    lines = [line for line in path.read_text().splitlines() if "ElementSpacing" not in line]
    path.write_text("\n".join([*lines[:-1], "ElementSpacing = 0.3 0.15", lines[-1]]) + "\n")
    assert stack.read(path).spacing == (0.15, 0.3)


def test_clips_and_gifs_tell_their_rate(tmp_path):
    clip = test_clips.save(tmp_path / "a.avi", test_clips.beating(), "ffv1", "gray")
    assert stack.read(clip).frame_rate == pytest.approx(float(Fraction(30000, 1001)), rel=1e-3)
    gif, _ = test_gif.gray_gif(tmp_path / "a.gif")
    assert stack.read(gif).frame_rate == pytest.approx(3000 / sum(test_gif.DURATIONS))
