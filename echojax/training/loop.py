"""The one training loop: state, steps, checkpoints, metrics and progress, for any network."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices
from echojax.errors import EchojaxError
from echojax.models.generator import Generator
from echojax.progress import bar
from echojax.training.checkpoints import abstract, checkpointer_of, load, split

Metrics = dict[str, jax.Array]
Log = Callable[..., None]  # log(step, **metrics)

LOG_EVERY = 20  # steps
_WARM_UP = 0.02  # of all steps


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["step", "params", "stats", "opt_state"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """All that changes in training: parameters, running statistics of BatchNorm, optimiser."""

    step: jax.Array
    params: nnx.State
    stats: nnx.State
    opt_state: optax.OptState


class Counted(Protocol):
    """The least that `fit` asks of a state: a pytree that counts its steps."""

    @property
    def step(self) -> jax.Array:
        """Steps taken, a scalar integer."""


State = TypeVar("State", bound=Counted)
Step = Callable[[State, Any], tuple[State, Metrics]]
Batches = Callable[[int], Iterator[Any]]
# loss(model, batch) runs the model in training mode and returns a scalar and further metrics.
Loss = Callable[[Any, Any], tuple[jax.Array, Metrics]]


def initial_state(
    model: nnx.Module | Generator, optimizer: optax.GradientTransformation
) -> TrainState:
    """State at step 0 of a network as it is."""
    _, params, stats = split(model)
    return TrainState(jnp.zeros((), jnp.int32), params, stats, optimizer.init(params))


def cosine_schedule(peak: float, steps: int) -> optax.Schedule:
    """Learning rates up to `peak` in a short warm-up, then along a cosine down to zero."""
    warm_up = min(math.ceil(_WARM_UP * steps), steps - 1)
    return optax.warmup_cosine_decay_schedule(0.0, peak, warm_up, steps)


def make_step(
    graphdef: nnx.GraphDef, optimizer: optax.GradientTransformation, loss: Loss
) -> Step[TrainState]:
    """Compile one step: loss, gradient, update. The state passed in is used up."""

    @partial(jax.jit, donate_argnums=0)
    def step(state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
        def of_params(params: nnx.State) -> tuple[jax.Array, tuple[nnx.State, Metrics]]:
            model = nnx.merge(graphdef, params, state.stats, copy=True)
            value, metrics = loss(model, batch)
            return value, (nnx.state(model, nnx.BatchStat), metrics)

        (value, (stats, metrics)), gradients = jax.value_and_grad(of_params, has_aux=True)(
            state.params
        )
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, stats, opt_state), {"loss": value, **metrics}

    return step


def fit(
    step: Step[State],
    state: State,
    batches: Batches,
    steps: int,
    *,
    mesh: Mesh,
    title: str,
    log: Log,
    checkpoints: Path | None = None,
    metadata: dict[str, Any] | None = None,
    save_every: int = 1000,
    evaluate: Callable[[State], dict[str, float]] | None = None,
    evaluate_every: int = 1000,
) -> State:
    """Train up to step `steps`, going on from the newest checkpoint if there is one.

    Args:
        step: one training step, as `make_step` makes it.
        state: where to start if there is no checkpoint.
        batches: gives the batches from a step on (counted from 0), always the same ones, so that a
            resumed training sees what an uninterrupted one would.
        steps: number of the last step.
        mesh: devices to share every batch between.
        title: of the progress bar, and in errors.
        log: called as `log(step, **metrics)`.
        checkpoints: directory of Orbax checkpoints, or None to keep none.
        metadata: what a checkpoint must say of the network to be complete in itself.
        save_every: steps between checkpoints.
        evaluate: measures the state on held-out data.
        evaluate_every: steps between evaluations.

    Returns:
        The state after the last step.

    Raises:
        EchojaxError: the loss or a parameter is no longer a finite number, or the newest checkpoint
            is damaged.
    """
    state = devices.replicate(state, mesh)
    with contextlib.ExitStack() as stack:
        checkpointer = None
        if checkpoints is not None:
            checkpointer = stack.enter_context(checkpointer_of(checkpoints, metadata))
            if checkpointer.latest is not None:
                state = load(checkpointer.load, checkpoints, abstract(state))
        first = int(state.step)
        if first >= steps:
            return state
        progress = stack.enter_context(bar(title, steps, done=first))

        def settle(done: int, metrics: Metrics) -> None:
            values = {name: float(value) for name, value in metrics.items()}
            if not math.isfinite(values["loss"]):
                raise EchojaxError(
                    f"{title}: the loss is {values['loss']} at step {done}; lower the learning rate"
                )
            if done % LOG_EVERY == 0 or done == steps:
                log(done, **values)
            progress.advance(1, **values)

        # Metrics are looked at one step late, so that the device never waits for Python.
        pending: Metrics | None = None
        for done, batch in zip(range(first + 1, steps + 1), batches(first), strict=False):
            state, metrics = step(state, devices.shard(batch, mesh))
            if pending is not None:
                settle(done - 1, pending)
            pending = metrics
            if evaluate is not None and (done % evaluate_every == 0 or done == steps):
                scores = evaluate(state)
                log(done, **scores)
                text = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
                progress.note(f"step {done}  {text}")
            if done == steps or (checkpointer is not None and done % save_every == 0):
                # Nothing that diverged may take the place of the last good checkpoint.
                settle(done, pending)
                pending = None
                _check_finite(state, title)
                if checkpointer is not None:
                    checkpointer.save(done, state)
    return state


def _check_finite(state: Counted, title: str) -> None:
    if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(state)):
        raise EchojaxError(
            f"{title}: parameters are no numbers after step {int(state.step)}; "
            "lower the learning rate"
        )
