import jax
import numpy as np
import pytest
from flax import nnx

from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from tests import by_hand


@pytest.fixture
def network(random_network):
    """Small networks with random weights."""

    def make(**settings):
        chosen = MSRResNetSettings(**({"blocks": 1, "channels": 4} | settings))
        return random_network(lambda: MSRResNet(chosen, rngs=nnx.Rngs(0)))

    return make


@nnx.jit(static_argnames="train")
def run(model, x, train=False):
    return model(x, train=train)


def images(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def bilinear(x, scale):
    """Bilinear enlargement, pixels as areas (align_corners=False), borders repeated."""
    for axis in (1, 2):
        n = x.shape[axis]
        at = np.clip((np.arange(n * scale) + 0.5) / scale - 0.5, 0, n - 1)
        before = np.floor(at).astype(int)
        share = (at - before).reshape([-1 if k == axis else 1 for k in range(4)])
        after = np.minimum(before + 1, n - 1)
        x = (1 - share) * np.take(x, before, axis) + share * np.take(x, after, axis)
    return x


def evaluated(model, x, factors, leaky_stages):
    """The network of BasicSR, written out on the same tensors."""
    y = by_hand.leaky(by_hand.conv(x, model.conv_first), 0.1)
    for block in model.body:
        y = y + by_hand.conv(by_hand.leaky(by_hand.conv(y, block.conv1), 0), block.conv2)
    for layer, factor in zip(model.upsample, factors, strict=True):
        y = by_hand.shuffled(by_hand.conv(y, layer), factor)
        y = by_hand.leaky(y, 0.1) if leaky_stages else y
    y = by_hand.leaky(by_hand.conv(y, model.conv_hr), 0.1)
    return by_hand.conv(y, model.conv_last) + bilinear(x, np.prod(factors))


def test_number_of_parameters_is_basicsrs():
    """Reference: BasicSR's MSRResNet x4 for RGB, 1,517,571; exactly."""
    settings = MSRResNetSettings(in_channels=3, out_channels=3)
    model = nnx.eval_shape(lambda: MSRResNet(settings, rngs=nnx.Rngs(0)))
    leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(int(np.prod(leaf.shape)) for leaf in leaves) == 1_517_571


@pytest.mark.parametrize(
    ("scale", "factors", "channels", "leaky_stages"),
    [(4, (2, 2), 3, True), (4, (2, 2), 1, False), (3, (3,), 1, True), (2, (2,), 1, True)],
)
def test_network_equals_its_code(network, scale, factors, channels, leaky_stages):
    """Reference: the same tensors in NumPy, float64, bilinear included; tolerance 1e-5."""
    model = network(
        scale=scale,
        blocks=2 if channels == 3 else 1,
        in_channels=channels,
        out_channels=channels,
        leaky_stages=leaky_stages,
    )
    x = images(2, 6, 7, channels)
    expected = evaluated(model, x, factors, leaky_stages)
    assert expected.shape == (2, 6 * scale, 7 * scale, channels)
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-5, atol=1e-5)


def test_training_changes_nothing_for_want_of_batch_norm(network):
    model = network()
    x = images(2, 6, 7, 1)
    np.testing.assert_array_equal(run(model, x, train=True), run(model, x))
    assert not jax.tree.leaves(nnx.state(model, nnx.BatchStat))


@pytest.mark.parametrize("scale", [1, 5, 8])
def test_other_scales_are_refused(network, scale):
    with pytest.raises(ValueError, match=f"scale is {scale}; expected 2, 3 or 4"):
        network(scale=scale)


@pytest.mark.parametrize(("scale", "blocks"), [(2, 1), (3, 2), (4, 1)])
def test_pixels_further_away_than_its_reach_change_nothing_and_the_last_do(network, scale, blocks):
    model = network(scale=scale, blocks=blocks)
    reach = model.reach
    centre = reach + 2
    x = images(1, 2 * centre + 1, 2 * centre + 1, 1)
    other = x.copy()
    other[0, centre, centre, 0] += 1
    changed = np.abs(run(model, x) - run(model, other))[0, ..., 0] > 1e-6
    rows, columns = np.nonzero(changed)
    furthest = max(np.abs(rows // scale - centre).max(), np.abs(columns // scale - centre).max())
    assert furthest == reach
