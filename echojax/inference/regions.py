"""Regions of the left ventricle's wall: six pieces of it and two discs at the mitral annulus.

After Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025, Appendix A), but for lengths,
which are of the endocardium in mm, and a wall shared out without gaps: a pixel belongs to the piece
of endocardium that is nearest. `arqee_regions` has the published program's own rule.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.inference.measures import LV, MYOCARDIUM, long_axis
from echojax.vocabulary import View

REGIONS = (
    "basal left",
    "mid left",
    "apical left",
    "apical right",
    "mid right",
    "basal right",
    "annulus left",
    "annulus right",
)
WALLS = 6  # of them; the others are discs
MIRRORED = (5, 4, 3, 2, 1, 0, 7, 6)  # the regions of a mirrored frame
DISC = 2.0  # radius, mm
_STEP, _SMOOTH = 0.1, 1.0  # of an outline, mm
# What lies at the left and at the right of an upright frame, the left ventricle's apex on top.
_SIDES: dict[View, tuple[str, str]] = {
    "2CH": ("inferior", "anterior"),
    "4CH": ("septal", "lateral"),
}


def names(view: View) -> tuple[str, ...]:
    """What the regions are called in a view, as "basal septal"."""
    left, right = _SIDES[view]
    return tuple(each.replace("left", left).replace("right", right) for each in REGIONS)


class Regions(NamedTuple):
    """Where the regions of a frame are.

    Attributes:
        masks: bool (8, rows, columns), in the order of `REGIONS`.
        inside: share of each that lies in the sector, (8,); nan for an empty one.
    """

    masks: np.ndarray
    inside: np.ndarray


def key_points(mask: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """The points of the endocardium between which regions lie.

    Args:
        mask: labels (rows, columns), upright.
        spacing: of rows and columns, mm.

    Returns:
        (7, 2), rows and columns in mm: the left end of the valve plane, two points that cut the
        endocardium from there to the apex into thirds, the apex, two more, and the right end.

    Raises:
        InputError: the mask cannot be divided; says why.
    """
    axis = long_axis(mask, spacing)
    line = _endocardium(mask, spacing, *axis.annulus)
    along = _along(line)
    distance = np.linalg.norm(line - axis.base, axis=1)
    far = np.flatnonzero(distance > distance.max() - min(spacing) / 2)  # an apex may be flat
    apex = along[(far[0] + far[-1]) // 2]
    if not 0 < apex < along[-1]:
        raise InputError("the cavity of the mask is widest at its valve plane; no apex")
    places = [*np.linspace(0, apex, 4), *np.linspace(apex, along[-1], 4)[1:]]
    return _at(line, along, np.array(places))


def smoothed(points: Sequence[np.ndarray | None], reach: int = 2) -> list[np.ndarray | None]:
    """Key points of a clip, each averaged with those of the frames around it.

    Args:
        points: of every frame; None where there are none, which stays so.
        reach: frames to either side; one that is n frames away weighs 1 / (1 + n).
    """
    found: list[np.ndarray | None] = []
    for number, own in enumerate(points):
        if own is None:
            found.append(None)
            continue
        near = range(max(0, number - reach), min(len(points), number + reach + 1))
        known = [(each, 1 / (1 + abs(n - number))) for n in near if (each := points[n]) is not None]
        found.append(np.average([p for p, _ in known], axis=0, weights=[w for _, w in known]))
    return found


def divide(
    mask: np.ndarray,
    spacing: tuple[float, float],
    sector: np.ndarray,
    points: np.ndarray | None = None,
) -> Regions:
    """Share the wall out among the regions.

    Args:
        mask: labels (rows, columns), upright.
        spacing: of rows and columns, mm.
        sector: where the frame holds ultrasound, bool (rows, columns).
        points: key points, for a clip smoothed ones; of this mask by default.

    Raises:
        InputError: the mask cannot be divided; says why.
    """
    from scipy.spatial import cKDTree  # takes a tenth of a second

    points = key_points(mask, spacing) if points is None else points
    line = _endocardium(mask, spacing, points[0], points[-1])
    along = _along(line)
    cuts = np.maximum.accumulate([along[nearest(line, point)] for point in points])
    wall = np.argwhere(mask == MYOCARDIUM)
    if not len(wall):
        raise InputError("the mask has no myocardium")
    place = along[cKDTree(line).query(wall * np.asarray(spacing))[1]]
    piece = np.clip(np.searchsorted(cuts, place, side="right") - 1, 0, WALLS - 1)
    masks = np.zeros((len(REGIONS), *mask.shape), bool)
    masks[(piece, *wall.T)] = True
    rows, columns = (np.arange(n) * step for n, step in zip(mask.shape, spacing, strict=True))
    for number, (row, column) in enumerate((points[0], points[-1]), WALLS):
        masks[number] = np.hypot(rows[:, None] - row, columns - column) <= DISC
    masks[:WALLS] &= ~masks[WALLS:].any(axis=0)  # discs lie over the wall
    return placed(masks, sector)


def placed(masks: np.ndarray, sector: np.ndarray) -> Regions:
    """Regions of masks (8, rows, columns), and how much of each the sector has."""
    areas = masks.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return Regions(masks, (masks & sector).sum(axis=(1, 2)) / areas)


def _endocardium(
    mask: np.ndarray, spacing: tuple[float, float], left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """The cavity's outline from one point by way of the apex to another, mm (n, 2).

    Without the steps of pixels, which would make it longer, and give all of the wall that lies
    around a corner to one side of it.
    """
    from scipy.ndimage import gaussian_filter1d

    outline = contour(mask == LV) * np.asarray(spacing)
    first, last = nearest(outline, left), nearest(outline, right)
    outline = np.roll(outline, -first, axis=0)
    end = (last - first) % len(outline)
    one, other = outline[: end + 1], np.concatenate([outline[end:], outline[:1]])[::-1]
    base = (left + right) / 2
    line = max((one, other), key=lambda line: np.linalg.norm(line - base, axis=1).max())
    along = _along(line)
    even = _at(line, along, np.arange(0, along[-1], _STEP))
    return gaussian_filter1d(even, _SMOOTH / _STEP, axis=0, mode="nearest")


def contour(mask: np.ndarray) -> np.ndarray:
    """The longest outline of a mask, closed without repeating its first point: pixels (n, 2).

    Raises:
        InputError: the mask is empty.
    """
    from skimage.measure import find_contours  # takes 0.3 s

    found = find_contours(np.pad(mask, 1).astype(np.float32), 0.5)
    if not found:
        raise InputError("the mask has no left ventricle")
    return max(found, key=len)[:-1] - 1


def _along(line: np.ndarray) -> np.ndarray:
    """Length of a line up to each of its points."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _at(line: np.ndarray, along: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(places, along, axis) for axis in line.T], axis=1)


def nearest(points: np.ndarray, to: np.ndarray) -> int:
    """Which of some points (n, 2) is nearest to one."""
    return int(np.linalg.norm(points - to, axis=1).argmin())
