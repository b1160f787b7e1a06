import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from echojax.models.resnet import ResNet18, ResNetSettings


@pytest.fixture(scope="module")
def small(random_network):
    """Three classes, width 4; tests only read it."""
    settings = ResNetSettings(classes=3, width=4)
    return random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))


@nnx.jit(static_argnames="train")
def run(model, x, train=False):
    return model(x, train=train)


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def conv(x, layer, stride, padding):
    return lax.conv_general_dilated(
        x,
        layer.kernel[...],
        window_strides=(stride, stride),
        padding=[(padding, padding), (padding, padding)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )


def norm(x, layer, batch):
    mean, var = (
        (x.mean((0, 1, 2)), x.var((0, 1, 2))) if batch else (layer.mean[...], layer.var[...])
    )
    return (x - mean) / jnp.sqrt(var + 1e-5) * layer.scale[...] + layer.bias[...]


def relu(x):
    return jnp.maximum(x, 0)


def stem(model, x, batch):
    x = relu(norm(conv(x, model.conv1, 2, 3), model.bn1, batch))
    padding = [(0, 0), (1, 1), (1, 1), (0, 0)]
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding)


@nnx.jit(static_argnames="batch")
def evaluated(model, x, batch):
    """ResNet-18 as torchvision lays it out, written out on the same tensors."""
    x = stem(model, x, batch)
    for stage in range(4):
        for k in range(2):
            block = model.layers[stage][k]
            stride = 2 if stage > 0 and k == 0 else 1
            y = relu(norm(conv(x, block.conv1, stride, 1), block.bn1, batch))
            y = norm(conv(y, block.conv2, 1, 1), block.bn2, batch)
            if stride == 2:
                x = norm(conv(x, block.downsample_conv, 2, 0), block.downsample_bn, batch)
            x = relu(x + y)
    return x.mean((1, 2)) @ model.fc.kernel[...] + model.fc.bias[...]


def parameters(settings):
    model = nnx.eval_shape(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    leaves = jax.tree_util.tree_leaves(nnx.state(model, nnx.Param))
    return sum(int(np.prod(leaf.shape)) for leaf in leaves)


def test_number_of_parameters_is_torchvisions():
    """Reference: torchvision's resnet18, 11,689,512 parameters with 1,000 classes; exactly."""
    assert parameters(ResNetSettings(classes=1000)) == 11_689_512
    assert parameters(ResNetSettings(classes=2)) == 11_689_512 - 998 * 513


def test_logits_are_one_a_class(small):
    assert run(small, images(4, 64, 64, 3)).shape == (4, 3)
    assert run(small, images(4, 45, 38, 3)).shape == (4, 3)


@pytest.mark.parametrize("size", [(64, 64), (45, 38)])
@pytest.mark.parametrize("train", [False, True])
def test_network_equals_its_layout(small, size, train):
    """Reference: lax convolutions and arithmetic on the same tensors; tolerance 1e-4, relative.

    Padding is symmetric, (3, 3) and (1, 1), where "SAME" would pad (2, 3) and (0, 1).
    """
    model = nnx.clone(small)
    x = images(4, *size, 3)
    expected = evaluated(model, x, batch=train)
    assert float(jnp.abs(expected).max()) > 0.1
    np.testing.assert_allclose(run(model, x, train=train), expected, rtol=1e-4, atol=1e-4)


def test_first_convolution_is_padded_symmetrically(small):
    """Reference: lax with padding (3, 3); tolerance 1e-5. "SAME" gives something else."""
    x = images(1, 32, 32, 3)
    np.testing.assert_allclose(small.conv1(x), conv(x, small.conv1, 2, 3), rtol=1e-5, atol=1e-5)
    same = lax.conv_general_dilated(
        x, small.conv1.kernel[...], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    assert same.shape == small.conv1(x).shape
    assert float(jnp.abs(same - small.conv1(x)).max()) > 0.1


def test_pooling_is_padded_symmetrically(small):
    """The stem's output equals lax with padding (1, 1), seen through the blocks after it."""
    x = images(1, 32, 32, 3)
    seen = []
    first = small.layers[0][0]

    class Spy(nnx.Module):
        def __call__(self, inputs, *, train):
            seen.append(inputs)
            return first(inputs, train=train)

    model = nnx.clone(small)
    model.layers[0][0] = Spy()
    model(x)
    np.testing.assert_allclose(seen[0], stem(small, x, batch=False), rtol=1e-5, atol=1e-5)


def test_training_updates_running_statistics_by_a_tenth(small):
    model = nnx.clone(small)
    x = images(4, 45, 38, 3)
    inside = conv(x, model.conv1, 2, 3)
    run(model, x, train=True)
    for name, of_batch in (("mean", inside.mean((0, 1, 2))), ("var", inside.var((0, 1, 2)))):
        old, new = (getattr(m.bn1, name)[...] for m in (small, model))
        np.testing.assert_allclose(new, 0.9 * old + 0.1 * of_batch, rtol=1e-4, atol=1e-5)


def test_evaluation_leaves_running_statistics_alone(small):
    model = nnx.clone(small)
    run(model, images(4, 45, 38, 3))
    before, after = (nnx.to_pure_dict(nnx.state(m, nnx.BatchStat)) for m in (small, model))
    jax.tree_util.tree_map(np.testing.assert_array_equal, before, after)
