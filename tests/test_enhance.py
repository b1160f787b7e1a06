import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax import enhance
from echojax.models.srresnet import SRResNet, SRResNetSettings


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (45, 70), np.uint8)


@pytest.fixture(scope="module")
def model():
    return SRResNet(SRResNetSettings(blocks=1, channels=4), rngs=nnx.Rngs(0))


@pytest.fixture(params=["bicubic", "lanczos", "network"])
def enlarge(request, model):
    if request.param == "network":
        return enhance.network(model)
    return enhance.interpolation(request.param)


def test_upscale_makes_a_frame_four_times_larger(frame, enlarge):
    large = enhance.upscale(frame, enlarge)
    assert large.shape == (180, 280)
    assert large.min() >= 0
    assert large.max() <= 1


def test_restore_keeps_the_size_of_a_frame_that_four_does_not_divide(frame, enlarge):
    assert enhance.restore(frame, enlarge).shape == frame.shape


def test_restore_is_reduction_by_pillows_bicubic_and_enlargement(frame):
    whole = frame[:44, :68]
    low = Image.fromarray(whole.astype(np.float32)).resize((17, 11), Image.Resampling.BICUBIC)
    low = Image.fromarray(np.clip(np.asarray(low), 0, 255))
    expected = np.clip(np.asarray(low.resize((68, 44), Image.Resampling.BICUBIC)), 0, 255) / 255
    restored = enhance.restore(whole, enhance.interpolation("bicubic"))
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_rounding_up_the_size_changes_nothing_but_the_lower_right_border(frame, model):
    low = enhance.as_float(frame)
    exact = np.clip(np.asarray(model(low[None, ..., None]))[0, ..., 0], 0, 1)
    seen = enhance.network(model)(low)
    # Eleven low-resolution pixels are more than this network of one block looks around.
    np.testing.assert_allclose(seen[: -4 * 11, : -4 * 11], exact[: -4 * 11, : -4 * 11], atol=1e-5)
