"""Enhancing arrays: whatever type and axes they have, what comes out is not black."""

import numpy as np
import pytest
from flax import nnx

from echojax.inference.arrays import Enhancer
from echojax.inference.enhance import Interpolation, Network, enhance
from echojax.media.stack import Stack
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation

BICUBIC = Enhancer(Interpolation("bicubic", 2))
FRAME = np.add.outer(np.linspace(0, 0.6, 12), np.linspace(0, 0.4, 15))
WHITE = {np.uint8: 255, np.uint16: 65535, np.float16: 1, np.float32: 1, np.float64: 1}


def frame(dtype, shape=FRAME.shape):
    """A ramp from black to white along rows and columns, on whatever other axes there are."""
    rows_first = len(shape) - len(FRAME.shape) - (shape[-1] in (1, 3))
    ramp = FRAME.reshape(*(1,) * rows_first, *FRAME.shape, *(1,) * (shape[-1] in (1, 3)))
    scaled = WHITE[dtype] * np.broadcast_to(ramp, shape)
    return (scaled.round() if WHITE[dtype] > 1 else scaled).astype(dtype)


@pytest.fixture(scope="module")
def network():
    """One that does nothing but enlarge, so that its result is known."""
    settings = SRResNetSettings(scale=2, blocks=1, channels=8)
    model = SRResNet(settings, rngs=nnx.Rngs(0))
    start_as_interpolation(model)
    return Enhancer(Network(model))


@pytest.mark.parametrize("dtype", WHITE)
def test_the_result_has_the_type_and_the_range_of_what_was_given(network, dtype):
    given = frame(dtype)
    before = given.copy()
    large, restored = network.enhance(given), network.enhance(given, mode="restore")
    np.testing.assert_array_equal(given, before)
    for made, expected in (
        (large, np.kron(FRAME, np.ones((2, 2)))),
        (restored, FRAME),
    ):
        assert made.dtype == dtype
        assert made.shape == expected.shape
        np.testing.assert_allclose(made / WHITE[dtype], expected, atol=0.12)


@pytest.mark.parametrize("shape", [(12, 15), (12, 15, 3), (12, 15, 1), (4, 12, 15)])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_the_result_has_the_axes_of_what_was_given(network, lead, shape):
    if lead and len(shape) == 3 and shape[-1] > 3:
        pytest.skip("a stack of stacks is nothing")
    given = frame(np.uint8, (*lead, *shape))
    made = network.enhance(given)
    rows = made.ndim - 2 - (shape[-1] in (1, 3))
    expected = np.repeat(np.repeat(given.astype(float), 2, rows), 2, rows + 1)
    assert made.shape == expected.shape
    np.testing.assert_allclose(made / 255, expected / 255, atol=0.12)


def test_a_stack_is_done_frame_by_frame_with_one_white():
    """A dark frame of 12 bit beside a bright one keeps its range."""
    given = np.stack([frame(np.uint16) // 16, frame(np.uint16) // 1024])
    made = BICUBIC.enhance(given)
    for one, result in zip(given, made, strict=True):
        expected = enhance(one, BICUBIC.enlarger, mode="upscale", low=0, high=4095)
        np.testing.assert_array_equal(result, expected)


def test_a_recording_is_done_with_the_range_of_its_file():
    """Values that an array alone would not explain."""
    values = (-1000 + 3000 * FRAME).round().astype(np.int16)
    given = Stack(values[None], low=-1000, high=2000)
    made = BICUBIC.enhance(given)
    assert (made.dtype, made.shape) == (np.int16, (1, 24, 30))
    np.testing.assert_allclose(made[0, ::2, ::2], values, atol=100)


def test_what_is_no_number_stays_so():
    given = frame(np.float32)
    given[:3] = np.nan
    made = BICUBIC.enhance(given)
    assert np.isnan(made[:6]).all()
    assert np.isfinite(made[6:]).all()


def test_values_nobody_explained_are_refused_not_made_black():
    with pytest.raises(ValueError, match=r"floats from 0 to 255; .*frame / 255"):
        BICUBIC.enhance(255 * frame(np.float32))
    with pytest.raises(TypeError, match="int64 values do not say"):
        BICUBIC.enhance(frame(np.uint8).astype(int))


def test_lists_and_other_arrays_are_taken(network):
    given = frame(np.float64)
    np.testing.assert_array_equal(BICUBIC.enhance(given.tolist()), BICUBIC.enhance(given))


@pytest.mark.parametrize("mode", ["filter", "augment", "enlarge"])
def test_a_mode_that_is_not_there_is_named(mode):
    with pytest.raises(ValueError, match=f"mode '{mode}'; expected 'upscale' or 'restore'"):
        BICUBIC.enhance(frame(np.uint8), mode=mode)


def test_a_restorer_keeps_the_size_and_has_no_mode():
    restorer = Enhancer(Interpolation("bicubic", 1))
    given = frame(np.uint8)
    assert restorer.scale == 1
    np.testing.assert_array_equal(restorer.enhance(given), given)
    with pytest.raises(ValueError, match="leave mode out"):
        restorer.enhance(given, mode="upscale")
