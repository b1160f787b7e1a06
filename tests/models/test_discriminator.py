import jax
import numpy as np
import pytest
from flax import nnx

from echojax.models.discriminator import Discriminator
from tests import by_hand


@pytest.fixture(scope="module")
def small(random_network):
    """Discriminators of width 4; tests only read them."""

    def make(side, channels=1):
        return random_network(lambda: Discriminator(side, channels, 4, rngs=nnx.Rngs(0)))

    return make


@nnx.jit(static_argnames="train")
def run(model, x, train=False):
    return model(x, train=train)


def images(*shape):
    """Noise, every image three times as bright as the one before."""
    noise = np.random.default_rng(0).uniform(0, 1, shape)
    return (noise * 3.0 ** np.arange(shape[0])[:, None, None, None]).astype(np.float32)


@pytest.mark.parametrize(("channels", "expected"), [(3, 23_563_649), (1, 23_562_497)])
def test_number_of_parameters_is_the_papers(channels, expected):
    """Reference: SRGAN-PyTorch's discriminator for 96x96 RGB; exactly. Gray is 2 x 9 x 64 less."""
    model = nnx.eval_shape(lambda: Discriminator(96, channels, rngs=nnx.Rngs(0)))
    leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(int(np.prod(leaf.shape)) for leaf in leaves) == expected


@pytest.mark.parametrize(("side", "channels", "train"), [(32, 1, False), (24, 3, True)])
def test_network_equals_its_figure(small, side, channels, train):
    """Reference: the same tensors in NumPy, float64; tolerance 1e-4.

    Padding is symmetric at stride 2 too, where "SAME" would pad (0, 1); 16 does not divide 24.
    """
    model = nnx.clone(small(side, channels))
    x = images(3, side, side, channels)
    expected = by_hand.discriminator(model, x, batch=train)
    assert expected.shape == (3,)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(run(model, x, train=train), expected, rtol=1e-4, atol=1e-4)


def test_evaluation_leaves_running_statistics_alone(small):
    before, model = small(32), small(32)
    run(model, images(3, 32, 32, 1))
    for one, other in zip(before.norms, model.norms, strict=True):
        np.testing.assert_array_equal(one.mean[...], other.mean[...])
        np.testing.assert_array_equal(one.var[...], other.var[...])


def test_training_updates_running_statistics_by_a_tenth(small):
    """Reference: PyTorch's momentum of 0.1, on the input of the first BatchNorm."""
    before, model = small(24, 3), small(24, 3)
    x = images(3, 24, 24, 3)
    run(model, x, train=True)
    inside = by_hand.leaky(by_hand.conv(x, before.convolutions[0]), 0.2)
    inside = by_hand.conv(inside, before.convolutions[1], stride=2)
    for name, of_batch in (("mean", inside.mean((0, 1, 2))), ("var", inside.var((0, 1, 2)))):
        old, new = (getattr(m.norms[0], name)[...] for m in (before, model))
        np.testing.assert_allclose(new, 0.9 * old + 0.1 * of_batch, rtol=1e-4, atol=1e-5)
