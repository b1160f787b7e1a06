import numpy as np
import pytest

from echojax.data.summary import spacing_remarks


@pytest.fixture
def remarks(make_frames):
    """What is said of two frames of 200 rows, of which 150 show something."""

    def of(spacing):
        image = np.zeros((200, 100), np.uint8)
        image[20:170] = 90
        return list(spacing_remarks(make_frames([image, image], ["a", "b"], spacing=spacing)))

    return of


def test_plausible_spacing_needs_no_remark(remarks):
    assert remarks((0.9, 0.5)) == []


def test_a_unit_is_no_measurement(remarks):
    (said,) = remarks((1.0, 1.0))
    assert said.startswith("the spacing of 2 of 2 frames is exactly 1 x 1 mm")


@pytest.mark.parametrize(("rows", "depth"), [(0.3, 45), (2.5, 375)])
def test_a_sector_that_no_heart_fills_is_remarked_on(remarks, rows, depth):
    (said,) = remarks((rows, 0.5))
    assert said == (
        f"by their spacing, the sector of 2 of 2 frames is {depth} to {depth} mm deep; "
        "a heart seen from the apex takes 60 to 300"
    )
