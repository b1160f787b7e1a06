import numpy as np
import pytest
from flax import nnx

from echojax.models.discriminator import Discriminator
from tests import by_hand
from tests.models.running import images, run


@pytest.mark.parametrize(("side", "channels", "train"), [(32, 1, False), (24, 3, True)])
def test_network_equals_its_figure(random_network, side, channels, train):
    """Reference: the same tensors in NumPy, float64; tolerance 1e-4.

    Padding is symmetric at stride 2 too, where "SAME" would pad (0, 1); 16 does not divide 24.
    """
    model = random_network(lambda: Discriminator(side, channels, 4, rngs=nnx.Rngs(0)))
    # Every image three times as bright as the one before, so that answers differ.
    x = images(3, side, side, channels) * np.array([1, 3, 9], np.float32)[:, None, None, None]
    expected = by_hand.discriminator(model, x, batch=train)
    assert expected.shape == (3,)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(run(model, x, train=train), expected, rtol=1e-4, atol=1e-4)
