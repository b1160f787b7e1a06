"""Regions of the wall by the rule of arqee, the published program, to compare with.

As its code does it (GillesVanDeVyver/arqee, `divide_segmentation`), not quite as its paper says: in
pixels of a square label map, thirds counted in points of the outline. Ours is in `regions`.
"""

from itertools import pairwise

import numpy as np

from echojax.errors import InputError
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import REGIONS, WALLS, Regions, contour, nearest, placed

SIDE = 256  # of the label map, pixels
_BELOW = 4  # pixels
_DISC = 10  # radius, pixels


def divide(mask: np.ndarray, sector: np.ndarray) -> Regions:
    """Share the wall out among the regions, as arqee does.

    Args:
        mask: labels (256, 256), upright, whatever the aspect was.
        sector: where the frame holds ultrasound, bool (256, 256).

    Raises:
        InputError: the mask cannot be divided; says why.
    """
    from skimage.draw import polygon

    endo = _outline(mask == LV)
    epi = _outline((mask == LV) | (mask == MYOCARDIUM))
    base = np.flatnonzero(_at_base(mask, endo))
    if len(base) < 2:
        raise InputError("myocardium surrounds the left ventricle of the mask; no valve plane")
    left, middle, right = base[0], base[len(base) // 2], base[-1]
    top = _epicardial_apex(epi, endo[middle])
    apex = _inwards(mask, endo, epi[top], endo[middle])
    # The outline begins near the top and runs down the left side first.
    down = _run(apex, left, len(endo))
    up = _run(right, apex, len(endo))
    masks = np.zeros((len(REGIONS), *mask.shape), bool)
    for region, run in zip((2, 1, 0, 5, 4, 3), (*_thirds(down), *_thirds(up)), strict=True):
        ends = [top if at == apex else nearest(epi, endo[at]) for at in (run[0], run[-1])]
        outer = epi[_shorter(ends[1], ends[0], len(epi))]
        corners = np.concatenate([endo[run], outer])
        masks[(region, *polygon(corners[:, 0], corners[:, 1], mask.shape))] = True
    rows, columns = np.indices(mask.shape)
    for number, (row, column) in enumerate(endo[[left, right]], WALLS):
        masks[number] = np.hypot(rows - row, columns - column) <= _DISC
    return placed(masks, sector)


def _outline(mask: np.ndarray) -> np.ndarray:
    """From near the top down the left side and round: whole pixels (n, 2)."""
    line = contour(mask).round().astype(int)
    line = np.roll(line, -int(line[:, 0].argmin()), axis=0)
    quarter = line[len(line) // 4, 1]
    return line if quarter < line[-(len(line) // 4), 1] else np.roll(line[::-1], 1, axis=0)


def _at_base(mask: np.ndarray, endo: np.ndarray) -> np.ndarray:
    """Whether something else than the ventricle lies within 4 pixels below each point."""
    padded = np.pad(mask, ((0, _BELOW), (0, 0)))
    below = [padded[endo[:, 0] + step, endo[:, 1]] for step in range(1, _BELOW + 1)]
    return np.any([(each != LV) & (each != MYOCARDIUM) for each in below], axis=0)


def _epicardial_apex(epi: np.ndarray, base: np.ndarray) -> int:
    """The middle of the points that are nearly farthest from the base, if they are one run."""
    distance = np.linalg.norm(epi - base, axis=1)
    for share in np.arange(0.97, 0, -0.02):
        far = distance >= share * distance.max()
        starts = np.flatnonzero(far & ~np.roll(far, 1))
        if len(starts) == 1:
            return int((starts[0] + far.sum() // 2) % len(epi))
    raise InputError("the outline of the wall has no single apex")


def _inwards(mask: np.ndarray, endo: np.ndarray, start: np.ndarray, to: np.ndarray) -> int:
    """The outline's point nearest to where a step from one point to another enters the cavity."""
    length = np.linalg.norm(to - start)
    steps = start + np.arange(length)[:, None] * (to - start) / length
    inside = mask[tuple(steps.astype(int).T)] == LV
    return nearest(endo, steps[inside.argmax()])


def _run(first: int, last: int, length: int) -> np.ndarray:
    return (first + np.arange((last - first) % length + 1)) % length


def _thirds(run: np.ndarray) -> list[np.ndarray]:
    """Three runs that share their ends."""
    cuts = [0, len(run) // 3, 2 * len(run) // 3, len(run) - 1]
    return [run[a : b + 1] for a, b in pairwise(cuts)]


def _shorter(first: int, last: int, length: int) -> np.ndarray:
    one, other = _run(first, last, length), _run(last, first, length)[::-1]
    return min(one, other, key=len)
