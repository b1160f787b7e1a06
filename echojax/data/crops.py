"""Batches of random high-resolution crops, made by Grain; batch k is the same every time."""

import grain
import numpy as np

from echojax.errors import InputError


class _RandomCrop(grain.transforms.RandomMap):
    """A random square of an image, flipped left to right half of the time."""

    def __init__(self, side: int) -> None:
        self.side = side

    def random_map(self, element: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        top, left = (int(rng.integers(n - self.side + 1)) for n in element.shape)
        crop = element[top : top + self.side, left : left + self.side]
        # Only the left-right flip keeps the probe on top; the others would teach the network
        # speckle that fans out the wrong way.
        return crop[:, ::-1] if rng.random() < 0.5 else crop


def crop_batches(
    images: tuple[np.ndarray, ...], side: int, batch: int, seed: int
) -> grain.MapDataset:
    """An endless dataset of batches of crops; its k-th element is batch k of the training.

    Args:
        images: uint8 (rows, columns), at least `side` by `side`.
        side: of a crop, in pixels.
        batch: crops in a batch.
        seed: of order, place and flip.

    Returns:
        Random-access dataset of uint8 (batch, side, side, 1).

    Raises:
        InputError: no image, or one smaller than a crop.
    """
    if not images:
        raise InputError("no frames to cut crops from; see sr.quality and `echojax inspect`")
    smallest = min(min(image.shape) for image in images)
    if smallest < side:
        raise InputError(
            f"a frame is only {smallest} pixels wide, a crop {side}; lower sr.crop (--set "
            f"sr.crop={max(16, smallest // 4 * 4)})"
        )
    return (
        grain.MapDataset.source(images)
        .seed(seed)
        .shuffle()
        .repeat()
        .random_map(_RandomCrop(side))
        .map(lambda crop: np.ascontiguousarray(crop)[..., None])
        .batch(batch, drop_remainder=True)
    )
