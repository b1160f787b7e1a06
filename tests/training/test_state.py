import jax
import numpy as np
import pytest
from flax import nnx

from echojax.training import loop
from echojax.training.state import LEARNED, initial_state, split
from tests.training.line import OPTIMIZER, STEP, Line, batch, loss


class Adapted(nnx.Module):
    """A line whose weights have an adapter of low rank beside them."""

    def __init__(self) -> None:
        self.linear = nnx.LoRALinear(1, 1, lora_rank=1, rngs=nnx.Rngs(0))
        self.norm = nnx.BatchNorm(1, rngs=nnx.Rngs(0))

    def __call__(self, x, *, train):
        return self.norm(self.linear(x), use_running_average=not train)


def numbers(state):
    """All leaves by their paths."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(state))
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.array(leaf)
        for path, leaf in leaves
    }


def variables(state):
    return numbers(state.params) | numbers(state.rest)


NORM = nnx.All(nnx.Param, nnx.PathContains("norm"))
STATISTICS = {"norm.mean", "norm.var"}


@pytest.mark.parametrize(
    ("network", "learned", "expected"),
    [
        (Line, LEARNED, {"linear.kernel", "linear.bias", "norm.scale", "norm.bias"}),
        (Line, NORM, {"norm.scale", "norm.bias"}),
        (
            Line,
            lambda path, variable: isinstance(variable, nnx.Param) and path[-1] == "kernel",
            {"linear.kernel"},
        ),
        (Adapted, nnx.LoRAParam, {"linear.lora.lora_a", "linear.lora.lora_b"}),
    ],
    ids=["all", "of a path", "of a name", "adapters"],
)
def test_what_the_filter_chooses_learns_and_nothing_else_moves(network, learned, expected):
    model = network()
    state = initial_state(model, OPTIMIZER, seed=0, learned=learned)
    step = loop.make_step(split(model, learned)[0], OPTIMIZER, loss, learned)
    before = variables(state)
    for k in range(3):
        state, _ = step(state, batch(k))
    after = variables(state)
    assert numbers(state.params).keys() == expected
    moved = {name for name, x in before.items() if not np.array_equal(x, after[name])}
    # Before a BatchNorm a bias has no gradient but for rounding.
    assert moved | {"linear.bias"} == expected | STATISTICS | {"linear.bias"}
    if "linear.bias" not in expected:
        assert "linear.bias" not in moved


def test_the_optimiser_keeps_moments_of_what_learns_alone():
    state = initial_state(Adapted(), OPTIMIZER, seed=0, learned=nnx.LoRAParam)
    sizes = [leaf.size for leaf in jax.tree.leaves(state.opt_state)]
    assert sum(sizes) == 1 + 2 * sum(x.size for x in numbers(state.params).values())


def test_a_network_goes_on_with_what_it_was_not_told_to_learn():
    """What learned and what did not are one network again."""
    model = Line()
    graphdef, params, rest = split(model, NORM)
    x = batch(0)
    again = nnx.merge(graphdef, params, rest)
    np.testing.assert_array_equal(again(x, train=False), model(x, train=False))


def test_steps_do_not_use_up_the_network_they_began_with():
    model = Line()
    state, _ = STEP(initial_state(model, OPTIMIZER, seed=0), batch(0))
    assert np.isfinite(model(batch(0), train=False)).all()
    assert not np.array_equal(model.norm.mean[...], state.rest["norm"]["mean"][...])


def test_every_step_and_every_seed_draws_another_key():
    def drawn(seed):
        state, values = initial_state(Line(), OPTIMIZER, seed=seed), []
        for k in range(4):
            here = float(jax.random.uniform(state.draw()))
            state, metrics = STEP(state, batch(k))
            assert float(metrics["drawn"]) == here  # the loss is given what `draw` says
            values.append(here)
        return values

    one, other = drawn(0), drawn(1)
    assert len({*one, *other}) == 8
    assert drawn(0) == one


def test_an_average_follows_parameters_and_statistics():
    """Reference: by hand, half of the average before and half of the new numbers."""
    graphdef, _, _ = split(Line())

    @jax.jit
    def step(state, x):
        def of_params(params):
            model = nnx.merge(graphdef, params, state.rest, copy=True)
            return loss(model, x, state.draw())[0], split(model)[2]

        gradients, rest = jax.grad(of_params, has_aux=True)(state.params)
        return loop.updated(state, OPTIMIZER, gradients, rest, 0.5)

    state = initial_state(Line(), OPTIMIZER, seed=0, average=True)
    expected = variables(state)
    for k in range(3):
        state = step(state, batch(k))
        expected = {name: (expected[name] + x) / 2 for name, x in variables(state).items()}
    params, rest = state.average
    average = numbers(params) | numbers(rest)
    assert average.keys() == expected.keys()
    for name, x in expected.items():
        np.testing.assert_allclose(average[name], x, rtol=1e-5, atol=1e-7, err_msg=name)
    assert np.abs(average["norm.mean"] - variables(state)["norm.mean"]).max() > 1e-3


def test_without_an_average_none_is_kept():
    state, _ = STEP(initial_state(Line(), OPTIMIZER, seed=0), batch(0))
    assert state.average is None
