"""The least network that has parameters and statistics, and trainings of it."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from echojax import devices
from echojax.runs.job import Job, Record
from echojax.training import loop
from echojax.training.state import initial_state, split
from echojax.weights import by_name


@dataclass(frozen=True)
class LineSettings:
    """What a file says of a line."""

    width: int = 1


class Line(nnx.Module):
    """A straight line with a BatchNorm."""

    def __init__(self, settings=LineSettings(), *, rngs=None) -> None:
        rngs = rngs or nnx.Rngs(0)
        self.settings = settings
        self.linear = nnx.Linear(1, settings.width, rngs=rngs)
        self.norm = nnx.BatchNorm(settings.width, rngs=rngs)

    def __call__(self, x, *, train):
        return self.norm(self.linear(x), use_running_average=not train)


OPTIMIZER = optax.adam(1e-2)


def loss(model, batch, key):
    """To double what goes in; what the key gives is a metric, too."""
    error = jnp.mean((model(batch, train=True) - 2 * batch) ** 2)
    return error, {"drawn": jax.random.uniform(key)}


def batch(step):
    return np.random.default_rng(step).random((8, 1), np.float32)


# Compiled once for all tests.
STEP = loop.make_step(split(Line())[0], OPTIMIZER, loss)


def training(steps, *, batch=batch, average=False, seed=0, **more):
    """A training of a line; `more` as `Training` has it."""
    graphdef, _, _ = split(Line())
    return loop.Training(
        start=lambda: initial_state(Line(), OPTIMIZER, seed=seed, average=average),
        step=STEP,
        batches=lambda first: map(batch, itertools.count(first)),
        steps=steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        **more,
    )


def fit(training, folder, log=lambda step, **metrics: None, *, keep=False):
    """Run a training as the job "line" of a run directory."""
    return loop.fit(training, Job(folder, "line", Record(), log), devices.data_mesh(), keep=keep)


def arrays(model):
    """All numbers of a network by their paths."""
    return {name: np.array(x) for name, x in by_name.arrays(model).items()}


def same(one, other):
    """Whether two networks have the same numbers, bit for bit."""
    one, other = arrays(one), arrays(other)
    return one.keys() == other.keys() and all(np.array_equal(x, other[k]) for k, x in one.items())
