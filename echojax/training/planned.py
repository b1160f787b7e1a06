"""What trainings would take: their steps, the disk they need, and time on this machine."""

from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from echojax.training.loop import Training
from echojax.training.pace import pace


class Planned(NamedTuple):
    """Work of one kind that a run does not have yet; a training under way is counted whole."""

    kind: str
    number: int
    steps: int  # of all of them
    size: int  # bytes that stay on disk
    seconds: float


def trainings(
    number: int,
    training: Training[Any],
    more: float,
    mesh: Mesh,
    *,
    steps: int | None = None,
    keep: bool = True,
) -> Planned:
    """What so many trainings like one take; a few of its steps are timed, nothing is written.

    Args:
        number: of the trainings.
        training: one of them.
        more: each is measured on so many times as many frames as this one.
        mesh: devices to train on.
        steps: of all of them, if they differ.
        keep: whether their networks are.
    """
    timed = pace(training, mesh)
    measured = sum(-(-training.steps // each.every) for each in training.evaluators)
    rounds = measured / max(1, len(training.evaluators))
    steps = number * training.steps if steps is None else steps
    seconds = timed.start + steps * timed.step + number * rounds * more * timed.measure
    state = jax.eval_shape(training.start)
    size = _bytes(jax.eval_shape(training.network, state)) if keep else 0
    if training.save_every is not None:
        size += _bytes(state) * (1 if training.best is None else 2)
    return Planned(training.kind, number, steps, number * size, seconds)


def _bytes(tree: Any) -> int:
    return sum(int(leaf.size) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
