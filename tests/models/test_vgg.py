import jax
import numpy as np
import pytest
from flax import nnx

from echojax.models.layers import as_imagenet
from echojax.models.vgg import VGG19, VGG19Settings
from tests import by_hand


@pytest.fixture(scope="module")
def small(random_network):
    """Width 2, weights large enough for a signal to survive sixteen ReLUs; tests only read it."""
    model = random_network(lambda: VGG19(VGG19Settings(width=2), rngs=nnx.Rngs(0)))
    for layers in model.stages:
        for layer in layers:
            layer.kernel[...] = layer.kernel[...] * np.sqrt(2)
    return model


@pytest.fixture(scope="module")
def image():
    """33 rows, which four poolings cut to 2, and 48 columns."""
    gray = np.random.default_rng(0).uniform(0, 1, (1, 33, 48, 1)).astype(np.float32)
    return np.asarray(as_imagenet(gray))


@pytest.fixture(scope="module")
def features(small, image):
    return np.asarray(nnx.jit(lambda model, x: model(x))(small, image))


def test_number_of_parameters_is_that_of_torchvisions_convolutions():
    """Reference: torchvision's vgg19().features, 20,024,384; exactly."""
    model = nnx.eval_shape(lambda: VGG19(VGG19Settings(), rngs=nnx.Rngs(0)))
    leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(int(np.prod(leaf.shape)) for leaf in leaves) == 20_024_384
    assert [len(layers) for layers in model.stages] == [2, 2, 4, 4, 4]


def test_features_are_a_sixteenth_of_the_size_and_after_a_relu(features):
    assert features.shape == (1, 2, 3, 16)
    assert features.min() == 0
    assert features.max() > 0


def test_network_equals_its_layout(small, image, features):
    """Reference: the same tensors in NumPy, float64; tolerance 1e-4."""
    expected = by_hand.vgg19(small, image)
    assert np.ptp(expected, axis=(1, 2)).max() > 0.01
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_gray_is_replicated_and_normalised_as_imagenet():
    """Reference: torchvision's normalisation, mean .485 .456 .406, deviation .229 .224 .225."""
    seen = as_imagenet(np.full((1, 2, 2, 1), 0.5, np.float32))
    assert seen.shape == (1, 2, 2, 3)
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    np.testing.assert_allclose(seen[0, 1, 0], expected, rtol=1e-5)
