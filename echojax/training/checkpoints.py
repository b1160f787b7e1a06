"""Orbax checkpoints of a training under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
from orbax.checkpoint import v1 as ocp

from echojax import devices
from echojax.errors import EchojaxError, InputError
from echojax.runs.job import CHECKPOINTS
from echojax.weights import by_name, kinds


def _highest(checkpoints: Sequence[Any], score: str | None) -> Any:
    """The earliest of those that scored highest; None if none was measured so."""
    measured = [each for each in checkpoints if score in (each.metrics or {})]
    return max(measured, key=lambda each: (each.metrics[score], -each.step), default=None)


@dataclass(frozen=True)
class _NewestAndBest:
    """What Orbax asks for what to keep; its own keeps the latest of equals."""

    best: str | None

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        del context
        best = _highest(checkpoints, self.best)
        return [each is best or each is checkpoints[-1] for each in checkpoints]


class Checkpoints:
    """The newest checkpoint of a training, and the best beside it; a context manager.

    When to save is the loop's decision; a torn write never replaces the last whole one.
    """

    def __init__(
        self, directory: Path, card: Mapping[str, str], *, best: str | None = None
    ) -> None:
        """Open or make the directory.

        Args:
            directory: where.
            card: what a checkpoint must say of its network to be complete in itself.
            best: name of the score whose highest checkpoint is kept, too.
        """
        self._directory = directory
        self._best = best
        self._orbax = ocp.training.Checkpointer(
            directory.absolute(),
            save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
            preservation_policy=_NewestAndBest(best),
            custom_metadata=dict(card),
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._orbax.close()

    def save(self, step: int, state: Any, scores: Mapping[str, float]) -> None:
        """Keep the state of a step, and how it scored if that was measured."""
        self._orbax.save(step, state, metrics=dict(scores) or None)
        # Orbax asks only whether these are there; it writes into them where that was.
        for marker in (self._directory / str(step)).rglob("commit_success.txt"):
            marker.write_text("saved\n")

    def newest(self, like: Any) -> Any:
        """The newest state, or `like` itself where there is none yet.

        Args:
            like: a state of the shapes, types and places that the arrays shall have.

        Raises:
            EchojaxError: the checkpoint is damaged.
        """
        return like if self._orbax.latest is None else self._load(None, like)

    def best(self, like: Any) -> tuple[Any, dict[str, float]]:
        """The state that scored highest, the earliest of equals, and all its scores.

        Raises:
            EchojaxError: the checkpoint is damaged.
        """
        chosen = _highest(self._orbax.checkpoints, self._best)
        return self._load(chosen.step, like), dict(chosen.metrics)

    def _load(self, step: int | None, like: Any) -> Any:
        # Orbax restores to whatever the device count is now.
        wanted = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        return _whole(self._orbax, self._directory, step, wanted)


def _whole(orbax: Any, directory: Path, step: int | None, wanted: Any) -> Any:
    try:
        return orbax.load(step, wanted)
    except (ValueError, KeyError, OSError) as error:
        raise EchojaxError(
            f"{directory}: not a whole checkpoint of this network ({type(error).__name__}); delete "
            "it and go on with --resume"
        ) from error


def network_of(folder: Path) -> tuple[Any, dict[str, str]]:
    """The network of a training's newest checkpoint, finished or not; an average if it keeps one.

    Args:
        folder: of the training's job, such as RUN/sr/srresnet/patient/fold0.

    Returns:
        The network, and its card.

    Raises:
        InputError: no training is kept there.
        EchojaxError: the checkpoint is damaged.
    """
    directory = folder / CHECKPOINTS
    if not directory.is_dir():  # Orbax would make it
        raise InputError(
            f"{folder}: holds no checkpoints of a training; expected RUN/sr/MODEL/PROTOCOL/foldN"
        )
    with ocp.training.Checkpointer(directory.absolute()) as orbax:
        newest = orbax.latest
        if newest is None:
            raise InputError(f"{directory}: no checkpoint was saved yet; train on with --resume")
        told = orbax.root_metadata().custom_metadata or {}
        # Told where to put things, Orbax needs none of the devices it was saved from.
        place = jax.sharding.SingleDeviceSharding(devices.used()[0])
        wanted = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
            orbax.metadata(newest).metadata,
        )
        kept = _whole(orbax, directory, newest.step, wanted)
    # Of SRGAN's two players it is the generator.
    kept = kept.get("generator", kept)
    params, rest = kept.get("average") or (kept["params"], kept["rest"])
    model = kinds.build(told, directory)
    leaves = by_name.leaves(params) | by_name.leaves(rest)
    # Orbax stores an NNX variable as a node of one leaf.
    tensors = {name.removesuffix(".value"): leaf for name, leaf in leaves.items()}
    by_name.fill(model, tensors, directory)
    fields = kinds.describe(model).keys()
    card = {key: str(value) for key, value in told.items() if key not in fields}
    return model, {**card, "checkpoint": f"step {newest.step}"}
