"""How well a mask agrees with another: overlap and distance of each structure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from echojax.inference.measures import LA, LV, MYOCARDIUM

STRUCTURES = {"lv": LV, "myocardium": MYOCARDIUM, "la": LA}


class Agreement(NamedTuple):
    """Of one structure in two masks; NaN where it cannot be said.

    Attributes:
        dice: twice the common area by the sum of both, in [0, 1]; NaN if neither mask has the
            structure.
        hausdorff: the largest distance of a point of one outline to the other outline; NaN if a
            mask lacks the structure.
        hausdorff_95: the 95th percentile instead of the largest, the larger one of both ways.
    """

    dice: float
    hausdorff: float
    hausdorff_95: float


def agreement(
    mask: np.ndarray, truth: np.ndarray, spacing: Sequence[float] | np.ndarray = (1.0, 1.0)
) -> dict[str, Agreement]:
    """How well two masks agree on each structure.

    Args:
        mask: labels (rows, columns).
        truth: labels (rows, columns).
        spacing: of rows and of columns; distances are in its unit, pixels by default.
    """
    return {
        name: Agreement(
            dice(mask == label, truth == label), *_hausdorff(mask == label, truth == label, spacing)
        )
        for name, label in STRUCTURES.items()
    }


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Twice the common area of two regions by the sum of both; NaN if both are empty."""
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / total if total else float("nan")


def _hausdorff(
    one: np.ndarray, other: np.ndarray, spacing: Sequence[float] | np.ndarray
) -> tuple[float, float]:
    from scipy.spatial import KDTree

    if not one.any() or not other.any():
        return float("nan"), float("nan")
    outlines = [_outline(region) * np.asarray(spacing, float) for region in (one, other)]
    ways = [KDTree(to).query(of)[0] for of, to in (outlines, outlines[::-1])]
    return max(float(way.max()) for way in ways), max(float(np.percentile(way, 95)) for way in ways)


def _outline(region: np.ndarray) -> np.ndarray:
    """Pixels (n, 2) of a region that have a neighbour outside of it."""
    from scipy.ndimage import binary_erosion

    return np.argwhere(region & ~binary_erosion(region))
