import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax.models import layers
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings, adopt, as_input
from echojax.weights import by_name, kinds
from tests.models.running import images, run

SMALL = MobileNetV2Settings(channels=1, outputs=8, width=0.25)


@pytest.fixture
def model(random_network):
    return random_network(lambda: MobileNetV2(SMALL, rngs=nnx.Rngs(0)))


def test_the_paper_s_network_has_its_parameters():
    """Reference: torchvision's count for 1,000 classes."""
    model = kinds.empty("mobilenetv2", MobileNetV2Settings())
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))) == 3_504_872
    norms = [name for name in by_name.arrays(model) if name.endswith("norm.mean")]
    assert len(norms) == 52


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [((1, 1), (1, 1)), ((0, 1), (0, 1)), ((0, 1), (1, 1))])
def test_depthwise_convolution_is_one_of_every_channel(stride, padding):
    """Reference: each channel convolved alone, and the grouped convolution; tolerance 1e-5."""
    x, kernel = images(2, 9, 8, 5), images(3, 3, 1, 5, seed=1)
    single = [
        jax.lax.conv_general_dilated(
            x[..., k : k + 1],
            kernel[..., k : k + 1],
            (stride, stride),
            padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        for k in range(5)
    ]
    expected = np.concatenate(single, axis=-1)
    given = jnp.asarray(x), jnp.asarray(kernel), stride, padding
    for way in (layers.depthwise, layers._shifted_products, layers._grouped):
        np.testing.assert_allclose(way(*given), expected, rtol=1e-5, atol=1e-5)


def test_gradients_of_both_ways_agree():
    """Tolerance 1e-5, relative."""
    given = jnp.asarray(images(2, 8, 9, 3)), jnp.asarray(images(3, 3, 1, 3, seed=1))
    ways = (layers._shifted_products, layers._grouped)

    def gradients(way):
        return jax.grad(lambda x, k: jnp.sum(way(x, k, 2, ((1, 1), (1, 1))) ** 2), (0, 1))(*given)

    for one, other in zip(*map(gradients, ways), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_padding_is_where_the_weights_expect_it():
    """At stride 2 TensorFlow's pixels are the odd ones, PyTorch's the even ones."""
    x = jnp.asarray(images(1, 8, 8, 1))
    kernel = jnp.zeros((3, 3, 1, 8)).at[1, 1].set(1.0)
    for padding, first in (("pytorch", 0), ("tensorflow", 1)):
        settings = MobileNetV2Settings(channels=1, outputs=2, width=0.25, padding=padding)
        stem = MobileNetV2(settings, rngs=nnx.Rngs(0)).stem
        stem.conv.kernel[...] = kernel
        seen = stem.convolved(x)[..., 0]
        np.testing.assert_array_equal(seen, x[:, first::2, first::2, 0])


def test_dropout_is_for_training_with_a_key_only(model):
    x, key = jnp.asarray(images(2, 32, 32, 1)), jax.random.key(0)
    answer = model(x)
    assert np.array_equal(model(x, key=key), answer)
    drawn = [np.asarray(model(x, train=True, key=jax.random.key(k))) for k in (0, 1)]
    assert not np.array_equal(*drawn)


def test_adopted_statistics_leave_answers_and_make_training_begin_with_them(model):
    """Tolerance 1e-4: in training mode a batch is normalised by its own statistics."""
    x = jnp.asarray(images(4, 64, 64, 1))
    before = run(model, x)
    assert np.abs(run(nnx.clone(model), x, train=True) - before).max() > 0.1
    adopt(model, x)
    np.testing.assert_allclose(run(model, x), before, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(run(model, x, train=True), before, rtol=1e-4, atol=1e-4)


def test_inputs_are_on_the_scale_of_the_weights():
    levels = jnp.asarray([[0.0], [128 / 255], [1.0]])
    tensorflow = MobileNetV2Settings(padding="tensorflow")
    np.testing.assert_allclose(as_input(levels, tensorflow)[:, 0], [-1, 0, 127 / 128], atol=1e-6)
    np.testing.assert_array_equal(
        as_input(levels, MobileNetV2Settings()), layers.as_imagenet(levels)
    )
    gray = as_input(levels, MobileNetV2Settings(channels=1))
    np.testing.assert_allclose(gray[0], -0.449 / 0.226, atol=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"channels": 2}, {"width": 0.0}, {"width": 1e9}, {"dropout": 1.0}]
)
def test_settings_of_no_network_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MobileNetV2Settings(**wrong)
