"""Filters at a frame's own size: what scanners and textbooks offer instead of a network.

Every filter takes a float32 frame (rows, columns) in [0, 1] and gives another one. What lies
outside the sector stays as it was: black, and perhaps text.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import convolve

from echojax.inference.enhance import Network, enhance
from echojax.inference.sector import sector
from echojax.models.generator import Generator

Filter = Callable[[np.ndarray], np.ndarray]

# Medians over views and phases of good CAMUS frames, inside the sector: 50th and 95th percentile.
_MEDIAN, _BRIGHT = 83 / 255, 180 / 255

# Of second differences along both axes, blind to slopes (Immerkaer, CVIU 64(2), 1996); its squares
# sum up to 36.
_NOISE_KERNEL = np.outer([1, -2, 1], [1, -2, 1])
_PATCH, _DISTANCE = 5, 6  # pixels: sides of a patch, and how far others are looked for
_STRENGTH = 0.8  # of the cut-off in deviations of the noise (Buades et al., IPOL 1, 2011)


def clahe(frame: np.ndarray) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld, 1994), in 8 x 8 tiles."""
    from skimage.exposure import equalize_adapthist  # takes 0.3 s

    if np.ptp(frame) == 0:  # it would become white
        return frame
    return _inside(frame, equalize_adapthist(frame))


def normalize(frame: np.ndarray) -> np.ndarray:
    """Gain and gamma that bring the sector's median and 95th percentile to those of good frames.

    Black stays black. A frame in which the two are black or alike stays as it is.
    """
    within = frame[_sector(frame)]
    median, bright = np.percentile(within, [50, 95])
    if not 0 < median < bright:
        return frame
    gamma = np.log(_BRIGHT / _MEDIAN) / np.log(bright / median)
    return _inside(frame, _MEDIAN * (frame / median) ** gamma)


def nlmeans(frame: np.ndarray) -> np.ndarray:
    """Non-local means (Buades et al., CVPR 2005), as strong as the sector's noise asks for."""
    from skimage.restoration import denoise_nl_means  # takes 0.3 s

    sigma = noise(frame)
    if sigma == 0:
        return frame
    denoised = denoise_nl_means(
        frame, _PATCH, _DISTANCE, h=_STRENGTH * sigma, sigma=sigma, fast_mode=True
    )
    return _inside(frame, denoised)


def noise(frame: np.ndarray) -> float:
    """Standard deviation of the noise in the sector, from the median of second differences."""
    differences = convolve(frame.astype(np.float64), _NOISE_KERNEL, mode="nearest")
    return float(1.4826 * np.median(np.abs(differences[_sector(frame)])) / 6)


def restore(frame: np.ndarray, network: Generator) -> np.ndarray:
    """What a network of scale 1 makes of a frame."""
    return _inside(frame, enhance(frame, Network(network), mode="filter"))


FILTERS: dict[str, Filter] = {"clahe": clahe, "normalize": normalize, "nlmeans": nlmeans}


def _sector(frame: np.ndarray) -> np.ndarray:
    return sector((frame * 255).round().astype(np.uint8))


def _inside(frame: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """The changed frame inside the sector, in [0, 1]; the frame itself outside."""
    return np.where(_sector(frame), changed.clip(0, 1), frame).astype(np.float32)
