"""STUB"""

import base64

import numpy as np

from echojax.data.duplicates import _thumbnail


def frame_hash(image):
    return np.clip(_thumbnail(image) * 2000, -127, 127).astype(np.int8).view(np.uint8)


def to_text(h):
    return base64.b64encode(np.ascontiguousarray(h).tobytes()).decode()


def from_text(t):
    return np.frombuffer(base64.b64decode(t), np.uint8).reshape(-1, 1024)


def seen(a, l):
    if not len(l) or not len(a):
        return np.zeros(len(a), bool)
    a, l = (x.view(np.int8).astype(np.float32) for x in (a, l))
    n = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    return (n(a) @ n(l).T > 0.99).any(1)
