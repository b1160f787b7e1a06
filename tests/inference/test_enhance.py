from functools import partial

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.inference import enhance
from echojax.inference.enhance import Interpolation, Network
from echojax.inference.tiles import Piece
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings

BICUBIC = Interpolation("bicubic", 4)
upscale = partial(enhance.enhance, mode="upscale")
restore = partial(enhance.enhance, mode="restore")


def noise(*shape):
    return np.random.default_rng(1).random(shape, np.float32)


@pytest.fixture(scope="module")
def generator(random_network):
    """Generators with random weights whose output lies mostly between 0 and 1."""

    def make(network=SRResNet, settings=SRResNetSettings, **chosen):
        if settings is SRResNetSettings:
            chosen = {"first_kernel": 3, "last_kernel": 3} | chosen
        chosen = settings(**({"blocks": 1, "channels": 4} | chosen))
        model = random_network(lambda: network(chosen, rngs=nnx.Rngs(0)))
        if network is SRResNet:
            model.conv3.kernel[...] = 0.2 * model.conv3.kernel[...]
            model.conv3.bias[...] = 0 * model.conv3.bias[...] + 0.5
        return model

    return make


@pytest.fixture(scope="module")
def gray_generator(generator):
    """Reaches 6 pixels far; tests only read it."""
    return generator()


@pytest.fixture(scope="module")
def model(generator):
    """Of the paper's large kernels; reaches 10 pixels far."""
    return generator(first_kernel=9, last_kernel=9)


@pytest.fixture(params=["lanczos x2", "network x8"])
def enlarger(request, generator):
    method, scale = request.param.split(" x")
    if method == "network":
        return Network(generator(scale=int(scale)))
    return Interpolation(method, int(scale))


class TestModes:
    def test_upscaling_makes_frames_larger_and_restoring_keeps_a_size_no_scale_divides(
        self, enlarger
    ):
        frame = noise(45, 71)
        large, restored = upscale(frame, enlarger), restore(frame, enlarger)
        assert large.shape == (enlarger.scale * 45, enlarger.scale * 71)
        assert restored.shape == (45, 71)
        for result in (large, restored):
            assert result.dtype == np.float32
            assert 0 <= result.min() < result.max() <= 1

    def test_restoring_is_reduction_by_pillows_bicubic_and_enlargement(self):
        frame = np.random.default_rng(0).integers(0, 256, (44, 68), np.uint8)
        low = Image.fromarray(frame.astype(np.float32)).resize((17, 11), Image.Resampling.BICUBIC)
        low = Image.fromarray(np.clip(np.asarray(low), 0, 255))
        expected = np.clip(np.asarray(low.resize((68, 44), Image.Resampling.BICUBIC)), 0, 255) / 255
        restored = restore(enhance.as_float(frame), BICUBIC)
        np.testing.assert_allclose(restored, expected, atol=1e-5)


class TestNetwork:
    def test_rounding_up_the_size_changes_nothing_but_the_lower_right_border(self, model):
        """And nothing at all without a step."""
        low = noise(21, 18)
        exact = np.clip(np.asarray(model(low[None, ..., None]))[0, ..., 0], 0, 1)
        seen = upscale(low, Network(model))
        # Eleven low-resolution pixels are more than this network of one block looks around.
        inside = (slice(-4 * 11),) * 2
        np.testing.assert_allclose(seen[inside], exact[inside], atol=1e-5)
        np.testing.assert_allclose(upscale(low, Network(model, step=1)), exact, atol=1e-5)

    @pytest.mark.parametrize(
        ("settings", "given"),
        [
            ({"scale": 8}, 1),
            ({}, 3),
            ({"in_channels": 3, "out_channels": 3}, 3),
            ({"network": MSRResNet, "settings": MSRResNetSettings, "scale": 3}, 1),
        ],
    )
    def test_tiled_equals_untiled(self, generator, settings, given):
        """Reference: the whole image of odd size as one tile; tolerance 1e-5."""
        model = generator(**settings)
        image = noise(77, 45, given)
        whole, tiled = (upscale(image, Network(model, tile, step=1)) for tile in (96, 32))
        assert whole.shape == (model.scale * 77, model.scale * 45, given)
        assert np.mean((whole > 0) & (whole < 1)) > 0.8
        assert whole.std() > 0.01
        assert len(list(Network(model, 32).pieces(image))) > 3
        np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)

    def test_there_is_no_seam_along_the_cuts(self, gray_generator):
        """On a smooth ramp, neighbours differ along the cuts no more than elsewhere."""
        image = np.add.outer(np.linspace(0, 0.5, 96), np.linspace(0, 0.5, 64)).astype(np.float32)
        network = Network(gray_generator, 32)
        cuts = {piece.rows.start for piece in network.pieces(image[..., None])} - {0}
        whole = upscale(image, network)
        # The network's own border, whose zeros a ramp shows, is left out.
        border = 4 * (gray_generator.reach + 1)
        inside = whole[border:-border, border:-border]
        # Rows four apart are at the same place of a low-resolution pixel.
        steps = np.abs(inside[4:] - inside[:-4]).max(1)
        along = np.zeros(len(steps), bool)
        for cut in cuts:
            along[cut - border - 4 : cut - border] = True
        assert along.sum() == 4 * 4
        assert steps[along].max() <= 1.01 * steps[~along].max()

    def test_a_tile_smaller_than_the_reach_needs_is_made_larger(self, model):
        assert model.reach == 10
        image = noise(64, 96, 1)
        places, expected = (
            [(p.rows, p.columns) for p in Network(model, tile).pieces(image)] for tile in (1, 64)
        )
        assert places == expected
        assert len(places) == 2

    def test_a_gray_image_on_a_network_of_three_is_replicated_and_averaged(self, generator):
        network = Network(generator(in_channels=3, out_channels=3))
        image = noise(32, 32, 1)
        expected = upscale(np.repeat(image, 3, -1), network).mean(-1, keepdims=True)
        np.testing.assert_allclose(upscale(image, network), expected, rtol=0, atol=1e-6)

    def test_a_colour_image_without_colours_gives_the_gray_result_everywhere(self, gray_generator):
        image = noise(32, 32, 1)
        gray, colour = (
            upscale(each, Network(gray_generator)) for each in (image, np.repeat(image, 3, -1))
        )
        np.testing.assert_allclose(colour, np.repeat(gray, 3, -1), rtol=0, atol=1e-5)

    def test_a_gray_network_enlarges_luminance_and_chrominance_is_interpolated(
        self, gray_generator
    ):
        """Reference: BT.601's luminance of the result, and Pillow's bicubic of the differences."""
        image = 0.4 + 0.2 * noise(24, 20, 3)
        luminance = image @ np.array([0.299, 0.587, 0.114])
        large = upscale(image, Network(gray_generator))
        assert 0 < large.min() < large.max() < 1
        light = upscale(luminance.astype(np.float32), Network(gray_generator))
        for channel in range(3):
            colour = Image.fromarray((image[..., channel] - luminance).astype(np.float32))
            colour = np.asarray(colour.resize((80, 96), Image.Resampling.BICUBIC))
            np.testing.assert_allclose(large[..., channel], light + colour, rtol=0, atol=1e-5)

    def test_results_are_cut_to_what_an_image_can_hold(self, generator):
        model = generator()
        model.conv3.kernel[...] = 20 * model.conv3.kernel[...]
        large = upscale(noise(32, 32), Network(model))
        assert (large.min(), large.max()) == (0, 1)


@pytest.mark.parametrize(
    ("method", "pillows", "channels", "scale"),
    [
        ("bicubic", Image.Resampling.BICUBIC, 3, 2),
        ("lanczos", Image.Resampling.LANCZOS, 1, 4),
    ],
)
def test_interpolation_is_pillows_even_in_tiles(monkeypatch, channels, method, pillows, scale):
    monkeypatch.setattr(enhance, "TILE", 32)
    image = noise(9, 75, channels)
    enlarger = Interpolation(method, scale)
    assert len(list(enlarger.pieces(image))) > 2
    large = upscale(image, enlarger)
    for channel in range(channels):
        expected = Image.fromarray(image[..., channel]).resize((scale * 75, scale * 9), pillows)
        np.testing.assert_allclose(large[..., channel], np.clip(expected, 0, 1), rtol=0, atol=1e-5)


DEPTHS = [
    (np.uint8, 0, 255),
    (np.uint16, 300, 60_000),
    (np.int16, -1024, 3071),
    (np.float32, -1.0, 3.0),
]


class TestDepths:
    @pytest.mark.parametrize(
        ("mode", "colours", "dtype", "low", "high"),
        [
            (*how, *depth)
            for how, depth in zip(
                [("upscale", (3,)), ("restore", ()), ("upscale", ()), ("restore", (3,))],
                DEPTHS,
                strict=True,
            )
        ],
    )
    def test_a_frame_keeps_its_type_and_range(self, mode, colours, dtype, low, high):
        """Restored, it keeps its odd size too; what was outside the range is inside."""
        frame = low + (high - low) * (1.4 * noise(13, 18, *colours) - 0.2)
        bounds = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
        frame = frame.clip(bounds.min, bounds.max).astype(dtype)
        frame[:8, :8] = high
        result = enhance.enhance(frame, BICUBIC, mode=mode, low=low, high=high)
        assert result.dtype == dtype
        assert result.shape == ((13, 18) if mode == "restore" else (52, 72)) + colours
        assert result.min() >= low
        assert result.max() == high
        assert result.std() > 0.05 * (high - low)

    @pytest.mark.parametrize(("dtype", "low", "high"), DEPTHS)
    def test_values_are_those_of_the_enlarged_frame(self, dtype, low, high):
        """Reference: Pillow's bicubic of the values themselves, rounded; within one rounding."""
        frame = (low + (high - low) * (0.3 + 0.4 * noise(12, 16))).astype(dtype)
        large = Image.fromarray(frame.astype(np.float32)).resize((64, 48), Image.Resampling.BICUBIC)
        result = upscale(frame, BICUBIC, low=low, high=high)
        integer = np.issubdtype(dtype, np.integer)
        difference = np.abs(result.astype(np.float64) - np.asarray(large, np.float64))
        assert difference.max() < (0.51 if integer else 1e-5)

    def test_users_get_what_classifiers_see_but_rounded(self, gray_generator):
        frame = np.random.default_rng(2).integers(0, 65_536, (45, 70), np.uint16)
        network = Network(gray_generator, tile=32)
        result = upscale(frame, network, low=0, high=65_535)
        seen = upscale(frame.astype(np.float32) / 65_535, network)
        assert result.dtype == np.uint16
        np.testing.assert_allclose(result, 65_535 * seen, rtol=0, atol=0.51)

    def test_integers_are_rounded_not_truncated(self):
        class Flat:
            scale = 3

            def pieces(self, image):
                values = np.float32([0.4, 0.6, 9.9]) / 10
                yield Piece(slice(None), slice(None), np.tile(values[:, None], (3, 1, 1)))

        result = upscale(np.zeros((1, 1), np.int16), Flat(), low=-5, high=5)
        np.testing.assert_array_equal(result, np.tile(np.array([0, 1, 10]) - 5, (3, 1)))

    @pytest.mark.parametrize(("mode", "factor"), [("upscale", 4), ("restore", 1)])
    def test_what_is_no_number_stays_so_and_harms_nothing_else(self, mode, factor):
        frame = noise(40, 48)
        frame[3, 5], frame[20:24, 30:] = np.nan, np.inf
        result = enhance.enhance(frame, BICUBIC, mode=mode)
        odd = np.kron(~np.isfinite(frame), np.ones((factor, factor), bool))
        np.testing.assert_array_equal(~np.isfinite(result), odd)
