"""Images to learn from, the least that a source can be."""

import hashlib

import numpy as np
from scipy.ndimage import gaussian_filter


class Images:
    """Images in memory, without anything known of them."""

    name = "test"

    def __init__(self, images):
        self.images = tuple(images)
        self.table = {"index": np.arange(len(self.images))}
        self.smallest_side = min(min(image.shape) for image in self.images)

    def __len__(self):
        return len(self.images)

    def image(self, index):
        return self.images[index]

    def take(self, indices):
        return Images([self.images[i] for i in indices])

    def fingerprint(self):
        return hashlib.sha256(b"".join(image.tobytes() for image in self.images)).hexdigest()


def speckle(number, seed, shape=(32, 40), sigma=2):
    """Smooth noise over all gray levels, uint8."""
    rng = np.random.default_rng(seed)
    smooth = (gaussian_filter(rng.random(shape), sigma) for _ in range(number))
    return tuple((255 * (s - s.min()) / np.ptp(s)).astype(np.uint8) for s in smooth)
