"""A hash of what a frame shows, to find the frame again in another dataset or release.

The signs of a frame's 384 lowest spatial frequencies, those of a discrete cosine transform of a
thumbnail, as in "pHash". Resampling keeps them, whatever it does to the aspect, and so does any
rescaling of gray levels, nearly: a curve, clipping or JPEG turns only those close to zero.
"""

import base64

import numpy as np

from echojax.resize import resize

_SIDE = 32  # pixels of the thumbnail: too coarse for speckle, fine enough for anatomy
BYTES = 48  # of a hash
_BITS = 8 * BYTES
# Bits in which copies of a frame may differ. Measured on CAMUS: copies (native against 224x224,
# both releases, other sizes, gamma 0.8 and 1.25, JPEG) differ in at most 33, the recording that has
# two ids in at most 36, frames of different patients in at least 74 of the 384.
_TOLERANCE = 50

_COSINES = np.cos(np.pi * np.outer(np.arange(_SIDE), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE))
_ROWS, _COLUMNS = np.indices((_SIDE, _SIDE)).reshape(2, -1)
# By their sum, the mean left out: it is always positive.
_LOWEST = np.lexsort((_ROWS, _ROWS + _COLUMNS))[1 : _BITS + 1]


def frame_hash(image: np.ndarray) -> np.ndarray:
    """Hash of one frame.

    Args:
        image: uint8 (rows, columns), upright.

    Returns:
        uint8 (48,); zeros for a blank frame, which is like no other.
    """
    small = resize(image[..., None].astype(np.float32), (_SIDE, _SIDE))[..., 0]
    if np.ptp(small) < 1:  # gray level; what is left are rounding errors
        return np.zeros(BYTES, np.uint8)
    spectrum = _COSINES @ small @ _COSINES.T
    return np.packbits(spectrum.ravel()[_LOWEST] > 0)


def alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which frames are copies of which.

    Args:
        one: hashes, uint8 (n, 48).
        other: hashes, uint8 (m, 48).

    Returns:
        bool (n, m).
    """
    first, second = (np.unpackbits(hashes, axis=1).astype(np.float32) for hashes in (one, other))
    ones, others = first.sum(1, keepdims=True), second.sum(1)
    different = ones + others - 2 * first @ second.T
    return (different <= _TOLERANCE) & (ones > 0) & (others > 0)


def seen(asked: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Which frames have a copy among those that a network learned from.

    Args:
        asked: hashes, uint8 (n, 48).
        learned: hashes, uint8 (m, 48).

    Returns:
        bool (n,).
    """
    found = np.zeros(len(asked), bool)
    for first in range(0, len(learned), 4096):  # bounds the memory, however many there are
        found |= alike(asked, learned[first : first + 4096]).any(axis=1)
    return found


def to_text(hashes: np.ndarray) -> str:
    """Hashes, uint8 (n, 48), as 64 characters each (base64)."""
    return base64.b64encode(np.ascontiguousarray(hashes, np.uint8).tobytes()).decode()


def from_text(text: str) -> np.ndarray:
    """Hashes, uint8 (n, 48), of what `to_text` gave.

    Raises:
        ValueError: it is no such text.
    """
    return np.frombuffer(base64.b64decode(text, validate=True), np.uint8).reshape(-1, BYTES)
