"""Outcomes of masks: from rows of a table to the report."""

import csv
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.measures import diameters
from echojax.studies.diagnosis import masked, overlaps, report
from echojax.studies.diagnosis.cells import SEGMENTATION, Cell, StudyConfig, all_cells, mask_cells
from echojax.studies.diagnosis.folds import make_folds
from echojax.studies.diagnosis.mask_outcomes import mask_outcomes
from echojax.studies.diagnosis.mask_values import values
from echojax.vocabulary import NONE, PHASES, QUALITIES, VIEWS

Row = dict[str, object]
PLAIN = Cell("patient", SEGMENTATION, "good", "poor", NONE, NONE, NONE)
CELLS = (
    PLAIN,
    PLAIN._replace(test="good"),
    *(PLAIN._replace(sr=sr, mode="restore", sr_on="test") for sr in ("bicubic", "srresnet")),
    PLAIN._replace(sr="clahe", mode="filter", sr_on="test"),
)
HELP = {"bicubic": 0.01, "srresnet": 0.04, "clahe": -0.02}


def cylinder(diameter: float) -> str:
    """Discs of a left ventricle 80 mm long, as wide everywhere."""
    return " ".join(f"{value:.4g}" for value in (80, *[diameter] * 20))


def invent(patients: int = 8, seeds: int = 2) -> Iterator[Row]:
    """Rows of a few cells: Dice with patients of their own, and an EF of 100 (1 - (es / ed)^2)."""
    for cell in CELLS:
        for number, seed in itertools.product(range(patients), range(seeds)):
            luck = np.random.default_rng([number, seed])
            patient = f"patient{number:04d}"
            for view, phase in itertools.product(VIEWS, PHASES):
                dice = 0.8 + 0.01 * number + 0.01 * luck.normal() + HELP.get(cell.sr, 0.0)
                own = (40, 30 - 100 * HELP.get(cell.sr, 0.0) + luck.normal())
                yield {
                    "frame": f"{patient}_{view}_{phase}",
                    "patient": patient,
                    "view": view,
                    "phase": phase,
                    "quality": cell.test,
                    **cell._asdict(),
                    "fold": number % 2,
                    "seed": seed,
                    "drawn": 1,
                    "dice_lv": dice,
                    "dice_myocardium": dice - 0.1,
                    "dice_la": dice - 0.05,
                    "discs": cylinder(own[phase == "ES"]),
                    "expert_discs": cylinder((40, 26)[phase == "ES"]),
                }


def written(folder: Path, rows: Iterator[Row] | list[Row]) -> overlaps.Overlaps:
    overlaps.append(folder / "overlaps.csv", rows)
    return overlaps.read(folder / "overlaps.csv")


def test_dice_is_the_mean_of_the_structures_that_either_mask_has(tmp_path: Path):
    first, second, third = itertools.islice(invent(), 3)
    first |= {"dice_lv": 0.9, "dice_myocardium": 0.6, "dice_la": math.nan}
    second |= {"dice_lv": math.nan, "dice_myocardium": math.nan, "dice_la": math.nan}
    third |= {"drawn": 0}  # there for the ejection fraction alone
    found = written(tmp_path, [first, second, third])
    assert values(found, "dice")["value"].tolist() == [0.75]
    assert values(found, "dice_lv")["value"].tolist() == [0.9]
    assert len(values(found, "dice_la")) == 0


def test_the_error_of_the_ef_is_recomputed_from_discs(tmp_path: Path):
    rows = [row for row in invent(patients=1, seeds=1) if row["sr"] == "none"][:4]
    for row in rows:
        row |= {"discs": cylinder((40, 20)[row["phase"] == "ES"])}
    found = values(written(tmp_path, rows), "ef_error")
    expert, own = 100 * (1 - (26 / 40) ** 2), 100 * (1 - (20 / 40) ** 2)
    assert found["value"].tolist() == pytest.approx([abs(own - expert)], abs=0.01)
    assert found["frame"].tolist() == ["patient0000"]


def test_a_mask_that_cannot_be_measured_is_counted_and_left_out(tmp_path: Path):
    rows = list(invent())
    lost = [row for row in rows if row["patient"] == "patient0003" and row["phase"] == "ES"]
    for row in lost:
        row["discs"] = ""
    for row in rows:  # of whom the expert's masks give nothing either
        if row["patient"] == "patient0004" and row["view"] == "2CH":
            row["expert_discs"] = ""
    for row in mask_outcomes(written(tmp_path, rows)).rows:
        ef = row.outcome == "ef_error"
        assert (row.counted, row.unmeasured) == ((6, 2) if ef else (32, 0))


def test_discs_are_read_as_they_were_measured():
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 15:45], mask[12:50, 20:40] = 2, 1
    found = overlaps.discs_of(overlaps.discs(mask, np.array([0.5, 0.4])))
    assert found is not None
    for own, expected in zip(found, diameters(mask, (0.5, 0.4)), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-3)
    speck = np.zeros_like(mask)
    speck[5:7, 5:7] = 1  # all of it is as far from its middle
    for nothing in (np.zeros_like(mask), speck):
        assert overlaps.discs(nothing, np.array([0.5, 0.5])) == ""
    assert overlaps.discs_of("") is None


@pytest.mark.parametrize(
    ("column", "value"), [("dice_lv", "1.5"), ("drawn", "2"), ("discs", "80 40"), ("fold", "-1")]
)
def test_a_line_that_is_no_comparison_is_refused_by_number(tmp_path: Path, column, value):
    one, two = itertools.islice(invent(), 2)
    with pytest.raises(InputError, match=r"line 3.*no comparison of masks"):
        written(tmp_path, [one, {**two, column: value}])


def test_gains_are_differences_in_points_against_none_and_against_bicubic(tmp_path: Path):
    found = mask_outcomes(written(tmp_path, invent()))
    gains = {(row.outcome, row.cell.sr): row for row in found.gains}
    assert len(gains) == 5 * 3
    for outcome in ("dice", "dice_lv", "dice_myocardium", "dice_la"):
        for sr, gain in HELP.items():
            row = gains[outcome, sr]
            assert row.change == pytest.approx(100 * gain)
            assert row.after - row.before == pytest.approx(row.change)
            assert row.low <= row.change <= row.high
            expected = 3.0 if sr == "srresnet" else math.nan  # CLAHE has no such counterpart
            assert row.bicubic_change == pytest.approx(expected, nan_ok=True)
    assert gains["dice", "srresnet"].p < 0.05
    error = gains["ef_error", "srresnet"]
    assert error.change < error.bicubic_change < 0
    assert (error.counted, error.patients, error.seeds) == (8, 8, 2)
    assert error.before == pytest.approx(np.mean(_errors(tmp_path)), abs=0.01)
    means = {(row.outcome, row.sr): row for row in found.means}
    assert means["dice", "clahe"].change == pytest.approx(-2.0)
    assert {row.cells for row in found.means} == {1}


def _errors(run: Path) -> list[float]:
    """Errors without enhancement, on poor frames, by the diameters that were invented."""
    with (run / "overlaps.csv").open() as file:
        rows = list(csv.DictReader(file))
    own = [r for r in rows if (r["sr"], r["test"], r["phase"]) == ("none", "poor", "ES")]
    pairs: dict[tuple[str, str], list[float]] = {}
    for row in own:
        key = row["patient"], row["seed"]
        pairs.setdefault(key, []).append(float(row["discs"].split()[1]))
    expert = 100 * (1 - (26 / 40) ** 2)
    return [abs(100 * (1 - np.prod(two) / 40**2) - expert) for two in pairs.values()]


def test_few_patients_or_trainings_give_no_interval(tmp_path: Path):
    few = mask_outcomes(written(tmp_path / "few", invent(patients=4)))
    assert all(math.isnan(row.low) and row.value > 0 for row in few.rows)
    assert all(math.isnan(row.low) for row in few.gains)


def test_the_report_has_a_section_of_masks_and_its_tables(make_run, tmp_path: Path):
    run = make_run(tmp_path / "run", patients=6, seeds=2, protocols=["patient"])
    report.build(run)
    assert "Masks of the left heart" not in (run / "report.md").read_text()
    assert not (run / "tables" / "outcomes.csv").exists()
    primary = (run / "tables" / "primary.csv").read_text()
    written(run, invent())
    report.build(run)
    text = (run / "report.md").read_text()
    section = text[text.index("## Masks of the left heart") :]
    section = section[: section.index("\n## ")]
    for word in ("Exploratory", "Dice of the myocardium", "SRResNet, restore", "of the ejection"):
        assert word in section
    assert "good 8, poor 8" in section  # patients
    for name in ("outcomes", "outcome_gain", "outcome_mean_gain"):
        assert (run / "tables" / f"{name}.csv").stat().st_size > 0
        assert (run / "tables" / f"{name}_patient.tex").stat().st_size > 0
    assert (run / "figures" / "masks_patient.png").stat().st_size > 0
    assert (run / "tables" / "primary.csv").read_text() == primary
    with (run / "tables" / "outcomes.csv").open() as file:
        (dice,) = [
            row
            for row in csv.DictReader(file)
            if (row["outcome"], row["test"], row["sr"]) == ("dice", "poor", "none")
        ]
    assert 0.7 < float(dice["value"]) < 0.9
    assert float(dice["low"]) < float(dice["value"]) < float(dice["high"])


def test_masks_that_were_asked_for_and_are_not_there_are_told(make_run, tmp_path: Path):
    run = make_run(tmp_path / "run", patients=6, protocols=["patient"])
    with (run / "config.toml").open("a") as file:
        file.write('outcomes = ["accuracy", "dice"]\n')
    report.build(run)
    assert "No masks are in this run yet." in (run / "report.md").read_text()


def test_cells_of_masks_are_those_of_a_task_and_asked_for_only_if_named():
    assert mask_cells(StudyConfig()) == []
    both = StudyConfig(outcomes=("accuracy", "ef"))
    of_masks = [cell._replace(task="view") for cell in mask_cells(both)]
    assert of_masks == [cell for cell in all_cells(both) if cell.task == "view"]
    assert all_cells(StudyConfig(outcomes=("dice",))) == []


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Frames of 36 patients in both views; of every sixth these differ in quality."""
    names = [f"patient{k:04d}" for k in range(36)]
    table = list(itertools.product(range(36), range(2), range(2)))
    quality = [(k + (view and k % 6 == 5)) % 3 for k, view, _ in table]
    images = [np.full((8, 8), k, np.uint8) for k in range(len(table))]
    masks: list[np.ndarray | None] = list(images)
    masks[0] = None  # of patient0000
    return Frames(
        images,
        masks,
        patient=np.array([names[k] for k, _, _ in table]),
        view=np.array([view for _, view, _ in table], np.int8),
        phase=np.array([phase for _, _, phase in table], np.int8),
        quality=np.array(quality, np.int8),
        spacing=np.ones((len(table), 2), np.float32),
    )


@pytest.mark.parametrize("protocol", ["patient", "paper"])
def test_an_ef_is_asked_of_whole_patients_of_one_quality_that_nobody_learned_from(frames, protocol):
    folds = make_folds(frames, protocol=protocol, sr_quality=["good"], parts=3, folds=3, seed=0)
    asked: list[str] = []
    for fold, train, test in itertools.product(folds, QUALITIES, QUALITIES):
        cell = PLAIN._replace(protocol=protocol, train=train, test=test)
        whole = masked.whole(frames, fold, cell)
        own = frames.take(whole)
        assert not set(whole) & set(fold.train[train])
        assert all(QUALITIES[quality] == test for quality in own.quality)
        patients, number = np.unique(own.patient, return_counts=True)
        assert set(number) <= {4}
        assert "patient0000" not in patients
        if protocol == "patient":
            assert not set(own.group) & set(frames.group[fold.train[train]])
            asked += patients.tolist() if train == "good" else []
    if protocol == "patient":  # every one of one quality, but for who lacks a mask, once
        expected = [f"patient{k:04d}" for k in range(1, 36) if k % 6 != 5]
        assert sorted(asked) == expected


def test_masks_are_compared_on_what_classifiers_are_tested_on(frames):
    (fold,) = make_folds(frames, protocol="patient", sr_quality=["good"], parts=3, folds=1, seed=0)
    for test in QUALITIES:
        cell = PLAIN._replace(test=test)
        drawn = masked.drawn(frames, fold, cell)
        assert set(drawn) == set(fold.test("good", test)) - {0}
        every = masked.asked(frames, fold, cell, ef=True)
        assert set(every) == set(drawn) | set(masked.whole(frames, fold, cell))


def test_frames_without_masks_are_refused_by_what_names_them(frames):
    bare = Frames(frames.images, [None] * len(frames), **frames.table)
    folds = make_folds(bare, protocol="patient", sr_quality=["good"], parts=3, folds=1, seed=0)
    with pytest.raises(InputError, match="no masks of good frames to learn from"):
        masked.check(bare, folds, PLAIN)
    one_view = frames.take(frames.where(views=["2CH"]))
    folds = make_folds(one_view, protocol="patient", sr_quality=["good"], parts=3, folds=1, seed=0)
    masked.check(one_view, folds, PLAIN)
    with pytest.raises(InputError, match="no patient has both views"):
        masked.check_whole(one_view, folds, [PLAIN])
