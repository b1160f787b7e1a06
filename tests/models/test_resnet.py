import numpy as np
import pytest
from flax import nnx

from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from tests import by_hand
from tests.models.running import images, run


@pytest.mark.parametrize("size", [(64, 64), (45, 38)])
@pytest.mark.parametrize("train", [False, True])
def test_network_equals_its_layout(random_network, size, train):
    """Reference: the same tensors in NumPy, float64; tolerance 1e-4.

    Padding is symmetric, (3, 3) and (1, 1), where "SAME" would pad (2, 3) and (0, 1).
    """
    settings = ResNetSettings(classes=3, width=4)
    model = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    x = np.asarray(as_imagenet(images(4, *size, 3)))
    expected = by_hand.resnet18(model, x, batch=train)
    assert expected.shape == (4, 3)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(run(model, x, train=train), expected, rtol=1e-4, atol=1e-4)
