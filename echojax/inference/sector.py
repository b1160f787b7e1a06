"""Where an echo frame holds ultrasound, and how far something moves it there."""

import numpy as np

_LEVEL = 8  # gray levels above which a pixel is no black of a compressed surround
_EXACT = 1e-9  # pixels of rounding
_SPECK = 1e-3  # share of the frame: what is smaller is text, marks or noise


def sector(frame: np.ndarray, least: float = _SPECK) -> np.ndarray:
    """The sector of a frame: the convex hull of what is brighter than black, without specks.

    Args:
        frame: uint8 (rows, columns).
        least: share of the frame that a bright part needs to count.

    Returns:
        A mask (rows, columns); all true where nothing is bright. A frame without a black surround
        is its own sector.
    """
    from skimage.measure import label  # takes 0.3 s

    parts = label(frame > _LEVEL)
    sizes = np.bincount(parts.ravel())
    large = sizes >= least * frame.size
    large[0] = False  # the black
    found = large[parts]
    return hull(found) if found.any() else np.ones(frame.shape, bool)


def hull(mask: np.ndarray) -> np.ndarray:
    """The convex hull of the pixels of a mask that is not empty, bool (rows, columns).

    As scikit-image's `convex_hull_image`, pixel by pixel, in a tenth of its time: each row of it is
    an interval.
    """
    from scipy.spatial import ConvexHull  # takes a tenth of a second

    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, first], axis=1), np.stack([rows, last], axis=1)])
    edges = (ends[:, None] + ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))).reshape(-1, 2)
    down, right, offset = ConvexHull(edges).equations.T  # all are 0 or less within
    every = np.arange(len(mask))

    def bounds(sides: np.ndarray) -> np.ndarray:
        return -(np.outer(every, down[sides]) + offset[sides]) / right[sides]

    level = np.abs(right) < _EXACT
    within = (np.outer(every, down[level]) + offset[level] <= _EXACT).all(axis=1)
    least = bounds(right <= -_EXACT).max(axis=1)[:, None] - _EXACT
    most = bounds(right >= _EXACT).min(axis=1)[:, None] + _EXACT
    columns = np.arange(mask.shape[1])
    return within[:, None] & (columns >= least) & (columns <= most)


def rms_change(before: np.ndarray, after: np.ndarray) -> float:
    """Root mean square of what was done to frames, in their sectors; gray levels of 255.

    Args:
        before: float32 (n, rows, columns) in [0, 1]; their sectors count, every frame alike.
        after: the same frames, changed.
    """
    squares = [
        np.mean(np.square(255.0 * (one - other))[sector((255 * one).round().astype(np.uint8))])
        for one, other in zip(before, after, strict=True)
    ]
    return float(np.sqrt(np.mean(squares)))
