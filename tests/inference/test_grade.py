"""Grades of regions: of one frame, and of a clip that goes by frame by frame."""

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.inference import arqee_regions, regions
from echojax.inference.contrast import contrast
from echojax.inference.grade import grade, grade_as_arqee
from echojax.inference.grade_lines import LINES, Line, Scores
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import REGIONS
from echojax.inference.scorers import Coherence, EndToEnd, Pixels
from tests.inference.test_measures import heart

MASK, SPACING = heart(spacing=(0.8, 0.8))


def frame_of(mask, wall=150, seed=0):
    """Speckle, the wall brighter than what is around it."""
    noise = np.random.default_rng(seed).normal(size=mask.shape)
    levels = np.where(mask == MYOCARDIUM, wall, 60) + 20 * noise
    return levels.clip(10, 255).astype(np.uint8)


class Counting:
    """A method whose grade is how many frames it has seen; it keeps what it saw."""

    needs_mask = True

    def __init__(self):
        self.seen = []

    def __call__(self, seen):
        self.seen.append(seen)
        every = np.full(len(REGIONS), float(len(self.seen)))
        return Scores(every, every, every)


def graded(*pairs, scorer, clip=False):
    return list(grade(iter(pairs), SPACING, scorer, clip=clip))


@pytest.mark.parametrize("measure", ["gcnr", "cr"])
@pytest.mark.parametrize("rule", ["literature", "arqee"])
def test_a_contrast_becomes_the_grade_of_its_line(measure, rule):
    frame = frame_of(MASK)
    line = Line(0.2, 0.1, "", spread=0.5)
    (found,) = graded((frame, MASK), scorer=Pixels(measure, rule, line))
    region = found.seen.regions.masks[1]
    value = getattr(contrast(frame, region, MASK == LV, rule), measure)
    expected = np.clip([(value - 0.1) / 0.2 + step for step in (0, -0.98, 0.98)], 1, 5)
    assert [scores[1] for scores in found.scores] == pytest.approx(expected)


def test_a_brighter_wall_has_a_better_grade():
    scorer = Pixels("cr", "literature", LINES["cr", "literature"])
    grades = [
        graded((frame_of(MASK, wall), MASK), scorer=scorer)[0].scores.grades[:6].mean()
        for wall in (60, 80, 90)
    ]
    assert grades == sorted(set(grades))


def test_grades_and_intervals_stay_on_the_scale():
    values = np.array([-9.0, 1, 2, 3, 4, 5, 9, np.nan])
    scores = Line(1.0, 0.0, "", spread=1.0).scores(values)
    np.testing.assert_allclose(scores.grades, [1, 1, 2, 3, 4, 5, 5, np.nan])
    assert np.nanmin(scores.low) == 1
    assert np.nanmax(scores.high) == 5
    assert np.isnan(Line(1.0, 0.0, "").scores(values).low).all()  # the error is not known


def test_what_lies_outside_of_the_sector_is_not_graded():
    frame = frame_of(MASK)
    frame[:, : frame.shape[1] // 2] = 0
    (found,) = graded((frame, MASK), scorer=Counting())
    left = [number for number, name in enumerate(REGIONS) if "left" in name]
    for number, reason in enumerate(found.reasons):
        assert ("less than half" in reason) == (number in left)
        for scores in found.scores:
            assert np.isnan(scores[number]) == (number in left)


def test_a_mask_that_cannot_be_divided_says_why_and_the_others_go_on():
    frame, method = frame_of(MASK), Counting()
    without = np.zeros_like(MASK)
    found = graded((frame, MASK), (frame, without), (frame, MASK), scorer=method, clip=True)
    assert set(found[1].reasons) == {"the mask has no left ventricle"}
    assert np.isnan(found[1].scores.grades).all()
    assert found[1].seen.regions is None
    assert [found[k].reasons[0] for k in (0, 2)] == ["", ""]
    assert len(method.seen) == 2


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_the_points_of_a_clip_are_smoothed_as_if_it_were_all_in_memory(number):
    hearts = [heart(75 + step % 3 * 5, spacing=SPACING).mask for step in range(number)]
    points = regions.smoothed([regions.key_points(mask, SPACING) for mask in hearts])
    pairs = [(frame_of(mask, seed=seed), mask) for seed, mask in enumerate(hearts)]
    found = graded(*pairs, scorer=Counting(), clip=True)
    assert len(found) == number
    for each, (frame, mask), own in zip(found, pairs, points, strict=True):
        np.testing.assert_array_equal(each.seen.frame, frame)
        expected = regions.divide(mask, SPACING, np.ones(mask.shape, bool), own).masks
        np.testing.assert_array_equal(each.seen.regions.masks, expected)


def test_frames_are_taken_as_they_are_needed():
    taken = []

    def frames():
        for number in range(9):
            taken.append(number)
            yield frame_of(MASK, seed=number), MASK

    stream = grade(frames(), SPACING, Counting(), clip=True)
    next(stream)
    assert len(taken) == 3  # two ahead


def test_a_method_that_needs_no_mask_grades_without():
    method = Counting()
    (found,) = graded((frame_of(MASK), None), scorer=method)
    assert set(found.reasons) == {"no mask says where its regions are"}
    method.needs_mask = False
    (found,) = graded((frame_of(MASK), None), scorer=method)
    assert (found.scores.grades == 1).all()


def test_errors_that_are_no_reason_are_not_swallowed():
    class Broken(Counting):
        def __call__(self, seen):
            raise InputError("of the network")

    with pytest.raises(InputError, match="of the network"):
        graded((frame_of(MASK), MASK), scorer=Broken())


def test_as_arqee_regions_are_those_of_a_square_map():
    mask, spacing = heart(spacing=(0.4, 0.3))
    method = Counting()
    (found,) = grade_as_arqee([(frame_of(mask), mask)], spacing, method)
    (seen,) = method.seen
    assert seen.frame.shape == seen.mask.shape == (256, 256)
    height, width = (n * step for n, step in zip(mask.shape, spacing, strict=True))
    assert seen.spacing == pytest.approx((height / 256, width / 256))
    expected = arqee_regions.divide(seen.mask, np.ones((256, 256), bool)).masks
    np.testing.assert_array_equal(seen.regions.masks, expected)
    assert (found.scores.grades == 1).all()
    (none,) = grade_as_arqee([(frame_of(mask), np.zeros_like(mask))], spacing, method)
    assert set(none.reasons) == {"the mask has no left ventricle"}


def test_coherence_is_averaged_over_what_the_sector_has_of_a_region():
    frame = frame_of(MASK)
    frame[:, : frame.shape[1] * 45 // 100] = 0

    def predict(image):
        return np.where(image > 0, 0.6, 0.1)

    line = Line(0.2, 0.0, "")
    (found,) = graded((frame, MASK), scorer=Coherence(predict, line))
    known = ~np.isnan(found.scores.grades)
    assert known[4]
    assert not known[0]
    assert found.scores.grades[known] == pytest.approx(3, abs=1e-6)


def test_end_to_end_grades_without_a_mask_but_not_what_a_mask_puts_outside():
    grades = Scores(np.arange(8.0) / 2 + 1, np.full(8, 1.0), np.full(8, 5.0))
    scorer = EndToEnd(lambda _: grades)
    frame = frame_of(MASK)
    (found,) = graded((frame, None), scorer=scorer)
    np.testing.assert_array_equal(found.scores.grades, grades.grades)
    frame[:, : frame.shape[1] // 2] = 0
    (found,) = graded((frame, MASK), scorer=scorer)
    assert np.isnan(found.scores.grades[[0, 1, 6]]).all()
    np.testing.assert_array_equal(found.scores.grades[[4, 5, 7]], grades.grades[[4, 5, 7]])
