"""What a grader's answers are compared with: grades of regions, and those of views as an order.

Good, medium and poor have no scale: the loss is 1 less the correlation of their numbers with the
mean answers over the frames of a batch, which is what a line fitted to them would leave.
"""

import jax
import jax.numpy as jnp

from echojax.training.loop import Metrics


def both(
    answers: jax.Array, grades: jax.Array, view: jax.Array, weak: float
) -> tuple[jax.Array, Metrics]:
    """The loss of answers (n, 8): by grades of regions, and by those of views with a weight."""
    error = squared_error(answers, grades)
    order = disorder(answers.mean(axis=1), view)
    return error + weak * order, {"squared_error": error, "disorder": order}


def squared_error(answers: jax.Array, grades: jax.Array) -> jax.Array:
    """Mean over the regions that have a grade; 0 if none has."""
    known = jnp.isfinite(grades)
    error = jnp.where(known, answers - jnp.where(known, grades, 0), 0)
    return jnp.sum(error**2) / jnp.maximum(known.sum(), 1)


def disorder(means: jax.Array, view: jax.Array) -> jax.Array:
    """1 less the correlation of mean grades with those of views, over the frames that have one.

    0 where they do not differ.
    """
    known = jnp.isfinite(view)
    share = known / jnp.maximum(known.sum(), 1)
    view = jnp.where(known, view, 0)
    one, other = (jnp.where(known, x - jnp.sum(share * x), 0) for x in (means, view))
    spread, spread_of_view = (jnp.sum(share * x**2) for x in (one, other))
    correlation = jnp.sum(share * one * other) / jnp.sqrt(spread * spread_of_view + 1e-6)
    return jnp.where(spread_of_view > 0, 1 - correlation, 0.0)
