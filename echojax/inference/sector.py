"""Where an echo frame holds ultrasound: the sector, without the black around it."""

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

_BLACK = 4  # gray levels; what is not above is outside, or a shadow
_SPECK = 3  # pixels, side of the window in which a bright pixel must not be alone


def sector(frame: np.ndarray) -> np.ndarray:
    """The convex hull of what is not black, specks left out.

    A sector of a phased array is convex but for its lower edge's ends; shadows and dark chambers
    lie inside the hull, a black surround outside.

    Args:
        frame: uint8 (rows, columns).

    Returns:
        bool (rows, columns); all of the frame where nothing of it is bright.
    """
    bright = ndimage.median_filter(frame, _SPECK) > _BLACK
    return convex_hull_image(bright) if bright.any() else np.ones(frame.shape, bool)
