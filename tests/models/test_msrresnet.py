import numpy as np
import pytest
from flax import nnx

from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from tests import by_hand
from tests.models.running import images, run


@pytest.fixture
def network(random_network):
    """Small networks with random weights."""

    def make(**settings):
        chosen = MSRResNetSettings(**({"blocks": 1, "channels": 4} | settings))
        return random_network(lambda: MSRResNet(chosen, rngs=nnx.Rngs(0)))

    return make


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


@pytest.mark.parametrize("scale", [1, 5, 8])
def test_other_scales_are_refused(network, scale):
    with pytest.raises(ValueError, match=f"scale is {scale}; expected 2, 3 or 4"):
        network(scale=scale)
