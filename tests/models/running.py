"""Networks called as programs, and images for them."""

import numpy as np
from flax import nnx


@nnx.jit(static_argnames="train")
def run(model, x, train=False):
    return model(x, train=train)


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)
