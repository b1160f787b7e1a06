"""What each cause of quality does to a frame, and where."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from echojax.simulate.quality import CAUSES
from echojax.simulate.view import draw_frames, draw_view

DRAWN = draw_view(3, 0, "4CH", "Good")
# The gain as usual near and far, so that only causes make a difference between them.
VIEW = dataclasses.replace(
    DRAWN, scene=dataclasses.replace(DRAWN.scene, near_gain=0.0, far_gain=0.0)
)
# A frame that nothing spoils.
CLEAN = {
    "gain": -10.0,
    "dynamic_range": 70.0,
    "chest_wall": 0.0,
    "attenuation": 0.0,
    "aperture": 1.0,
    "noise": 0.7,
    "haze": -60.0,
    "clutter": -50.0,
    "edge_loss": 0.0,
    "shadow": 0.0,
    "shadow_at": 0.4,
    "dropout": 0.0,
}


class Places(NamedTuple):
    """Of every pixel: depth in mm, place across the sector from -1 to 1, label."""

    depth: np.ndarray
    across: np.ndarray
    label: np.ndarray


def shown(**causes):
    """The ED frame with some causes, and its places."""
    appearance = dataclasses.replace(VIEW.appearance, **(CLEAN | causes))
    frames = draw_frames(dataclasses.replace(VIEW, appearance=appearance), 200)
    rows, columns = np.indices(frames.images.shape[1:])
    x = (columns + 0.5 - frames.images.shape[2] / 2) * frames.spacing
    z = (rows + 0.5) * frames.spacing
    places = Places(
        np.hypot(x, z), np.arctan2(x, z) / VIEW.sector.half_angle, frames.masks[0].astype(int)
    )
    return frames.images[0].astype(float), places


def everywhere(places):
    return (places.depth < VIEW.sector.depth) & (abs(places.across) < 1)


def near(places):
    return everywhere(places) & (places.depth < 25)


def deep(places):
    return everywhere(places) & (places.depth > 0.8 * VIEW.sector.depth)


def walls(places):
    return places.label == 2


def cavity(places):
    return places.label == 1


def across(low, high):
    return lambda places: everywhere(places) & (places.across > low) & (places.across < high)


TABLE = [
    # cause, from, to, brighter (1) or darker (-1), where, and where by far less
    ("gain", -15, -8, 1, everywhere, None),
    ("dynamic_range", 60, 80, 1, everywhere, None),
    ("chest_wall", 0, 16, -1, everywhere, None),
    ("attenuation", 0, 1, -1, deep, near),
    ("noise", 0.7, 14, 1, deep, near),
    ("haze", -60, -35, 1, cavity, walls),
    ("clutter", -50, -15, 1, near, deep),
    ("edge_loss", 0, 18, -1, across(0.8, 1), across(-1, 0)),
    ("shadow", 0, 18, -1, across(0.35, 0.45), across(-1, 0)),
    ("dropout", 0, 11, -1, walls, cavity),
]


@pytest.mark.parametrize(("cause", "low", "high", "sign", "where", "not_where"), TABLE)
def test_a_cause_makes_frames_brighter_or_darker_where_it_acts(
    cause, low, high, sign, where, not_where
):
    before, places = shown(**{cause: float(low)})
    after, _ = shown(**{cause: float(high)})
    change = sign * (after - before)
    assert change[where(places)].mean() > 3
    if not_where is not None:
        assert abs(change[not_where(places)].mean()) < change[where(places)].mean() / 2


def test_a_shadow_moves():
    left, places = shown(shadow=18.0, shadow_at=-0.5)
    right, _ = shown(shadow=18.0, shadow_at=0.5)
    change = right - left
    assert change[across(-0.55, -0.45)(places)].mean() > 3
    assert change[across(0.45, 0.55)(places)].mean() < -3


def test_a_smaller_aperture_blurs_across_the_beams():
    def smoothness(image, places):
        """Correlation of neighbours, left and right, four pixels apart."""
        inside = cavity(places)[:, 4:] & cavity(places)[:, :-4]
        return np.corrcoef(image[:, 4:][inside], image[:, :-4][inside])[0, 1]

    assert smoothness(*shown(aperture=0.45)) > smoothness(*shown(aperture=1.0)) + 0.15


def test_every_cause_is_tested():
    assert {row[0] for row in TABLE} | {"shadow_at", "aperture"} == CAUSES.keys() == CLEAN.keys()
