"""Persons dealt into parts, so that nobody is on two sides of a split."""

import numpy as np

from echojax.data.frames import Frames
from echojax.vocabulary import VIEWS


def split_patients(frames: Frames, parts: int, seed: int) -> np.ndarray:
    """Part (0 to parts - 1) of every frame by its patient, qualities in about equal shares."""
    rng = np.random.default_rng(seed)
    names, of_frame = np.unique(frames.group, return_inverse=True)
    # The quality of each view (9: no such view) is what strata are made of.
    qualities = np.full((len(VIEWS), len(names)), 9)
    qualities[frames.view, of_frame] = frames.quality
    order = np.lexsort((rng.random(len(names)), *qualities))
    part = np.empty(len(names), int)
    part[order] = np.arange(len(names)) % parts
    return part[of_frame]
