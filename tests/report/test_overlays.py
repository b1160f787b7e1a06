import numpy as np
import pytest

from echojax.report import grade_colours, overlays
from echojax.report.grade_colours import COLOURS, UNGRADED_COLOUR, colour_of
from echojax.report.overlays import Area
from echojax.vocabulary import GRADES, grade_word


@pytest.mark.parametrize(
    ("grade", "word"),
    [(1, 0), (1.49, 0), (1.5, 1), (2.4, 1), (2.5, 2), (3.5, 3), (4.49, 3), (4.5, 4), (5, 4)],
)
def test_a_grade_has_the_word_and_the_colour_of_the_nearest(grade, word):
    assert grade_word(grade) == GRADES[word]
    assert colour_of(grade) == COLOURS[GRADES[word]]


def test_what_has_no_grade_is_gray_and_in_no_grades_colour():
    assert grade_word(float("nan")) == "not assessable"
    assert colour_of(float("nan")) == UNGRADED_COLOUR
    assert len({*COLOURS.values(), UNGRADED_COLOUR}) == 6
    assert [text for text, _ in grade_colours.legend()][0::5] == ["1 not visible", "not assessable"]


def test_colours_are_told_apart_without_red_or_without_green():
    """By Vienot, Brettel and Mollon's simulation of dichromats, on linear light."""
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    linear = (np.array(list(COLOURS.values())) / 255) ** 2.2
    for seen in (linear @ protan.T, linear @ deutan.T):
        shown = 255 * seen.clip(0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(shown[:, None] - shown, axis=-1)
        assert apart[~np.eye(len(shown), dtype=bool)].min() > 50


def test_an_area_is_translucent_within_and_solid_along_its_outline():
    frame = np.full((480, 480), 100, np.uint8)
    mask = np.zeros(frame.shape, bool)
    mask[100:200, 100:300] = True
    colour = COLOURS["good"]
    picture = overlays.overlaid(frame, [Area(mask, colour)], frame.shape)
    assert (picture[50, 50] == 100).all()
    assert tuple(picture[100, 200]) == colour
    inside = picture[150, 200].astype(int)
    assert (np.sign(inside - 100) == np.sign(np.array(colour) - 100)).all()
    assert (inside != colour).all()
    outlined = overlays.overlaid(frame, [Area(mask, colour, filled=False)], frame.shape)
    assert (outlined[150, 200] == 100).all()
    assert tuple(outlined[100, 200]) == colour


def test_pixels_are_shown_square_and_small_frames_enlarged():
    assert overlays.shown_size((600, 800), None) == (600, 800)
    assert overlays.shown_size((224, 224), None) == (672, 672)
    rows, columns = overlays.shown_size((1000, 500), (0.154, 0.308))
    assert rows == pytest.approx(columns, abs=1)


@pytest.mark.parametrize("width", [120, 480, 900])
def test_a_legend_is_as_wide_as_its_picture_and_has_every_colour(width):
    strip = overlays.legend(list(grade_colours.legend()), width, "how")
    assert strip.shape[1:] == (width, 3)
    there = {tuple(pixel) for pixel in strip.reshape(-1, 3)}
    assert {*COLOURS.values(), UNGRADED_COLOUR} <= there


def test_an_area_is_told_by_its_text_too():
    frame = np.zeros((480, 480), np.uint8)
    mask = np.zeros(frame.shape, bool)
    mask[100:200, 100:300] = True
    small = np.zeros(frame.shape, bool)
    small[300:310, 300:310] = True
    colour = COLOURS["good"]
    areas = [Area(mask, colour, text="4.1"), Area(small, colour, text="3.9")]
    white = (overlays.overlaid(frame, areas, frame.shape) == 255).all(axis=2)
    assert white[140:160, 180:220].any()
    assert white[311:340, 290:320].any()  # below, and nothing is hidden
    assert not white[300:310, 300:310].any()
