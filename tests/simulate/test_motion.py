"""What moves between ED and ES: speckle goes with tissue, blood is stirred, valves close."""

import dataclasses
from itertools import pairwise

import jax
import numpy as np
import pytest
from scipy import ndimage

from echojax.simulate import motion, tissue
from echojax.simulate.anatomy import draw_heart, draw_section, heart_axes
from echojax.simulate.motion import excursion
from echojax.simulate.tissue import LABELS, Tissue
from echojax.simulate.view import draw_frames, draw_view
from tests.simulate.reading import VIEWS

# Compiled: one by one their operations take far longer.
displacement, material, tissues, leaflets = map(
    jax.jit, (motion.displacement, motion.material, tissue.tissues, tissue.leaflets)
)

ROWS, FRAMES = 256, 5
# Between the phases tissue moves most: by several grains of speckle from frame to frame.
FASTEST = slice(1, 4)


@pytest.fixture(scope="module")
def shown():
    """Views with their sequences; what is seen of blood is blood alone."""
    views = [draw_view(0, number, name, "Good") for number in range(2) for name in VIEWS]
    return [(view, draw_frames(view, ROWS, FRAMES)) for view in map(clear, views)]


def clear(view):
    """A view without stray echo, which stays where it is, and with smooth walls."""
    empty = {name: 0 * getattr(view.section, name) for name in ("papillaries", "trabeculae")}
    # An ellipse has to have a size.
    empty["papillaries"] = empty["papillaries"] + np.float32([0, 1e3, 1, 0])
    return dataclasses.replace(
        view,
        section=dataclasses.replace(view.section, **empty),
        appearance=dataclasses.replace(view.appearance, haze=-120.0, clutter=-120.0),
    )


def patch(view, part, across):
    """Points (x, z) in mm at ED, 16 mm long and 6 mm wide, `part` of the way down the LV."""
    section = view.section
    along = section.apical + part * section.length
    down, aside = np.meshgrid(
        along + np.arange(-8, 8, 0.4), across + np.arange(-3, 3, 0.4), indexing="ij"
    )
    right, deep = np.sin(section.tilt), np.cos(section.tilt)
    return (
        section.apex[0] + down * right + aside * deep,
        section.apex[1] + down * deep - aside * right,
    )


def septum(view):
    section = view.section
    return patch(view, 0.65, -0.95 * section.radius - section.wall[0] / 2)


def cavity(view):
    return patch(view, 0.4, 0.0)


def looked_at(sequence, frame, points):
    """Speckle at points: what is left of the gray levels without their slow changes."""
    x, z = (np.asarray(values) for values in points)
    image = sequence.images[frame].astype(float)
    at = z / sequence.spacing - 0.5, x / sequence.spacing + (image.shape[1] - 1) / 2
    seen = ndimage.map_coordinates(image, at, order=1)
    return seen - ndimage.gaussian_filter(seen, 5)


def followed(view, activity, points):
    shift = displacement(view.section, activity, *points)
    return tuple(p + np.asarray(s) for p, s in zip(points, shift, strict=True))


def likeness(shown, place, moving):
    """Mean correlation of consecutive frames where a place moves with the tissue, or stays."""
    found = []
    for view, sequence in shown:
        contracted = view.activities(FRAMES)
        for one, other in pairwise(range(FRAMES)[FASTEST]):
            here = followed(view, contracted[one], place(view))
            there = followed(view, contracted[other], place(view)) if moving else here
            pair = [looked_at(sequence, one, here), looked_at(sequence, other, there)]
            found.append(np.corrcoef(*(seen.ravel() for seen in pair))[0, 1])
    return np.mean(found)


def test_speckle_of_the_septum_moves_with_it(shown):
    moving, staying = (likeness(shown, septum, moving) for moving in (True, False))
    assert moving > 0.6
    assert moving > staying + 0.4


@pytest.mark.parametrize("moving", [True, False])
def test_speckle_of_blood_is_new_in_every_frame(shown, moving):
    assert abs(likeness(shown, cavity, moving)) < 0.25


def test_a_sequence_contracts_from_ed_to_es_slowest_at_both_ends():
    view = dataclasses.replace(draw_view(0, 0, "2CH", "Good"), late=0.0, early=0.0)
    contracted = view.activities(9)
    assert contracted[[0, -1]].tolist() == [0, 1]
    steps = np.diff(contracted)
    assert (steps > 0).all()
    assert steps.argmax() in (3, 4)
    assert steps[0] == pytest.approx(steps[-1], abs=1e-6)


def test_ed_and_es_lie_a_frame_or_two_within_the_extremes():
    views = [draw_view(0, number, name, "Good") for number in range(100) for name in VIEWS]
    off = np.array([[view.late, view.early] for view in views])
    assert (off >= 0).all()
    assert 0.8 < off.mean() < 1.6
    assert (off < 4).mean() > 0.95
    for view, (late, early) in zip(views, off, strict=True):
        first, last = view.activities(2)
        # As far as a whole recording would be after so many frames and before so many.
        assert first == pytest.approx((1 - np.cos(np.pi * late / view.length)) / 2, abs=1e-6)
        assert 1 - last == pytest.approx((1 - np.cos(np.pi * early / view.length)) / 2, abs=1e-6)
        assert view.activities(7)[[0, -1]].tolist() == [first, last]


@pytest.mark.parametrize("name", VIEWS)
def test_the_mitral_valve_is_closed_at_es_and_may_be_open_at_ed(name):
    rng = np.random.default_rng(4)
    section = dataclasses.replace(draw_section(rng, draw_heart(rng), name), opening=0.7)
    assert not spanned(section, 0.0)
    assert spanned(section, 1.0)
    assert spanned(dataclasses.replace(section, opening=0.0), 0.0)


def spanned(section, activity):
    """Whether leaflets leave no gap wider than a millimetre in the middle of the mitral valve."""
    z, x = np.mgrid[0:160:0.5, -80:80:0.5]
    shown = np.asarray(leaflets(section, activity, x, z)) > 0.4
    _, across = heart_axes(section, x, z)
    sway = activity * section.swing * section.base
    across = np.asarray(across)[shown] + sway
    half = 0.3 * section.radius
    return np.isin(np.arange(-half, half, 1).round(), across.round()).all()


def test_only_the_four_chamber_view_shows_a_right_heart():
    rng = np.random.default_rng(0)
    heart = draw_heart(rng)
    z, x = np.mgrid[0:160, -100:100]
    shown = {view: tissues(draw_section(rng, heart, view), x, z) for view in VIEWS}
    right = {view: (shown[view] == Tissue.RIGHT_CAVITY).sum() for view in VIEWS}
    assert right["2CH"] == 0
    assert right["4CH"] > 1000


def hearts(number):
    rng = np.random.default_rng(5)
    for _ in range(number):
        heart = draw_heart(rng)
        yield from (draw_section(rng, heart, view) for view in VIEWS)


def test_displacement_is_undone_by_material_all_over_the_heart():
    z, x = (axis.astype(np.float32) for axis in np.mgrid[0:180:1.5, -90:90:1.5])
    off = []
    for section in hearts(6):
        there = np.asarray(tissues(section, x, z)) > 0
        shift = displacement(section, 1.0, x, z)
        back = material(section, 1.0, x + np.asarray(shift[0]), z + np.asarray(shift[1]))
        distance = np.hypot(np.asarray(back[0]) - x, np.asarray(back[1]) - z)
        off.append(distance[there])
    off = np.concatenate(off)
    assert np.quantile(off, 0.999) < 0.15
    # Level with the cavity's tip motion inwards sets in abruptly.
    assert (off > 1.2).sum() <= 5
    assert off.max() < 3.5


def test_every_label_is_one_piece_and_the_atrium_ends_at_its_roof():
    z, x = (axis.astype(np.float32) for axis in np.mgrid[0:220:0.5, -90:90:0.5])
    for section in hearts(6):
        mask = LABELS[np.asarray(tissues(section, x, z))]
        for label in (1, 2, 3):
            assert ndimage.label(mask == label)[1] == 1
        along, _ = heart_axes(section, x, z)
        assert np.asarray(along)[mask == 3].max() <= section.roof


def test_walls_reach_beyond_the_valve_plane_and_the_cavity_ends_there():
    z, x = (axis.astype(np.float32) for axis in np.mgrid[0:180:0.5, -90:90:0.5])
    for section in hearts(3):
        along, across = (np.asarray(axis) for axis in heart_axes(section, x, z))
        below = along - section.base
        way = (below > 0) & (np.abs(across) < section.taper * section.radius)
        for basal in (0.0, 8.0):
            shown = np.asarray(tissues(dataclasses.replace(section, basal=basal), x, z))
            assert below[shown == Tissue.MYOCARDIUM].max() == pytest.approx(basal, abs=0.5)
            assert below[shown == Tissue.LV_CAVITY].max() == pytest.approx(0, abs=0.5)
            solid = (Tissue.MYOCARDIUM, Tissue.PERICARDIUM)
            assert not np.isin(shown[way & (below < section.la_height / 2)], solid).any()


def test_walls_beyond_the_valve_plane_move_inwards_with_it():
    for section in hearts(3):
        plain = dataclasses.replace(section, basal=8.0)
        inwards, follows = excursion(plain, section.base + np.float32([-0.5, 0.5, 4.0, 7.5]))
        assert np.ptp(np.asarray(inwards)) < 0.1 * np.asarray(inwards).mean()
        assert (np.asarray(follows) > 0).all()


def test_an_atrium_beside_the_axis_widens_about_its_own_middle():
    section = next(hearts(1))
    moved = []
    for aside in (-8.0, 0.0, 8.0):
        plain = dataclasses.replace(
            section,
            la_shift=aside,
            basal=0.0,
            tilt=0.0,
            lean=0.0,
            swing=0.0,
            waves=0 * section.waves,
            apex=np.zeros(2, np.float32),
        )
        z = np.full(2, (section.base + section.roof) / 2, np.float32)
        x = np.float32([aside - section.la_radius, aside + section.la_radius])
        shift, _ = displacement(plain, 1.0, x, z)
        left, right = np.asarray(shift)
        assert left < -1
        assert right > 1
        assert left == pytest.approx(-right, rel=1e-3)
        moved.append(right)
    assert moved == pytest.approx([moved[0]] * 3, rel=1e-3)
