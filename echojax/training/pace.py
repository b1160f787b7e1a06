"""How long work takes on this machine, found out by doing a little of it."""

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from echojax import devices
from echojax.training.loop import Training

_TIMED = 3.0  # seconds of warm steps
_LEAST, _MOST = 2, 20  # steps, whatever they take


class Pace(NamedTuple):
    """Seconds: until the first step is done, for each after it, for measuring the network once."""

    start: float
    step: float
    measure: float


def pace(training: Training[Any], mesh: Mesh) -> Pace:
    """Take a few real steps of a training, whose result is thrown away; nothing is written.

    Compilation falls into the first step, which is told apart; of the others, which are warm, the
    median counts. What measures the network is called twice, and the second time counts.
    """
    begun = time.monotonic()
    state = devices.replicate(training.start(), mesh)
    batches = training.batches(0)
    state, start = _step(training, state, next(batches), mesh, begun)
    spent: list[float] = []
    while len(spent) < _LEAST or (sum(spent) < _TIMED and len(spent) < _MOST):
        batch = next(batches, None)
        if batch is None:
            break
        state, seconds = _step(training, state, batch, mesh, time.monotonic())
        spent.append(seconds)
    model, measure = training.network(state), 0.0
    for warm in (False, True):
        begun = time.monotonic()
        for evaluator in training.evaluators:
            evaluator.measure(model)
        measure = time.monotonic() - begun if warm else 0.0
    return Pace(start, statistics.median(spent or [start]), measure)


def twice(work: Callable[[], Any]) -> float:
    """Seconds that it takes the second time, when programs are compiled."""
    seconds = 0.0
    for _ in range(2):
        begun = time.monotonic()
        work()
        seconds = time.monotonic() - begun
    return seconds


def _step(
    training: Training[Any], state: Any, batch: Any, mesh: Mesh, begun: float
) -> tuple[Any, float]:
    state, metrics = training.step(state, devices.shard(batch, mesh))
    jax.block_until_ready((state, metrics))
    return state, time.monotonic() - begun
