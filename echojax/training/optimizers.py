"""Optimisers and schedules that recipes share."""

import math

import optax

_WARM_UP = 0.02  # of all steps


def cosine_schedule(peak: float, steps: int) -> optax.Schedule:
    """Learning rates up to `peak` in a short warm-up, then along a cosine down to zero."""
    warm_up = min(math.ceil(_WARM_UP * steps), steps - 1)
    return optax.warmup_cosine_decay_schedule(0.0, peak, warm_up, steps)
