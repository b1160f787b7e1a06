"""Where an echo frame holds ultrasound, and how far something moves it there."""

import numpy as np

_LEVEL = 8  # gray levels above which a pixel is no black of a compressed surround
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
    from skimage.morphology import convex_hull_image

    parts = label(frame > _LEVEL)
    sizes = np.bincount(parts.ravel())
    large = sizes >= least * frame.size
    large[0] = False  # the black
    found = large[parts]
    return convex_hull_image(found) if found.any() else np.ones(frame.shape, bool)


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
