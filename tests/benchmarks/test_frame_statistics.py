import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage

from benchmarks import frame_statistics as statistics
from echojax.simulate import preview
from tests import camus_folders
from tfds_camus import scan


def slanted_cavity(right_per_row: float) -> np.ndarray:
    """A mask whose cavity starts at row 20, is 100 rows high and moves right as it goes down."""
    rows, columns = np.indices((160, 160))
    inside = (rows >= 20) & (rows < 120) & (abs(columns - 70 - right_per_row * (rows - 20)) < 15)
    return inside.astype(np.uint8)


def test_a_thin_band_of_label_1_is_not_the_cavity() -> None:
    mask = slanted_cavity(0)
    banded = mask.copy()
    banded[130:132] = 1
    kept = statistics.cleaned(banded)
    assert not kept[120:].any()
    assert (kept != mask).sum() <= 4  # the opening rounds the corners


def test_a_mask_without_a_cavity_stays_as_it_is() -> None:
    mask = np.full((20, 20), 2, np.uint8)
    np.testing.assert_array_equal(statistics.cleaned(mask), mask)


def test_apex_and_tilt_are_measured_in_millimetres() -> None:
    mask = slanted_cavity(0.2)
    assert statistics.apex_depth(mask, (0.5, 0.5)) == pytest.approx(10)
    for spacing, slope in (((0.5, 0.5), 0.2), ((0.5, 1.0), 0.4)):
        expected = np.degrees(np.arctan(slope))
        assert statistics.axis_tilt(mask, spacing) == pytest.approx(expected, abs=0.3)
    assert statistics.axis_tilt(mask[:, ::-1], (0.5, 0.5)) < 0


def test_speckle_cell_is_the_width_of_the_autocovariance() -> None:
    noise = np.random.default_rng(0).normal(size=(600, 600))
    image = ndimage.gaussian_filter(noise, (1.0, 1.5))  # rows, columns
    lateral, axial = statistics.speckle_cell(image, np.ones(image.shape, bool), (0.3, 0.2))
    # Of a Gaussian, the autocovariance is wider by sqrt(2); a patch's mean takes a little of it.
    width = 2 * np.sqrt(2 * np.log(2)) * np.sqrt(2)
    assert lateral == pytest.approx(1.5 * width * 0.2, rel=0.1)
    assert axial == pytest.approx(1.0 * width * 0.3, rel=0.1)


def test_deviation_counts_only_windows_that_lie_whole_in_the_region() -> None:
    image = np.zeros((30, 30))
    image[:, 15:] = 200.0
    region = np.zeros((30, 30), bool)
    region[:, :15] = True
    deviations = statistics.local_deviation(image, region)
    assert len(deviations) == 26 * 11
    assert not deviations.any()


def test_gray_levels_are_medians_of_the_labels() -> None:
    mask = np.repeat(np.arange(4, dtype=np.uint8), 10)[:, None].repeat(30, axis=1)
    image = np.array([0, 50, 90, 70], np.uint8)[mask]
    measured = statistics.measure(image, mask, None)
    names = ("cavity", "myocardium", "atrium", "contrast", "sector_50", "deviation")
    assert [measured[name] for name in names] == [50, 90, 70, 40, 70, 0]


def test_areas_and_rows_are_shares_of_the_frame() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[8:20, 10:20], mask[20:24, 10:20], mask[24:30, 10:20] = 1, 2, 3
    measured = statistics.measure(np.full((40, 50), 9, np.uint8), mask, None)
    areas = [measured[f"{name}_area"] for name in ("cavity", "myocardium", "atrium")]
    assert areas == pytest.approx([6, 2, 3], abs=0.25)  # the opening rounds corners
    assert (measured["cavity_top"], measured["cavity_bottom"]) == (20, 50)
    nothing = statistics.measure(np.ones((40, 50), np.uint8), 0 * mask, None)
    assert np.isnan([nothing["cavity_area"], nothing["cavity_top"]]).all()


def test_frames_without_millimetres_leave_lengths_out(tmp_path: Path) -> None:
    folder = camus_folders.nifti_release(tmp_path / "camus")
    frame = scan(folder).frames[0]
    assert statistics.read(frame)[2] == pytest.approx(camus_folders.NIFTI_SPACING)
    assert statistics.read(frame, resample=24)[2] is None
    camus_folders.write_nifti(frame.image, camus_folders.invented_image("any"), (1.0, 1.0))
    image, mask, spacing = statistics.read(frame)
    assert spacing is None
    assert np.isnan(statistics.measure(image, mask, spacing)["apex"])


def test_a_verdict_is_inside_outside_or_a_difference() -> None:
    quartiles = statistics.Target(56, (46, 69))
    assert [quartiles.verdict(v, 0) for v in (46, 70, np.nan)] == ["inside", "outside", "-"]
    assert statistics.Target(9.96).verdict(9.5, 2) == "-0.46"
    in_a_range = statistics.Target(bounds=(2.1, 2.5))
    assert [in_a_range.verdict(v, 2) for v in (2.0, 2.3, 2.6)] == ["-0.10", "+0.00", "+0.10"]


def test_the_script_prints_tables_and_writes_numbers(tmp_path: Path) -> None:
    folder = camus_folders.nifti_release(tmp_path / "camus")
    numbers = tmp_path / "numbers.json"
    arguments = [str(folder), "--targets", "--quality", "good", "--json", str(numbers)]
    result = CliRunner().invoke(statistics.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "ED Good" in result.output
    assert "56 [46-69]" in result.output
    written = json.loads(numbers.read_text())
    assert {(entry["view"], entry["quality"]) for entry in written} >= {("4CH", "Good")}
    assert written[0]["quartiles"]["cell_axial"] is None  # the frames are too small for a patch


def test_a_sheet_shows_at_most_so_many_frames_of_each_group(tmp_path: Path) -> None:
    folder = camus_folders.nifti_release(tmp_path / "camus")
    numbers, sheet = tmp_path / "numbers.json", tmp_path / "sheet.png"
    arguments = [str(folder), "--limit", "1", "--json", str(numbers), "--sheet", str(sheet)]
    result = CliRunner().invoke(statistics.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    written = json.loads(numbers.read_text())
    assert {entry["frames"] for entry in written} == {1}
    with Image.open(sheet) as picture:
        assert picture.height == preview.HEADING + len(written) * (preview.HEIGHT + preview.GAP)
        assert np.asarray(picture)[preview.HEADING :].any()


def test_a_selection_without_frames_is_an_error(tmp_path: Path) -> None:
    folder = camus_folders.nifti_release(tmp_path / "camus")
    result = CliRunner().invoke(statistics.main, [str(folder), "--quality", "unlabelled"])
    assert result.exit_code == 1
    assert "no such frames: unlabelled" in result.output


def test_real_frames_are_resampled_as_they_were_before_they_reached_us(shared_data: Path) -> None:
    native = scan(shared_data / "camus_4ch_full").frames[0]
    known = next(f for f in scan(shared_data / "camus_224").frames if f.key == native.key)
    ours, _, _ = statistics.read(native, resample=224)
    theirs, _, _ = statistics.read(known)
    assert abs(ours.astype(int) - theirs).max() <= 1


def test_means_show_every_view_and_phase_and_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = camus_folders.nifti_release(tmp_path / "camus")
    drawn = []
    monkeypatch.setattr(statistics, "contact_sheet", lambda *given: drawn.append(given))
    groups = statistics.groups_of(folder)
    statistics.draw_means(tmp_path / "means.png", groups)
    ((_, ((label, pictures),), headings),) = drawn
    assert label == "camus"
    assert headings[3:6] == ["4CH ES", "4CH ED - 2CH ED", "4CH ES - 2CH ES"]
    means = [
        np.mean(
            [
                statistics.read(frame, statistics.MEAN_SIZE)[0]
                for group, frames in groups.items()
                if (group.view, group.phase) == (view, "ED")
                for frame in frames
            ],
            axis=0,
        )
        for view in ("2CH", "4CH")
    ]
    expected = np.clip(128 + statistics.MAGNIFIED * (means[1] - means[0]), 0, 255)
    assert np.abs(pictures[4] - expected).max() <= 1
    assert expected.std() > 0
    only = {group: frames for group, frames in groups.items() if group.view == "2CH"}
    statistics.draw_means(tmp_path / "means.png", only)
    assert not drawn[1][1][0][1][4].any()
