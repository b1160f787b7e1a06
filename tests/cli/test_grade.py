"""grade: region by region, of one's own files and given masks."""

import csv
import json

import av
import nibabel
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.cli import main
from echojax.inference import seen
from echojax.inference.grade_lines import LINES
from echojax.inference.regional_quality import COVERAGE, HALF_WIDTHS, Grader
from echojax.inference.regions import REGIONS, divide, names
from echojax.inference.sector import sector
from echojax.inference.segment import SIZE
from echojax.media import labels, open_recording
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings
from echojax.models.region_head import Pooled, PooledSettings
from echojax.models.unet import UNet, UNetSettings
from echojax.report.grade_colours import COLOURS, UNGRADED_COLOUR
from echojax.weights import networks
from tests.camus_folders import write_nifti
from tests.inference.test_grade import MASK, frame_of
from tests.media import test_dicom


@pytest.fixture
def image(tmp_path):
    """A frame and its mask, as PNG."""
    Image.fromarray(frame_of(MASK)).save(tmp_path / "a.png")
    Image.fromarray(MASK).save(tmp_path / "mask.png")
    return tmp_path / "a.png"


def save_clip(path, count):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.height, stream.width = (side // 2 * 2 for side in MASK.shape)
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            frame = frame_of(MASK, seed=number)[: stream.height, : stream.width]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "gray")))
        container.mux(stream.encode(None))
    return MASK[: stream.height, : stream.width]


def run(*words, code=0):
    assert main(["grade", *map(str, words)]) == code


def rows_of(folder):
    with (folder / "grades.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_image_gets_a_line_a_region_and_a_picture(image, tmp_path, capsys):
    out = tmp_path / "out"
    run(image, "-o", out, "--masks", tmp_path / "mask.png", "--view", "4CH")
    rows = rows_of(out)
    assert [row["region"] for row in rows] == list(names("4CH"))
    assert {row["method"] for row in rows} == {"cr"}  # of its own accord
    assert all(1 <= float(row["grade"]) <= 5 and not row["reason"] for row in rows)
    printed = capsys.readouterr()
    assert "CR inside the sector, line of simulated frames" in printed.out
    assert "a depth of 160 mm are assumed" in printed.err
    picture = np.asarray(Image.open(out / "a_overlay.png"))
    there = {tuple(pixel) for pixel in picture.reshape(-1, 3)}
    assert {*COLOURS.values(), UNGRADED_COLOUR} <= there  # of the legend at least


def test_every_frame_of_a_clip_is_graded_and_shown(tmp_path, capsys):
    mask = save_clip(tmp_path / "a.mp4", 6)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = tmp_path / "out"
    run(tmp_path / "a.mp4", "-o", out, "--masks", tmp_path / "mask.png", "--method", "gcnr")
    rows = rows_of(out)
    assert [int(row["frame"]) for row in rows] == [k for k in range(1, 7) for _ in REGIONS]
    assert "serves every frame" in capsys.readouterr().err
    shown = open_recording(out / "a_overlay.mp4")
    assert shown.frame_rate == 25
    assert len(list(shown.frames())) == 6


def test_a_folder_and_masks_beside_the_frames(tmp_path):
    folder = tmp_path / "in" / "patient"
    folder.mkdir(parents=True)
    exact = (0.75, 0.75)  # in single precision, too
    write_nifti(folder / "b.nii.gz", frame_of(MASK), exact)
    write_nifti(folder / "b_gt.nii.gz", MASK, exact)
    write_nifti(folder / "b_cf.nii.gz", frame_of(MASK), exact)  # coherence, as simulated
    made = test_dicom.dataset(frame_of(MASK)[None], PixelSpacing=list(exact))
    test_dicom.save(folder / "c.dcm", made)
    open_recording(folder / "c.dcm").write_labels(folder / "c_mask.dcm", [MASK], "by hand")
    out = tmp_path / "out"
    run(tmp_path / "in", "-o", out, "--masks", tmp_path / "in", "--no-overlay")
    rows = rows_of(out)
    assert [row["file"].rpartition("/")[2] for row in rows[::8]] == ["b.nii.gz", "c.dcm"]
    # One frame in two formats has one set of grades.
    first, second = ([row["grade"] for row in part] for part in (rows[:8], rows[8:]))
    assert first == second
    assert sorted(path.name for path in out.iterdir()) == ["grades.csv"]


def test_json_is_all_there_is_on_standard_output(image, tmp_path, capsys):
    Image.fromarray(np.zeros_like(MASK)).save(tmp_path / "mask.png")
    run(image, "-o", tmp_path / "out", "--masks", tmp_path / "mask.png", "--json")
    found = json.loads(capsys.readouterr().out)
    assert len(found["grades"]) == 8
    assert found["grades"][0] == {
        "file": str(image),
        "frame": 1,
        "region": "basal left",
        "method": "cr",
        "grade": None,
        "low": None,
        "high": None,
        "word": "not assessable",
        "reason": "the mask has no left ventricle",
    }


def test_a_line_of_ones_own_gives_grades_and_intervals(image, tmp_path, capsys):
    words = (image, "-o", tmp_path / "out", "--masks", tmp_path / "mask.png", "--method", "cr")
    run(*words, "--line", "0.2,0.9,0.5")
    row = rows_of(tmp_path / "out")[1]
    grade, low, high = (float(row[key]) for key in ("grade", "low", "high"))
    assert high - grade == pytest.approx(0.98, abs=1e-3)
    assert low == pytest.approx(max(1, grade - 0.98), abs=1e-3)
    assert "a line of your own" in capsys.readouterr().out


def test_a_recording_without_a_mask_fails_and_the_others_are_graded(image, tmp_path, capsys):
    folder = tmp_path / "masks"
    folder.mkdir()
    (tmp_path / "mask.png").rename(folder / "a_mask.png")
    Image.fromarray(frame_of(MASK)).save(tmp_path / "other.png")
    run(image, tmp_path / "other.png", "-o", tmp_path / "out", "--masks", folder, code=1)
    assert {row["file"] for row in rows_of(tmp_path / "out")} == {str(image)}
    printed = capsys.readouterr().err
    assert "expected one called other_mask or other_gt or other" in printed
    assert "1 of 2 could not be graded" in printed


def test_masks_of_another_size_or_number_are_refused(image, tmp_path, capsys):
    Image.fromarray(MASK.T).save(tmp_path / "turned.png")
    run(image, "-o", tmp_path / "one", "--masks", tmp_path / "turned.png", code=1)
    assert f"masks of {MASK.shape[1]} x {MASK.shape[0]} pixels" in capsys.readouterr().err
    stack = np.stack([MASK.T] * 3, axis=2)
    nibabel.save(nibabel.Nifti1Image(stack, np.eye(4)), tmp_path / "three.nii.gz")
    run(image, "-o", tmp_path / "two", "--masks", tmp_path / "three.nii.gz", code=1)
    assert "3 masks for" in capsys.readouterr().err
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "gcnr"], "gcnr needs regions; pass --masks"),
        (["--method", "coherence"], "coherence needs a network"),
        (["--method", "cr", "--weights", "x"], "cr needs no network"),
        (["--masks", "mask.png", "--segmenter", "x"], "pass one"),
        (["--masks", "none.png"], "none.png: no such file or folder"),
        (["--segmenter", "none.safetensors"], "no such weights file"),
        (["--masks", "mask.png", "--line", "1"], "SLOPE,INTERCEPT[,SPREAD]"),
        (["--masks", "mask.png", "--spacing", "0"], "expected positive numbers"),
        (["--masks", "mask.png", "-o", "out.png"], "-o must be a folder"),
    ],
)
def test_what_cannot_be_is_refused_at_once(image, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    run("a.png", *(("-o", "out") if "-o" not in words else ()), *words, code=2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nothing_is_replaced_unasked(image, tmp_path, capsys):
    words = (image, "-o", tmp_path / "out", "--masks", tmp_path / "mask.png")
    run(*words)
    run(*words, code=2)
    assert "--overwrite" in capsys.readouterr().err
    run(*words, "--overwrite")


def test_spacing_sets_the_size_of_the_discs(image, tmp_path):
    for name, spacing in (("small", "0.8"), ("large", "0.4,0.4")):
        words = ("--masks", tmp_path / "mask.png", "--spacing", spacing, "--line", "0.5,0.01")
        run(image, "-o", tmp_path / name, *words)
    one, other = (rows_of(tmp_path / name) for name in ("small", "large"))
    apex = [float(rows[2]["grade"]) for rows in (one, other)]
    assert apex[0] == pytest.approx(apex[1], abs=0.01)  # far from them
    discs = [float(rows[6]["grade"]) for rows in (one, other)]
    assert abs(discs[0] - discs[1]) > 0.01


def test_measures_stand_in_a_table_of_their_own(image, tmp_path):
    out = tmp_path / "out"
    run(image, "-o", out, "--masks", tmp_path / "mask.png", "--measures")
    with (out / "contrasts.csv").open(newline="") as file:
        measured = list(csv.DictReader(file))
    for row, graded in zip(measured, rows_of(out), strict=True):
        assert row["region"] == graded["region"]
        line = LINES["cr", "literature"]
        grade = (float(row["cr"]) - line.intercept) / line.slope
        assert float(graded["grade"]) == pytest.approx(min(max(grade, 1), 5), abs=2e-3)
        assert 0 <= float(row["gcnr"]) <= 1
        assert float(row["inside"]) == 1


def test_the_rule_of_arqee_has_its_own_regions_and_formula(image, tmp_path):
    words = (image, "--masks", tmp_path / "mask.png", "--measures", "--rule", "arqee")
    run(*words, "-o", tmp_path / "out", "--method", "gcnr")
    with (tmp_path / "out" / "contrasts.csv").open(newline="") as file:
        measured = [float(row["gcnr"]) for row in csv.DictReader(file)]
    assert min(measured) >= 0.5  # which the halved overlap brings about


def test_real_frames_with_their_experts_masks(shared_data, tmp_path):
    patient = sorted((shared_data / "camus_4ch_full" / "database_nifti").iterdir())[0]
    frame = next(patient.glob("*_ED.nii.gz"))
    run(frame, "-o", tmp_path, "--masks", patient, "--view", "4CH", "--method", "gcnr")
    rows = rows_of(tmp_path)
    assert sum(not row["reason"] for row in rows) >= 6
    mask = labels.read(patient / frame.name.replace(".nii", "_gt.nii"))
    assert mask.count == 1


@pytest.fixture(scope="module")
def grader(random_network, tmp_path_factory):
    """A network that knows nothing, and says that its grades are off by one half."""
    settings = MobileNetV2Settings(channels=1, outputs=8, width=0.1)
    file = tmp_path_factory.mktemp("weights") / "grader.safetensors"
    card = {SIZE: "32", HALF_WIDTHS: ",".join(["0.5"] * 8), COVERAGE: "0.9"}
    model = random_network(lambda: MobileNetV2(settings, rngs=nnx.Rngs(0)))
    networks.save(model, file, card)
    return file


def test_end_to_end_needs_no_mask_and_has_intervals(grader, image, tmp_path, capsys):
    out = tmp_path / "out"
    run(image, "-o", out, "--weights", grader)
    assert "grades by grader, intervals of 90%" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["grades.csv"]  # nothing to draw on
    rows = rows_of(out)
    assert {row["method"] for row in rows} == {"end-to-end"}
    expected = Grader.load(grader)(frame_of(MASK))
    for row, *values in zip(rows, *expected, strict=True):
        found = [float(row[key]) for key in ("grade", "low", "high")]
        assert found == pytest.approx(values, abs=1e-4)


def test_with_a_mask_end_to_end_is_drawn(grader, image, tmp_path):
    words = ("--weights", grader, "--masks", tmp_path / "mask.png", "--method", "end-to-end")
    run(image, "-o", tmp_path / "out", *words)
    assert (tmp_path / "out" / "a_overlay.png").is_file()


def test_a_line_is_not_for_what_gives_grades(grader, image, tmp_path, capsys):
    run(image, "-o", tmp_path / "out", "--weights", grader, "--line", "1,1", code=2)
    assert "leave --line out" in capsys.readouterr().err


def test_a_network_for_masks_and_grades_needs_no_other_mask(
    random_network, image, tmp_path, capsys
):
    settings = PooledSettings(encoder=(4, 4), decoder=(4,), hidden=4)
    file = tmp_path / "both.safetensors"
    card = {SIZE: "32", HALF_WIDTHS: ",".join(["0.5"] * 8), COVERAGE: "0.9"}
    networks.save(random_network(lambda: Pooled(settings, rngs=nnx.Rngs(0))), file, card)
    run(image, "-o", tmp_path / "own", "--weights", file)
    assert "grades by both, intervals of 90%" in capsys.readouterr().out
    rows = rows_of(tmp_path / "own")
    # What numbers by chance call a heart cannot be divided.
    assert {row["word"] for row in rows} == {"not assessable"}
    assert all(row["reason"].startswith(("the mask", "the left", "myocardium")) for row in rows)
    assert (tmp_path / "own" / "a_overlay.png").is_file()
    run(image, "-o", tmp_path / "given", "--weights", file, "--masks", tmp_path / "mask.png")
    spacing = (seen.DEPTH / len(MASK),) * 2
    regions = divide(MASK, spacing, sector(frame_of(MASK)))
    expected = Grader.load(file).in_regions(frame_of(MASK), regions).grades
    found = [float(row["grade"]) for row in rows_of(tmp_path / "given")]
    assert found == pytest.approx(expected, abs=1e-4)


def test_coherence_is_graded_by_a_network_and_a_line(random_network, image, tmp_path, capsys):
    settings = UNetSettings(classes=1, encoder=(4, 4), decoder=(4,), supervised=False)
    file = tmp_path / "coherence.safetensors"
    networks.save(random_network(lambda: UNet(settings, rngs=nnx.Rngs(0))), file, {SIZE: "32"})
    run(image, "-o", tmp_path / "no", "--weights", file, code=2)
    assert "coherence needs regions" in capsys.readouterr().err
    run(image, "-o", tmp_path / "out", "--weights", file, "--masks", tmp_path / "mask.png")
    assert "coherence by coherence, line of simulated frames" in capsys.readouterr().out
    assert {row["method"] for row in rows_of(tmp_path / "out")} == {"coherence"}
