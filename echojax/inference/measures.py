"""What masks of the left heart measure: lengths and areas, volumes and ejection fraction.

Volumes are those of the biplane method of discs (modified Simpson; Lang et al., Journal of the
American Society of Echocardiography 28, 2015). They are as true as the spacing of pixels is.
"""

from typing import NamedTuple

import numpy as np

from echojax.errors import InputError

LV, MYOCARDIUM, LA = 1, 2, 3  # in CAMUS's masks; 0 is background
DISCS = 20
Discs = tuple[np.ndarray, float]  # their diameters from base to apex (20,), and the axis's length
_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))


class LongAxis(NamedTuple):
    """The long axis of a left ventricle in one view, in mm; points are (row, column).

    Attributes:
        base: the middle of the valve plane.
        apex: the point of the cavity that is farthest from it; the middle of several.
        annulus: the ends of the valve plane, the one of the smaller column first, (2, 2).
    """

    base: np.ndarray
    apex: np.ndarray
    annulus: np.ndarray

    @property
    def length(self) -> float:
        """In mm."""
        return float(np.linalg.norm(self.apex - self.base))


def areas(mask: np.ndarray, spacing: tuple[float, float]) -> dict[str, float]:
    """Areas of the structures of a mask, in mm2.

    Args:
        mask: labels (rows, columns).
        spacing: of rows and of columns, mm.
    """
    pixel = spacing[0] * spacing[1]
    named = (("lv", LV), ("myocardium", MYOCARDIUM), ("la", LA))
    return {name: float(np.count_nonzero(mask == label) * pixel) for name, label in named}


def long_axis(mask: np.ndarray, spacing: tuple[float, float]) -> LongAxis:
    """The long axis of the left ventricle.

    The valve plane is the longest run of the cavity's edge without myocardium beside it; its ends
    lie farthest apart.

    Args:
        mask: labels (rows, columns), upright or not.
        spacing: of rows and of columns, mm.

    Raises:
        InputError: there is no cavity, myocardium surrounds all of it, or it has no length.
    """
    from skimage.measure import label  # takes 0.3 s

    cavity = mask == LV
    if not cavity.any():
        raise InputError("the mask has no left ventricle")
    padded = np.pad(mask, 1)
    rows, columns = np.nonzero(cavity)
    beside = [padded[rows + 1 + down, columns + 1 + right] for down, right in _AROUND]
    without = np.any([(each != LV) & (each != MYOCARDIUM) for each in beside], axis=0)
    points = np.stack([rows, columns], axis=1) * np.asarray(spacing, float)
    edge = np.zeros(mask.shape, bool)
    edge[rows[without], columns[without]] = True
    runs = label(edge, connectivity=2)[rows, columns]  # masks may have gaps elsewhere
    valve = points[runs == np.bincount(runs[without]).argmax()] if without.any() else points[:0]
    if len(valve) < 2:
        raise InputError("myocardium surrounds the left ventricle of the mask; no valve plane")
    apart = np.linalg.norm(valve[:, None] - valve, axis=-1)
    ends = valve[list(np.unravel_index(apart.argmax(), apart.shape))]
    base = ends.mean(axis=0)
    distance = np.linalg.norm(points - base, axis=1)
    apex = points[distance > distance.max() - min(spacing) / 2].mean(axis=0)  # it may be flat
    if not np.any(apex != base):
        raise InputError("the left ventricle of the mask is all valve plane; no long axis")
    return LongAxis(base, apex, ends[ends[:, 1].argsort()])


def diameters(mask: np.ndarray, spacing: tuple[float, float]) -> Discs:
    """Diameters of discs of equal height along the long axis, from base to apex, and its length.

    Returns:
        Diameters (20,) and length, mm.

    Raises:
        InputError: as `long_axis`.
    """
    axis = long_axis(mask, spacing)
    points = np.argwhere(mask == LV) * np.asarray(spacing, float)
    along = (points - axis.base) @ ((axis.apex - axis.base) / axis.length)
    along = along[along >= 0]  # corners of a cavity may reach beyond the plane of the valve
    disc = np.minimum(along * DISCS / axis.length, DISCS - 1).astype(int)
    height = axis.length / DISCS
    return np.bincount(disc, minlength=DISCS) * spacing[0] * spacing[1] / height, axis.length


class Plane(NamedTuple):
    """A mask (rows, columns) and the spacing of its rows and columns, mm."""

    mask: np.ndarray
    spacing: tuple[float, float]


def volume(two_chamber: Plane, four_chamber: Plane) -> float:
    """Volume of the left ventricle by discs whose diameters two views give, ml.

    Raises:
        InputError: as `long_axis`.
    """
    return disc_volume(diameters(*two_chamber), diameters(*four_chamber))


def disc_volume(two_chamber: Discs, four_chamber: Discs) -> float:
    """The volume that `diameters` of two views give, ml."""
    (one, length), (other, long) = two_chamber, four_chamber
    return float(np.pi / 4 * (one * other).sum() * max(length, long) / DISCS / 1000)


def ejection_fraction(diastolic: float, systolic: float) -> float:
    """Share of the end-diastolic volume that leaves the ventricle, %.

    Args:
        diastolic: volume at end-diastole.
        systolic: volume at end-systole, of the same unit.

    Raises:
        InputError: the end-diastolic volume is zero.
    """
    if diastolic <= 0:
        raise InputError(f"an end-diastolic volume of {diastolic:g} has no ejection fraction")
    return 100 * (diastolic - systolic) / diastolic
