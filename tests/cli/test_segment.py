"""segment: masks of one's own files, what they measure, and pictures of them."""

import csv
import json

import nibabel
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.assessment import masks, places
from echojax.assessment.segmenting import Segmenting
from echojax.cli import main
from echojax.inference.measures import LA, LV, MYOCARDIUM
from echojax.inference.segment import SIZE
from echojax.media import Region, labels, open_recording
from echojax.models.unet import UNet, UNetSettings
from echojax.weights import networks
from tests.camus_folders import write_nifti
from tests.inference.test_grade import MASK, SPACING, frame_of
from tests.inference.test_measures import heart
from tests.media import test_dicom


@pytest.fixture(scope="module")
def weights(random_network, tmp_path_factory):
    """A network that knows nothing."""
    settings = UNetSettings(encoder=(4, 4), decoder=(4,), supervised=False)
    file = tmp_path_factory.mktemp("weights") / "segmenter.safetensors"
    model = random_network(lambda: UNet(settings, rngs=nnx.Rngs(0)))
    networks.save(model, file, {SIZE: "32"})
    return file


def run(*words, code=0):
    assert main(["segment", *map(str, words)]) == code


class Known:
    """A segmenter that knows the heart of its frame by the shape."""

    def __init__(self, *hearts):
        self.hearts = {mask.shape: mask for mask in hearts}

    def __call__(self, frame):
        self.mask = self.hearts[frame.shape]
        return self


def segmented(segment, inputs, out, **settings):
    remarks = []
    jobs = places.plan(inputs, out)
    return Segmenting(segment, "by a test", **settings).run(jobs, remarks.append), remarks


def test_masks_and_measures_of_several_formats(weights, tmp_path, capsys):
    write_nifti(tmp_path / "a.nii.gz", frame_of(MASK), SPACING)
    Image.fromarray(frame_of(MASK)).save(tmp_path / "b.jpg")
    sources = (tmp_path / "a.nii.gz", tmp_path / "b.jpg")
    out = tmp_path / "out"
    run(*sources, "-o", out, "--weights", weights, "--overlay", "--json")
    found = json.loads(capsys.readouterr().out)
    assert [(row["unit"], row["frame"]) for row in found["measures"]] == [("mm", 1), ("px", 1)]
    made = {path.name for path in out.iterdir()}
    assert made == {
        "a_mask.nii.gz",
        "a_overlay.png",
        "b_mask.png",
        "b_overlay.png",
        "measures.csv",
    }
    np.testing.assert_array_equal(
        nibabel.load(out / "a_mask.nii.gz").affine, nibabel.load(sources[0]).affine
    )
    assert np.asarray(Image.open(out / "b_mask.png")).shape == MASK.shape
    with (out / "measures.csv").open(newline="") as file:
        (first, _) = csv.DictReader(file)
    mask = np.asarray(nibabel.load(out / "a_mask.nii.gz").dataobj)
    assert float(first["lv_area"]) == pytest.approx((mask == LV).sum() * 0.64, abs=1e-3)


def test_four_frames_of_a_person_give_volumes(tmp_path):
    planes = {"ED": heart(spacing=SPACING), "ES": heart(70, 30, spacing=SPACING)}
    (tmp_path / "in").mkdir()
    for view in ("2CH", "4CH"):
        for phase, (mask, _) in planes.items():
            name = tmp_path / "in" / f"p1_{view}_{phase}.nii.gz"
            write_nifti(name, mask * 60, SPACING)

    def segment(frame):
        found = Known()
        found.mask = frame // 60
        return found

    found, _ = segmented(segment, [tmp_path / "in"], tmp_path / "out")
    (row,) = found.volumes
    # Half ellipsoids: 2/3 of an area times a length.
    edv, esv = (2 / 3 * np.pi * 20 * 20 * 80 / 1000, 2 / 3 * np.pi * 15 * 15 * 70 / 1000)
    assert row.edv == pytest.approx(edv, rel=0.03)
    assert row.ef == pytest.approx(100 * (1 - esv / edv), abs=1.5)
    lengths = sorted({row.lv_length for row in found.measured})
    assert lengths == pytest.approx([70, 80], abs=1.5)


def test_three_frames_give_none(tmp_path):
    for name in ("p1_2CH_ED", "p1_2CH_ES", "p1_4CH_ED"):
        write_nifti(tmp_path / f"{name}.nii.gz", frame_of(MASK), SPACING)
    found, _ = segmented(Known(MASK), [tmp_path], tmp_path / "out")
    assert found.volumes == []
    assert found.failures == []


def test_of_dicom_the_region_alone_is_seen_and_masks_lie_in_the_whole(tmp_path):
    frames = np.full((2, 60, 50), 200, np.uint8)
    made = test_dicom.dataset(frames)
    made.SequenceOfUltrasoundRegions = [test_dicom.region(5, 10, 34, 49)]
    test_dicom.save(tmp_path / "a.dcm", made)
    assert open_recording(tmp_path / "a.dcm").regions == (Region(10, 50, 5, 35),)
    own = np.full((40, 30), LA, np.uint8)
    segment = Known(own)
    found, _ = segmented(segment, [tmp_path / "a.dcm"], tmp_path / "out", overlay=True)
    assert not found.failures
    first, second = labels.read(tmp_path / "out" / "a_mask.dcm").each
    assert (first == second).all()
    assert (first[10:50, 5:35] == LA).all()
    assert (first == LA).sum() == own.size
    assert (tmp_path / "out" / "a_overlay.mp4").is_file()


def test_spacing_that_nobody_set_is_none(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", frame_of(MASK), (1.0, 1.0))
    segment = Known(MASK)
    found, (remark,) = segmented(segment, [tmp_path / "a.nii.gz"], tmp_path / "out")
    assert found.measured[0].unit == "px"
    assert found.measured[0].myocardium_area == (MASK == MYOCARDIUM).sum()
    assert "measures are in pixels" in remark
    found, remarks = segmented(segment, [tmp_path / "a.nii.gz"], tmp_path / "o", spacing=SPACING)
    assert (found.measured[0].unit, remarks) == ("mm", [])


def test_recordings_of_one_name_get_masks_of_two(tmp_path):
    Image.fromarray(frame_of(MASK)).save(tmp_path / "a.png")
    Image.fromarray(frame_of(MASK)).save(tmp_path / "a.bmp")
    jobs = places.plan([tmp_path / "a.png", tmp_path / "a.bmp"], tmp_path / "out")
    assert [job.mask.name for job in jobs] == ["a.png_mask.png", "a.bmp_mask.png"]


def test_what_segment_writes_is_found_by_grade(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(frame_of(MASK)).save(tmp_path / "in" / "deep" / "a.png")
    segmented(Known(MASK), [tmp_path / "in"], tmp_path / "out")
    (job,) = places.plan([tmp_path / "in"], tmp_path / "new")
    found = masks.Folder(tmp_path / "out").of(job.source, job.name)
    assert found == tmp_path / "out" / "deep" / "a_mask.png"
    words = ["grade", tmp_path / "in", "-o", tmp_path / "new", "--masks", tmp_path / "out"]
    assert main([*map(str, words)]) == 0


def test_a_damaged_file_is_named_and_the_others_are_done(weights, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"no image")
    Image.fromarray(frame_of(MASK)).save(tmp_path / "b.png")
    out = tmp_path / "out"
    sources = (tmp_path / "a.png", tmp_path / "b.png")
    run(*sources, "-o", out, "--weights", weights, code=1)
    printed = capsys.readouterr()
    assert "a.png: cannot be read as PNG" in printed.err
    assert "1 of 2 segmented, 1 frame" in printed.out
    assert not (out / "a_mask.png").exists()


def test_a_network_for_something_else_is_refused(random_network, tmp_path, capsys):
    settings = UNetSettings(classes=1, encoder=(4, 4), decoder=(4,), supervised=False)
    file = tmp_path / "other.safetensors"
    networks.save(random_network(lambda: UNet(settings, rngs=nnx.Rngs(0))), file, {SIZE: "32"})
    Image.fromarray(frame_of(MASK)).save(tmp_path / "b.png")
    run(tmp_path / "b.png", "-o", tmp_path / "out", "--weights", file, code=2)
    assert "holds no network that segments" in capsys.readouterr().err
