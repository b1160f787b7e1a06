import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax.models.layers import pixel_shuffle
from echojax.models.srresnet import (
    SRResNet,
    SRResNetSettings,
    start_as_interpolation,
)
from tests import by_hand
from tests.models.running import images, run

SMALL = {"blocks": 2, "channels": 4}
COLOUR = {"in_channels": 3, "out_channels": 3}


@pytest.fixture
def network(random_network):
    """Small networks with random weights."""

    def make(seed=0, **settings):
        chosen = SRResNetSettings(**(SMALL | settings))
        return random_network(lambda: SRResNet(chosen, rngs=nnx.Rngs(0)), seed)

    return make


def fresh(**settings):
    """A small network as its initialisers leave it."""
    return SRResNet(SRResNetSettings(**(SMALL | settings)), rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    "settings", [{}, {"bias": True, **COLOUR}, {"trunk_end": "prelu"}, {"scale": 1}]
)
@pytest.mark.parametrize("train", [False, True])
def test_network_equals_its_figure(network, settings, train):
    """Reference: the same tensors in NumPy, float64; tolerance 1e-5."""
    model = network(**settings)
    x = images(2, 7, 6, model.channels)
    expected = by_hand.srresnet(model, x, batch=train)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(run(model, x, train=train), expected, rtol=1e-5, atol=1e-5)


def test_first_and_last_kernel_set_their_sizes(network):
    model = network(first_kernel=3, last_kernel=5)
    assert model.conv1.kernel.shape == (3, 3, 1, 4)
    assert model.conv3.kernel.shape == (5, 5, 4, 1)
    assert run(model, images(1, 6, 5, 1)).shape == (1, 24, 20, 1)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_output_is_scale_times_larger(network, scale):
    model = network(scale=scale, in_channels=3, out_channels=3)
    assert run(model, images(2, 5, 7, 3)).shape == (2, 5 * scale, 7 * scale, 3)


@pytest.mark.parametrize("scale", [0, 3, 16])
def test_other_scales_are_refused(network, scale):
    with pytest.raises(ValueError, match=f"scale is {scale}; expected 1, 2, 4 or 8"):
        network(scale=scale)


def test_pixel_shuffle_orders_channels_as_pytorch():
    """Reference: an explicit loop in the order (c, row, column); exactly."""
    x = images(2, 3, 5, 12)
    np.testing.assert_array_equal(pixel_shuffle(x), by_hand.shuffled(x, 2))


def test_pixel_shuffle_by_three():
    x = np.arange(2 * 2 * 2 * 9, dtype=np.float32).reshape(2, 2, 2, 9)
    y = pixel_shuffle(x, 3)
    assert y.shape == (2, 6, 6, 1)
    np.testing.assert_array_equal(y[1, 3:6, 0:3, 0].ravel(), x[1, 1, 0])


def test_prelu_starts_at_a_quarter():
    model = fresh()
    for layer in (model.prelu1, model.blocks[0].prelu, model.upsample[0].prelu):
        assert float(layer.negative_slope[...]) == 0.25


def test_every_block_has_a_prelu_of_its_own():
    model = fresh()
    model.blocks[0].prelu.negative_slope[...] = jnp.asarray(0.5)
    assert float(model.blocks[1].prelu.negative_slope[...]) == 0.25


@pytest.mark.parametrize(
    ("activation", "function"),
    [("clip", lambda x: np.clip(x, 0, 1)), ("tanh", lambda x: (np.tanh(x) + 1) / 2)],
)
def test_activation_is_applied_to_the_output(network, activation, function):
    x = images(1, 6, 6, 1)
    plain, activated = (run(network(activation=name), x) for name in ("none", activation))
    assert plain.min() < 0
    np.testing.assert_allclose(activated, function(np.asarray(plain)), rtol=1e-5, atol=1e-6)


def test_gray_replicates_the_image_before_and_averages_the_outputs_after(network):
    """Reference: the network of three channels, fed r = g = b; tolerance 1e-6.

    With tanh at the end, so that averaging before it would give something else.
    """
    colour = {"in_channels": 3, "out_channels": 3, "activation": "tanh"}
    gray, rgb = network(**colour, gray=True), network(**colour)
    assert (gray.channels, rgb.channels) == (1, 3)
    x = images(2, 6, 5, 1)
    outputs = run(rgb, np.repeat(x, 3, -1))
    assert float(jnp.ptp(outputs, axis=-1).max()) > 0.1
    np.testing.assert_allclose(run(gray, x), outputs.mean(-1, keepdims=True), rtol=0, atol=1e-6)


def test_normalising_takes_imagenets_mean_and_deviation_off_the_image(network):
    """Reference: torchvision's normalisation by hand, before the plain network; tolerance 1e-5."""
    colour = {"in_channels": 3, "out_channels": 3}
    x = images(2, 6, 5, 3)
    normalised = (x - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    expected = run(network(**colour), normalised.astype(np.float32))
    np.testing.assert_allclose(
        run(network(**colour, normalise=True), x), expected, rtol=1e-5, atol=1e-5
    )


def test_a_gray_network_that_normalises_is_fed_each_channels_own(network):
    """Reference: the network of three channels that normalises, fed r = g = b; tolerance 1e-5."""
    colour = {"in_channels": 3, "out_channels": 3, "normalise": True}
    x = images(2, 6, 5, 1)
    expected = run(network(**colour), np.repeat(x, 3, -1)).mean(-1, keepdims=True)
    np.testing.assert_allclose(run(network(**colour, gray=True), x), expected, rtol=0, atol=1e-5)


def surface(rows, columns, scale):
    """A ramp and a quadratic, sampled where the pixels of an image `scale` times larger lie."""
    y = ((np.arange(rows * scale) + 0.5) / scale - 0.5)[:, None] / rows
    x = ((np.arange(columns * scale) + 0.5) / scale - 0.5)[None, :] / columns
    ramp = 0.2 + 0.4 * y + 0.3 * x
    quadratic = 0.2 + 0.3 * y**2 + 0.2 * (1 - x) ** 2 + 0.1 * x * y
    return np.stack([ramp, quadratic])[..., None].astype(np.float32)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("train", [False, True])
def test_interpolating_start_reproduces_ramps_and_quadratics(scale, train):
    """Reference: the polynomial itself, two low-resolution pixels inside; tolerance 1e-5."""
    model = fresh(scale=scale)
    start_as_interpolation(model)
    enlarged = run(model, surface(9, 11, 1), train=train)
    inside = (slice(None), slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    np.testing.assert_allclose(enlarged[inside], surface(9, 11, scale)[inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize("train", [False, True])
def test_a_network_of_scale_1_starts_as_the_identity(train):
    """Reference: the images themselves; tolerance 1e-6."""
    model = fresh(scale=1)
    start_as_interpolation(model)
    x = images(2, 9, 11, 1)
    np.testing.assert_allclose(run(model, x, train=train), x, rtol=0, atol=1e-6)


def test_interpolating_start_carries_every_colour():
    model = fresh(in_channels=3, out_channels=3)
    start_as_interpolation(model)
    colours = np.array([1.0, 0.5, 0.25], np.float32)
    enlarged = run(model, surface(9, 11, 1)[:1] * colours)
    expected = surface(9, 11, 4)[:1] * colours
    np.testing.assert_allclose(enlarged[:, 8:-8, 8:-8], expected[:, 8:-8, 8:-8], rtol=0, atol=1e-5)


def test_after_an_interpolating_start_all_of_the_network_learns():
    """The zeroed branches open one after another: from the fourth step on nothing stands still."""
    model = fresh()
    start_as_interpolation(model)
    x, y = images(2, 6, 6, 1), images(2, 24, 24, 1, seed=1)

    @nnx.jit
    def step(model):
        gradient = nnx.grad(lambda model: jnp.mean((model(x, train=True) - y) ** 2))(model)
        parameters = nnx.state(model, nnx.Param)
        nnx.update(model, jax.tree_util.tree_map(lambda p, g: p - 0.1 * g, parameters, gradient))
        return gradient

    for _ in range(4):
        gradient = nnx.to_pure_dict(step(model))
    leaves, _ = jax.tree_util.tree_flatten_with_path(gradient)
    still = [jax.tree_util.keystr(path) for path, leaf in leaves if not jnp.abs(leaf).max() > 0]
    assert still == []


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "tanh"},
        {"in_channels": 3},
        {"in_channels": 3, "out_channels": 3, "channels": 2},
        {"in_channels": 3, "out_channels": 3, "normalise": True},
        {"trunk_end": "prelu"},
    ],
)
def test_networks_that_cannot_interpolate_are_refused(network, settings):
    with pytest.raises(ValueError, match="like input and output, without tanh"):
        start_as_interpolation(network(**settings))
