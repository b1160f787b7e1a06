"""Ejection fractions and borders of automatic masks."""

import numpy as np
import pytest

from echojax.inference.measures import Plane, ejection_fraction, volume
from echojax.inference.regions import divide
from echojax.studies.grading import boundary, ejection
from echojax.studies.grading.grades import Key, Source
from echojax.vocabulary import QUALITIES
from tests.inference.test_measures import heart
from tests.studies.grading.conftest import SPACING, shifted, wider


def words(frames):
    return [QUALITIES[quality] for quality in frames.quality]


def expert(frames):
    return lambda index: frames.masks[index]


def test_masks_that_agree_give_the_same_fraction(hearts):
    rows = list(ejection.measure(hearts, expert(hearts), expert(hearts), words(hearts)))
    assert len(rows) == 18
    planes = [Plane(mask, SPACING) for mask in hearts.masks[:4]]
    own = ejection_fraction(volume(planes[0], planes[2]), volume(planes[1], planes[3]))
    assert rows[0].expert == rows[0].automatic == pytest.approx(own)
    assert 30 < own < 60
    assert [row.quality for row in rows[:3]] == ["good", "medium", "poor"]


def test_patients_without_one_of_the_masks_are_left_out(hearts):
    def some(index):
        return None if index == 5 else hearts.masks[index]

    rows = list(ejection.measure(hearts, expert(hearts), some, words(hearts)))
    assert len(rows) == 17
    assert "patient0001" not in {row.patient for row in rows}


def test_limits_are_wide_where_masks_are_bad(hearts, invented, tmp_path):
    """Masks of poor frames are off at random; those of others agree."""
    rng = np.random.default_rng(2)

    def automatic(index):
        mask = hearts.masks[index]
        poor = hearts.quality[index] == 2
        return wider(mask) if poor and rng.random() < 0.5 else mask

    patients = list(ejection.measure(hearts, expert(hearts), automatic, words(hearts)))
    ejection.write(tmp_path, patients)
    assert [row.patient for row in ejection.read(tmp_path)] == [row.patient for row in patients]
    grade = {i: np.full(8, 5.0 - q) for i, q in zip(hearts.ids, hearts.quality, strict=True)}
    scores = invented(grade, {Source("automatic", "cr"): lambda g: g + 1e-3 * rng.random(8)})
    rows = {(row.by, row.group): row for row in ejection.ejection_rows(patients, scores)}
    assert rows[ejection.LABEL, "good"].sd == 0
    poor = rows[ejection.LABEL, "poor"]
    assert poor.sd > 1
    assert poor.upper - poor.lower == pytest.approx(2 * 1.96 * poor.sd)
    assert poor.sd_low <= poor.sd <= poor.sd_high
    assert rows["cr", "lowest third"].sd == pytest.approx(poor.sd)
    assert rows["cr", "highest third"].sd == 0
    assert rows[ejection.LABEL, "all"].patients == 18


def distances(expert_mask, automatic):
    key = Key("patient0001_2CH_ED", "patient0001", "2CH", "ED", "good")
    regions = divide(expert_mask, SPACING, np.ones(expert_mask.shape, bool))
    return list(boundary.measure(key, expert_mask, automatic, regions, SPACING))


def test_a_border_is_no_distance_from_itself():
    mask = heart(spacing=SPACING).mask
    found = distances(mask, mask)
    assert {(each.border, each.distance) for each in found} == {(b, 0) for b in boundary.BORDERS}
    assert len(found) == 12


def test_a_shifted_mask_is_off_by_as_much_at_its_sides():
    mask = heart(spacing=SPACING).mask
    found = {(b.border, b.region): b.distance for b in distances(mask, shifted(mask, 3))}
    # Where the wall is steep, a shift to the side is nearly its distance; at the apex it is less.
    for border in boundary.BORDERS:
        assert 2 < found[border, "basal left"] <= 3
        assert found[border, "apical left"] < found[border, "basal left"]


def test_a_wider_cavity_moves_the_endocardium_alone():
    mask = heart(spacing=SPACING).mask
    found = distances(mask, wider(mask))
    inner = [each.distance for each in found if each.border == "endocardium"]
    outer = [each.distance for each in found if each.border == "epicardium"]
    assert np.mean(inner) == pytest.approx(1, abs=0.25)
    assert outer == [0] * 6


def test_borders_that_follow_grades_are_found(invented, truth, tmp_path):
    rng = np.random.default_rng(0)
    borders = [
        boundary.Border(
            frame, frame[:11], "good", "endocardium", region, 6 - g + 0.1 * rng.random()
        )
        for frame, grades in truth.items()
        for region, g in zip(boundary.REGIONS[:6], grades, strict=False)
    ]
    boundary.write(tmp_path, borders)
    assert len(boundary.read(tmp_path)) == len(borders)
    scores = invented(truth, {Source("automatic", "cr"): lambda grades: grades})
    rows = {(r.by, r.region): r for r in boundary.border_rows(borders, scores)}
    assert rows["cr", "all"].value < -0.95
    assert rows["cr", "all"].regions == 360
    mean = np.mean([each.distance for each in borders])
    assert rows["quality", "all"].value == pytest.approx(mean)
