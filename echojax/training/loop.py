"""The one training loop: steps, checkpoints, scores and progress, for any `Training`."""

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from echojax import devices, stopping
from echojax.errors import EchojaxError
from echojax.progress import Bar, Jobs, bar
from echojax.runs.job import Job, begun
from echojax.stopping import Stop, Stopped
from echojax.training.advice import advice
from echojax.training.checkpoints import Checkpoints
from echojax.training.state import LEARNED, Counted, TrainState, split
from echojax.weights import kinds, networks

Metrics = dict[str, jax.Array]
State = TypeVar("State", bound=Counted)
Step = Callable[[State, Any], tuple[State, Metrics]]
# loss(model, batch, key) runs the model in training mode; a scalar and further metrics.
Loss = Callable[[Any, Any, jax.Array], tuple[jax.Array, Metrics]]

LOG_EVERY = 20  # steps
PACED = 3  # steps after which it is known how long they take


@dataclass(frozen=True)
class Evaluator:
    """What measures a network as it is trained: named scores, every so many steps and at the end.

    The network is in inference mode, and is not used up. Scores that no network changes, as those
    of interpolation, are logged once.
    """

    measure: Callable[[Any], dict[str, float]]
    every: int
    constant: Callable[[], dict[str, float]] = dict


@dataclass(frozen=True)
class Training(Generic[State]):
    """What a recipe makes of a configuration and data; `fit` runs it.

    Attributes:
        start: makes the state at step 0.
        step: one training step; the state passed in is used up.
        batches: gives the batches from a step on (counted from 0), always the same ones, so that a
            resumed training sees what an uninterrupted one would.
        steps: number of the last step.
        network: reads the network to hand over, and to evaluate, from a state.
        evaluators: what is measured on the way.
        save_every: steps between checkpoints; None keeps none.
        save_minutes: minutes after which one is saved although fewer steps were taken.
        best: name of the score whose highest network is handed over, instead of the last one;
            needs checkpoints, and must not be a score on what is tested later.
        card: what the network's file says of its data and training.
        told: says the last scores in words for the card.
        finish: what is done to the trained network before it is handed over.
        kind: of training, as "srresnet", by which several are counted.
        length: the setting that says how long it is, and steps for each unit of it.
    """

    start: Callable[[], State]
    step: Step[State]
    batches: Callable[[int], Iterator[Any]]
    steps: int
    network: Callable[[State], nnx.Module]
    evaluators: tuple[Evaluator, ...] = ()
    save_every: int | None = None
    save_minutes: float = 10.0
    best: str | None = None
    card: Mapping[str, str] = field(default_factory=dict)
    told: Callable[[dict[str, float]], Mapping[str, str]] = lambda _: {}
    finish: Callable[[Any], Any] = lambda network: network
    kind: str = ""
    length: tuple[str, float] | None = None


def make_step(
    graphdef: nnx.GraphDef[Any],
    optimizer: optax.GradientTransformation,
    loss: Loss,
    learned: nnx.filterlib.Filter = LEARNED,
    average: float = 0.0,
) -> Step[TrainState]:
    """Compile one step: loss, gradient, update. The state passed in is used up.

    Args:
        graphdef: structure of the network, of `split` with the same `learned`.
        optimizer: of the parameters that learn.
        loss: what to lower.
        learned: which variables learn, see `split`; the others keep their values, but for what the
            network itself changes in training mode (running statistics).
        average: largest decay of the state's moving average, if it keeps one.
    """

    @partial(jax.jit, donate_argnums=0)
    def step(state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
        def of_params(params: nnx.State) -> tuple[jax.Array, tuple[nnx.State, Metrics]]:
            model = nnx.merge(graphdef, params, state.rest, copy=True)
            value, metrics = loss(model, batch, state.draw())
            return value, (split(model, learned)[2], metrics)

        (value, (rest, metrics)), gradients = jax.value_and_grad(of_params, has_aux=True)(
            state.params
        )
        decay = running_decay(state.step + 1, average)
        return updated(state, optimizer, gradients, rest, decay), {"loss": value, **metrics}

    return step


def running_decay(step: jax.Array, largest: float) -> jax.Array:
    """Decay of a moving average at a step, counted from 1.

    It spans the last ninth of the steps until that is more than `largest` spans, so that a short
    training does not end as its start.
    """
    return jnp.minimum(largest, step / (step + 9))


def updated(
    state: TrainState,
    optimizer: optax.GradientTransformation,
    gradients: nnx.State,
    rest: nnx.State,
    decay: jax.Array | float = 0.0,
) -> TrainState:
    """The state after a step; its average, if it keeps one, is `decay` parts the average before."""
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params: Any = optax.apply_updates(state.params, updates)
    average = state.average
    if average is not None:
        average = optax.incremental_update((params, rest), average, 1 - decay)
    return TrainState(state.step + 1, params, rest, opt_state, state.key, average)


def fit(
    training: Training[Any],
    job: Job,
    mesh: Mesh,
    *,
    keep: bool = True,
    title: str = "",
    jobs: Jobs | None = None,
) -> Any:
    """Run a training to its end, from its newest checkpoint if there is one.

    SIGINT and SIGTERM end it after the step under way, which is saved; without checkpoints at once.

    Args:
        training: what to run.
        job: where it is recorded, logged, and handed over at the end.
        mesh: devices to share every batch between.
        keep: whether to hand the network over as a file.
        title: of the progress bar and in errors; by default the job's name.
        jobs: what it is one of; by default it is alone.

    Returns:
        The trained network.

    Raises:
        InputError: the job was begun from something else.
        EchojaxError: the loss or a parameter is no longer a finite number, or the newest checkpoint
            is damaged.
        Stopped: a signal ended it; says what is kept.
    """
    title = title or job.name
    again = begun(job.path)
    job.begin()
    jobs = Jobs() if jobs is None else jobs
    jobs.begin(training.kind)
    if training.save_every is None:
        try:
            return _fit(training, job, mesh, title, Stop(), jobs, keep=keep)
        except KeyboardInterrupt as error:
            signum = getattr(error, "signum", signal.SIGINT)
            text = f"{title} keeps no checkpoints; this job begins again with --resume"
            raise Stopped(text, signum) from error
    with stopping.later() as stop:
        model = _fit(training, job, mesh, title, stop, jobs, keep=keep, again=again)
        stop.raise_if_asked(f"{title} is finished; --resume goes on with what is next")
    return model


def _fit(
    training: Training[Any],
    job: Job,
    mesh: Mesh,
    title: str,
    stop: Stop,
    jobs: Jobs,
    *,
    keep: bool,
    again: bool = False,
) -> Any:
    state = devices.replicate(training.start(), mesh)
    with contextlib.ExitStack() as stack:
        checkpoints = None
        if training.save_every is not None:
            card = {**kinds.describe(training.network(state)), **training.card}
            checkpoints = stack.enter_context(
                Checkpoints(job.checkpoints, card, best=training.best)
            )
            state = checkpoints.newest(state)
        first = int(state.step)
        job.rewind(first)
        progress = stack.enter_context(bar(title, training.steps, first, jobs))
        if first or again:
            where = f"resumed at step {first}" if first else "nothing was saved; begins at step 0"
            progress.note(where)
        state, scores = _train(training, state, job, mesh, checkpoints, progress, stop)
        if checkpoints is not None and training.best is not None:
            state, scores = checkpoints.best(state)
    model = training.finish(training.network(state))
    if keep:
        networks.save(model, job.file, {**training.card, **training.told(scores)})
    return model


def _train(
    training: Training[Any],
    state: Any,
    job: Job,
    mesh: Mesh,
    checkpoints: Checkpoints | None,
    progress: Bar,
    stop: Stop,
) -> tuple[Any, dict[str, float]]:
    """The state after the last step, and what was measured there."""
    first, steps = int(state.step), training.steps
    if first >= steps:
        return state, _scores(training, state, steps)
    scores: dict[str, float] = {}
    # Metrics are looked at one step late, so that the device never waits for Python.
    pending: Metrics | None = None
    saved = time.monotonic()
    for done, batch in zip(range(first + 1, steps + 1), training.batches(first), strict=False):
        state, metrics = training.step(state, devices.shard(batch, mesh))
        if pending is not None:
            _settle(job, progress, done - 1, pending)
            if first == 0:
                _advise(training, progress)
        pending = metrics
        scores = _scores(training, state, done)
        if scores:
            _log_scores(training, job, progress, done, scores)
        stopped = stop.signum is not None
        due = training.save_every is not None and (
            done % training.save_every == 0 or time.monotonic() - saved > 60 * training.save_minutes
        )
        if done == steps or due or stopped or training.best in scores:
            # Nothing that diverged may take the place of the last good checkpoint.
            _settle(job, progress, done, pending)
            pending = None
            _check_finite(state, progress.title)
            if checkpoints is not None:
                checkpoints.save(done, state, scores)
                saved = time.monotonic()
        if stopped and done < steps:
            stop.raise_if_asked(f"{progress.title} is saved at step {done}; --resume goes on")
    return state, scores


def _advise(training: Training[Any], progress: Bar) -> None:
    """Once it is known how long steps take, say so where it is much; one speaks for its kind."""
    seconds, steps = progress.pace()
    if steps == PACED and progress.jobs.first(training.kind):
        kind, length = training.kind, training.length
        text = advice(seconds, training.steps, kind, length, progress.jobs)
        if text:
            progress.note(text)


def _scores(training: Training[Any], state: Any, done: int) -> dict[str, float]:
    due = [each for each in training.evaluators if done % each.every == 0 or done == training.steps]
    if not due:
        return {}
    model = training.network(state)
    return {
        name: value
        for each in due
        for name, value in (each.measure(model) | each.constant()).items()
    }


def _log_scores(
    training: Training[Any], job: Job, progress: Bar, done: int, scores: dict[str, float]
) -> None:
    constant = {name for each in training.evaluators for name in each.constant()}
    known = constant & job.logged()
    new = {name: value for name, value in scores.items() if name not in known}
    job.log(done, **new)
    text = ", ".join(f"{name} {value:.4g}" for name, value in new.items())
    progress.note(f"step {done}: {text}")


def _settle(job: Job, progress: Bar, done: int, metrics: Metrics) -> None:
    values = {name: float(value) for name, value in metrics.items()}
    if not math.isfinite(values["loss"]):
        raise EchojaxError(
            f"{progress.title}: the loss is {values['loss']} at step {done}; lower the learning "
            "rate"
        )
    if done % LOG_EVERY == 0 or done == progress.total:
        job.log(done, **values)
    progress.advance(1, **values)


def _check_finite(state: Counted, title: str) -> None:
    if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(state)):
        raise EchojaxError(
            f"{title}: parameters are no numbers after step {int(state.step)}; "
            "lower the learning rate"
        )
