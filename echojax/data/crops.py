"""Batches of random high-resolution crops, made by Grain; batch k is the same every time."""

import os
from collections.abc import Iterator

import grain
import numpy as np

from echojax.data.source import Source
from echojax.errors import InputError

_THREADS = min(16, os.cpu_count() or 1)  # of `stream`; each makes a batch of its own

# Outside the sector a frame is black, and there is nothing to learn from there. Crops of the
# sector's edge stay: without them networks are worse inside it (benchmarks/RESULTS.md).
_BLACK = 8  # gray levels; what is brighter is content
_ENOUGH = 0.1  # of a crop's pixels
_TRIES = 8


class _RandomCrop(grain.transforms.RandomMap):
    """A random square of the image of an index, flipped left to right half of the time.

    Of up to eight squares it is the first that has content on at least a tenth of it, else the
    fullest.
    """

    def __init__(self, source: Source, side: int, key: str) -> None:
        self.source, self.side, self.key = source, side, key

    def random_map(self, element: int, rng: np.random.Generator) -> np.ndarray:
        image = self.source.image(element)
        smallest = min(image.shape[:2])
        if smallest < self.side:  # of images whose sizes nobody recorded
            raise _too_small(self.source, smallest, self.side, self.key)
        fullest = -1.0
        for _ in range(_TRIES):
            top, left = (int(rng.integers(n - self.side + 1)) for n in image.shape[:2])
            drawn = image[top : top + self.side, left : left + self.side]
            content = np.count_nonzero(drawn > _BLACK) / drawn.size
            if content > fullest:
                crop, fullest = drawn, content
            if content >= _ENOUGH:
                break
        # Only the left-right flip keeps the probe on top; the others would teach the network
        # speckle that fans out the wrong way.
        return crop[:, ::-1] if rng.random() < 0.5 else crop


def crop_batches(
    source: Source, side: int, batch: int, seed: int, *, key: str = "sr.crop"
) -> grain.MapDataset:
    """An endless dataset of batches of crops; its k-th element is batch k of the training.

    Args:
        source: of images of at least `side` by `side` pixels; those that are streamed are read
            anew for every crop. Several that are aligned may come as channels of one (`Pairs`).
        side: of a crop, in pixels.
        batch: crops in a batch.
        seed: of order, places and flip.
        key: of the configuration that sets the side.

    Returns:
        Random-access dataset of uint8 (batch, side, side, 1 or what a source has of channels).

    Raises:
        InputError: no image, or one smaller than a crop (found out only when it is read, if the
            source does not say how small its images are).
    """
    if not len(source):
        raise InputError("no frames to cut crops from; see sr.quality and `echojax inspect`")
    if source.smallest_side is not None and source.smallest_side < side:
        raise _too_small(source, source.smallest_side, side, key)
    return (
        grain.MapDataset.range(len(source))
        .seed(seed)
        .shuffle()
        .repeat()
        .random_map(_RandomCrop(source, side, key))
        .map(lambda crop: np.ascontiguousarray(crop).reshape(side, side, -1))
        .batch(batch, drop_remainder=True)
    )


def _too_small(source: Source, smallest: int, side: int, key: str) -> InputError:
    return InputError(
        f"an image of {source.name} is only {smallest} pixels wide, a crop {side}; lower {key} "
        f"(--set {key}={max(16, smallest // 4 * 4)})"
    )


def stream(batches: grain.MapDataset, first: int) -> Iterator[np.ndarray]:
    """Batches `first`, `first` + 1 and so on, made by threads while the device is busy.

    What an image raises when it is read is raised here. The threads end when the iterator is
    closed or dropped.

    Args:
        batches: of `crop_batches`.
        first: number of the first batch, from 0.
    """
    options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=2 * _THREADS)
    ahead = iter(batches[first:].to_iter_dataset(options))
    try:
        yield from ahead
    finally:
        ahead.close()
