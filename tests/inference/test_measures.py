import numpy as np
import pytest

from echojax.errors import InputError
from echojax.inference.measures import (
    LA,
    LV,
    MYOCARDIUM,
    Plane,
    areas,
    ejection_fraction,
    long_axis,
    volume,
)
from echojax.vocabulary import PHASES, VIEWS
from tfds_camus.files import read_frame

SPACING = (0.5, 0.25)


def heart(length=80.0, width=40.0, spacing=SPACING):
    """Half an ellipsoid of revolution, its base down, in a wall of 8 mm and above an atrium."""
    rows, columns = np.mgrid[0 : 130 / spacing[0], 0 : 100 / spacing[1]]
    down, right = rows * spacing[0] - 20, columns * spacing[1] - 50
    above = down <= length

    def ellipse(more):
        return ((down - length) / (length + more)) ** 2 + (right / (width / 2 + more)) ** 2 <= 1

    mask = np.zeros(down.shape, np.uint8)
    mask[(down > length) & (down < length + 20) & (np.abs(right) < width / 2)] = LA
    mask[above & ellipse(8)] = MYOCARDIUM
    mask[above & ellipse(0)] = LV
    return Plane(mask, spacing)


def test_half_an_ellipsoid_has_its_length_area_and_volume():
    plane = heart()
    axis = long_axis(*plane)
    assert axis.length == pytest.approx(80, abs=0.6)
    assert np.linalg.norm(axis.annulus[1] - axis.annulus[0]) == pytest.approx(40, abs=0.6)
    assert axis.annulus[0, 1] < axis.annulus[1, 1]
    assert areas(*plane)["lv"] == pytest.approx(np.pi * 80 * 20 / 2, rel=0.01)
    whole = 2 / 3 * np.pi * 80 * 20**2 / 1000
    assert volume(plane, plane) == pytest.approx(whole, rel=0.02)


def test_two_views_of_different_pixels_make_one_volume():
    one, other = heart(width=40), heart(width=30, spacing=(0.3, 0.3))
    whole = 2 / 3 * np.pi * 80 * 20 * 15 / 1000
    assert volume(one, other) == pytest.approx(whole, rel=0.02)
    assert volume(other, one) == pytest.approx(volume(one, other))


def test_upside_down_and_mirrored_it_measures_the_same():
    plane = heart()
    for mask in (plane.mask[::-1], plane.mask[:, ::-1]):
        turned = Plane(mask, SPACING)
        assert volume(turned, turned) == pytest.approx(volume(plane, plane), rel=0.01)


def test_the_ejection_fraction_is_the_share_that_leaves():
    assert ejection_fraction(100, 40) == 60
    with pytest.raises(InputError, match="no ejection fraction"):
        ejection_fraction(0, 0)


def test_what_has_no_axis_is_told():
    with pytest.raises(InputError, match="no left ventricle"):
        long_axis(np.zeros((9, 9), np.uint8), SPACING)
    closed = np.full((9, 9), MYOCARDIUM, np.uint8)
    closed[4, 4] = LV
    with pytest.raises(InputError, match="no valve plane"):
        long_axis(closed, SPACING)


@pytest.mark.parametrize("patient", ["patient0001", "patient0004"])
def test_ejection_fractions_of_true_spacing_are_those_of_the_release(shared_data, patient):
    """CAMUS's own come from the same masks."""
    folder = shared_data / "camus_mhd" / "training" / patient
    found = {
        (view, phase): Plane(*read_frame(folder / f"{patient}_{view}_{phase}_gt.mhd"))
        for view in VIEWS
        for phase in PHASES
    }
    diastolic, systolic = (volume(*(found[view, phase] for view in VIEWS)) for phase in PHASES)
    info = dict(line.split(": ") for line in (folder / "Info_4CH.cfg").read_text().splitlines())
    assert ejection_fraction(diastolic, systolic) == pytest.approx(float(info["LVef"]), abs=1.5)
    assert diastolic == pytest.approx(float(info["LVedv"]), rel=0.02)
    assert systolic == pytest.approx(float(info["LVesv"]), rel=0.02)
