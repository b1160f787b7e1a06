"""Recordings read and written back, enlarged by a network that repeats pixels."""

import numpy as np

from echojax.media import open_recording

DESCRIPTION = "enlarged 4 times by SRResNet"


def repeated(frame, scale):
    return frame.repeat(scale, 0).repeat(scale, 1)


def rewritten(source, target, scale):
    """The recording of `source` written to `target` and opened."""
    recording = open_recording(source)
    frames = (repeated(frame, scale) for frame in recording.frames())
    recording.write(target, frames, scale, DESCRIPTION)
    return open_recording(target)


def frames_of(path):
    return np.stack(list(open_recording(path).frames()))


def noise(*shape, dtype=np.uint8, seed=0):
    high = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, high, shape, dtype, endpoint=True)
