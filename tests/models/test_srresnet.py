import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from echojax.models.layers import pixel_shuffle
from echojax.models.srresnet import (
    SRResNet,
    SRResNetSettings,
    start_as_interpolation,
)
from tests import by_hand

SMALL = {"blocks": 2, "channels": 4}


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


def parameters(settings):
    model = nnx.eval_shape(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))
    leaves = jax.tree_util.tree_leaves(nnx.state(model, nnx.Param))
    return sum(int(np.prod(leaf.shape)) for leaf in leaves)


@nnx.jit(static_argnames="train")
def run(model, x, train=False):
    return model(x, train=train)


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


def conv(x, layer):
    kernel = jnp.asarray(layer.kernel[...])
    pad = kernel.shape[0] // 2
    y = lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding=[(pad, pad), (pad, pad)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )
    return y if layer.bias is None else y + layer.bias[...]


def norm(x, layer, batch):
    mean, var = (
        (x.mean((0, 1, 2)), x.var((0, 1, 2))) if batch else (layer.mean[...], layer.var[...])
    )
    return (x - mean) / jnp.sqrt(var + 1e-5) * layer.scale[...] + layer.bias[...]


def prelu(x, layer):
    return jnp.where(x >= 0, x, layer.negative_slope[...] * x)


def shuffled(x):
    """Pixel shuffle by 2 as a loop: channel 4 c + 2 row + column goes to (row, column) of c."""
    n, h, w, channels = x.shape
    y = jnp.zeros((n, 2 * h, 2 * w, channels // 4))
    for c in range(channels // 4):
        for row in range(2):
            for column in range(2):
                y = y.at[:, row::2, column::2, c].set(x[..., 4 * c + 2 * row + column])
    return y


@nnx.jit(static_argnames="batch")
def evaluated(model, x, batch):
    """The network of SRGAN's Fig. 4, written out on the same tensors."""
    first = y = prelu(conv(x, model.conv1), model.prelu1)
    for block in model.blocks:
        z = prelu(norm(conv(y, block.conv1), block.bn1, batch), block.prelu)
        y = y + norm(conv(z, block.conv2), block.bn2, batch)
    y = first + norm(conv(y, model.conv2), model.bn2, batch)
    for stage in model.upsample:
        y = prelu(shuffled(conv(y, stage.conv)), stage.prelu)
    return conv(y, model.conv3)


@pytest.mark.parametrize(("channels", "expected"), [(3, 1_547_350), (1, 1_526_612)])
def test_number_of_parameters_is_the_papers(channels, expected):
    """Reference: the SRGAN paper's generator, counted with PyTorch; exactly."""
    settings = SRResNetSettings(in_channels=channels, out_channels=channels)
    assert parameters(settings) == expected


def test_bias_before_batch_norm_adds_one_value_a_channel():
    plain, biased = (parameters(SRResNetSettings(bias=bias)) for bias in (False, True))
    assert biased - plain == (2 * 16 + 1) * 64


def test_first_and_last_kernel_set_their_sizes(network):
    model = network(first_kernel=3, last_kernel=5)
    assert model.conv1.kernel.shape == (3, 3, 1, 4)
    assert model.conv3.kernel.shape == (5, 5, 4, 1)
    assert run(model, images(1, 6, 5, 1)).shape == (1, 24, 20, 1)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_output_is_scale_times_larger(network, scale):
    model = network(scale=scale, in_channels=3, out_channels=3)
    assert run(model, images(2, 5, 7, 3)).shape == (2, 5 * scale, 7 * scale, 3)


@pytest.mark.parametrize("scale", [1, 3, 16])
def test_other_scales_are_refused(network, scale):
    with pytest.raises(ValueError, match=f"scale is {scale}; expected 2, 4 or 8"):
        network(scale=scale)


def test_pixel_shuffle_orders_channels_as_pytorch():
    """Reference: an explicit loop in the order (c, row, column); exactly."""
    x = images(2, 3, 5, 12)
    np.testing.assert_array_equal(pixel_shuffle(x), shuffled(x))


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


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_network_equals_its_figure(network, train, bias):
    """Reference: lax convolutions and arithmetic on the same tensors; tolerance 1e-5."""
    model = network(bias=bias, in_channels=3, out_channels=3)
    x = images(2, 7, 6, 3)
    expected = evaluated(model, x, batch=train)
    assert float(jnp.abs(expected).max()) > 0.1
    np.testing.assert_allclose(run(model, x, train=train), expected, rtol=1e-5, atol=1e-5)


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


def test_a_trunk_may_end_with_prelu_instead_of_batch_norm(network):
    """Reference: the same tensors in NumPy up to the first enlargement; tolerance 1e-5."""
    model = network(trunk_end="prelu", bias=True, scale=2)
    assert not hasattr(model, "bn2")
    x = images(2, 6, 5, 1)

    def slope(layer):
        return float(layer.negative_slope[...])

    first = y = by_hand.leaky(by_hand.conv(x, model.conv1), slope(model.prelu1))
    for block in model.blocks:
        z = by_hand.norm(by_hand.conv(y, block.conv1), block.bn1, batch=False)
        z = by_hand.conv(by_hand.leaky(z, slope(block.prelu)), block.conv2)
        y = y + by_hand.norm(z, block.bn2, batch=False)
    y = first + by_hand.leaky(by_hand.conv(y, model.conv2), slope(model.prelu2))
    (stage,) = model.upsample
    y = by_hand.leaky(by_hand.shuffled(by_hand.conv(y, stage.conv), 2), slope(stage.prelu))
    np.testing.assert_allclose(run(model, x), by_hand.conv(y, model.conv3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"blocks": 1},
        {"blocks": 2, "first_kernel": 3, "last_kernel": 5, "scale": 2},
        {"blocks": 1, "first_kernel": 5, "last_kernel": 3, "scale": 8},
    ],
)
def test_pixels_change_what_is_within_its_reach_and_nothing_else(network, settings):
    model = network(**settings)
    reach, scale = model.reach, model.scale
    centre = reach + 2
    x = images(1, 2 * centre + 1, 2 * centre + 1, 1)
    other = x.copy()
    other[0, centre, centre, 0] += 1
    changed = np.abs(run(model, x) - run(model, other))[0, ..., 0] > 1e-6
    for pixels in np.nonzero(changed):
        assert np.abs(pixels // scale - centre).max() == reach


def test_training_updates_running_statistics_by_a_tenth(network):
    """Reference: PyTorch's momentum of 0.1, on the input of the first BatchNorm."""
    model = network()
    x = images(2, 7, 6, 1)
    inside = conv(prelu(conv(x, model.conv1), model.prelu1), model.blocks[0].conv1)
    old = nnx.clone(model.blocks[0].bn1)
    run(model, x, train=True)
    new = model.blocks[0].bn1
    for name, of_batch in (("mean", inside.mean((0, 1, 2))), ("var", inside.var((0, 1, 2)))):
        expected = 0.9 * getattr(old, name)[...] + 0.1 * of_batch
        np.testing.assert_allclose(getattr(new, name)[...], expected, rtol=1e-4, atol=1e-6)


def test_evaluation_leaves_running_statistics_alone(network):
    model = network()
    before = jax.tree_util.tree_map(np.array, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))
    first = run(model, images(2, 7, 6, 1))
    second = run(model, images(2, 7, 6, 1))
    after = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    jax.tree_util.tree_map(np.testing.assert_array_equal, before, after)
    np.testing.assert_array_equal(first, second)


def test_images_of_a_batch_do_not_mix_in_evaluation(network):
    model = network()
    x = images(3, 6, 6, 1)
    alone = jnp.concatenate([run(model, x[k : k + 1]) for k in range(3)])
    np.testing.assert_allclose(run(model, x), alone, rtol=1e-5, atol=1e-6)


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
