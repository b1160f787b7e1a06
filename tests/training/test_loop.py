import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from echojax import devices
from echojax.errors import EchojaxError
from echojax.training import loop
from echojax.training.checkpoints import load_network, save_network, split


class Line(nnx.Module):
    """A straight line with a BatchNorm, the least that has parameters and statistics."""

    def __init__(self) -> None:
        self.linear = nnx.Linear(1, 1, rngs=nnx.Rngs(0))
        self.norm = nnx.BatchNorm(1, rngs=nnx.Rngs(0))

    def __call__(self, x, *, train):
        return self.norm(self.linear(x), use_running_average=not train)


def loss(model, batch):
    return jnp.mean((model(batch, train=True) - 2 * batch) ** 2), {}


def batches(step):
    return np.random.default_rng(step).random((8, 1), np.float32)


OPTIMIZER = optax.adam(1e-2)


def train(steps, *, checkpoints=None, log=lambda step, **metrics: None, batches=batches, **more):
    model = Line()
    graphdef, _, _ = split(model)
    return loop.fit(
        loop.make_step(graphdef, OPTIMIZER, loss),
        loop.initial_state(model, OPTIMIZER),
        lambda first: map(batches, itertools.count(first)),
        steps,
        mesh=devices.data_mesh(),
        title="line",
        log=log,
        checkpoints=checkpoints,
        **more,
    )


def same(one, other):
    return jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), one, other))


def test_training_lowers_the_loss_and_updates_the_running_statistics():
    seen = {}
    state = train(400, log=lambda step, loss: seen.__setitem__(step, loss))
    assert seen[400] < 0.1 * seen[20]
    assert int(state.step) == 400
    assert not np.allclose(state.stats["norm"]["mean"][...], 0)


def test_a_resumed_training_ends_exactly_where_an_uninterrupted_one_does(tmp_path):
    class InterruptedTrainingError(Exception):
        pass

    def interrupted(step):
        if step == 7:
            raise InterruptedTrainingError
        return batches(step)

    with pytest.raises(InterruptedTrainingError):
        train(10, checkpoints=tmp_path / "kept", save_every=5, batches=interrupted)
    asked = []

    def recorded(step):
        asked.append(step)
        return batches(step)

    resumed = train(10, checkpoints=tmp_path / "kept", save_every=5, batches=recorded)
    assert asked == [5, 6, 7, 8, 9]
    assert same(resumed, train(10))


def test_a_finished_training_is_loaded_not_repeated(tmp_path):
    first = train(4, checkpoints=tmp_path / "kept")

    def never(step):
        raise AssertionError(f"step {step} was trained again")

    assert same(train(4, checkpoints=tmp_path / "kept", batches=never), first)


def test_a_loss_that_is_no_number_ends_the_run_with_an_error():
    def poisoned(step):
        return batches(step) * (np.nan if step == 3 else 1)

    with pytest.raises(EchojaxError, match=r"line: the loss is nan at step 4.*learning rate"):
        train(10, batches=poisoned)


def test_evaluation_comes_every_so_often_and_at_the_end():
    seen = []

    def log(step, **metrics):
        if "score" in metrics:
            seen.append((step, metrics["score"]))

    train(7, log=log, evaluate=lambda state: {"score": int(state.step)}, evaluate_every=3)
    assert seen == [(3, 3), (6, 6), (7, 7)]


def test_a_network_comes_back_as_it_was_kept(tmp_path):
    model, other = Line(), Line()
    model.linear.kernel[...] = model.linear.kernel[...] + 1
    model.norm.mean[...] = model.norm.mean[...] + 3
    save_network(model, tmp_path / "network")
    load_network(other, tmp_path / "network", devices.data_mesh())
    assert same(nnx.state(model), nnx.state(other))


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "network").mkdir()
    with pytest.raises(EchojaxError, match=r"network: not a whole checkpoint.*--resume"):
        load_network(Line(), tmp_path / "network", devices.data_mesh())


def test_a_diverged_training_leaves_the_last_good_checkpoint(tmp_path):
    def poisoned(step):
        return batches(step) * (np.inf if step == 3 else 1)

    with pytest.raises(EchojaxError):
        train(10, checkpoints=tmp_path / "kept", save_every=2, batches=poisoned)
    assert int(train(10, checkpoints=tmp_path / "kept", save_every=2).step) == 10
