"""Frames of squares, whose place and size stand for view and phase, for classifiers to learn."""

import numpy as np

from echojax import devices
from echojax.inference import classify
from echojax.recipes.classifier import Labelled

TASKS = ("view", "phase")


def squares(number, seed):
    """A square at the left or at the right, which is the view; small or large, the phase."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (number, 2))
    frames = 0.15 * rng.random((number, 32, 32), np.float32)
    for frame, (view, phase) in zip(frames, labels, strict=True):
        middle, half = (7, 24)[view], (3, 6)[phase]
        frame[16 - half : 16 + half, middle - half : middle + half] += 0.8
    return Labelled(frames, labels)


LEARNED, HELD_OUT = squares(80, 0), squares(40, 1)


def ask(model, frames=HELD_OUT.frames):
    return classify.probabilities(model, frames, devices.data_mesh())


def silent(step, **metrics):
    del step, metrics
