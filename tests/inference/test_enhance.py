import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax import resize
from echojax.errors import InputError
from echojax.inference.enhance import Interpolation, Network, as_float, enhance
from echojax.inference.tiles import Piece
from echojax.models.generator import Generator
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.weights import by_name, networks, safetensors_file


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (45, 70), np.uint8)


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


@pytest.fixture(params=["bicubic", "lanczos", "network"])
def by(request, model):
    if request.param == "network":
        return Network(model)
    return Interpolation(request.param, 4)


BICUBIC = Interpolation("bicubic", 4)


def upscale(frame, by):
    return enhance(as_float(frame), by, mode="upscale")


def restore(frame, by):
    return enhance(as_float(frame), by, mode="restore")


def test_upscale_makes_a_frame_four_times_larger(frame, by):
    large = upscale(frame, by)
    assert large.shape == (180, 280)
    assert large.min() >= 0
    assert large.max() <= 1


def test_restore_keeps_the_size_of_a_frame_that_four_does_not_divide(frame, by):
    assert restore(frame, by).shape == frame.shape


def test_restore_is_reduction_by_pillows_bicubic_and_enlargement(frame):
    whole = frame[:44, :68]
    low = Image.fromarray(whole.astype(np.float32)).resize((17, 11), Image.Resampling.BICUBIC)
    low = Image.fromarray(np.clip(np.asarray(low), 0, 255))
    expected = np.clip(np.asarray(low.resize((68, 44), Image.Resampling.BICUBIC)), 0, 255) / 255
    np.testing.assert_allclose(restore(whole, BICUBIC), expected, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 8])
def test_the_scale_is_that_of_what_enlarges(frame, generator, scale):
    for by in (Interpolation("bicubic", scale), Network(generator(scale=scale))):
        assert upscale(frame, by).shape == (45 * scale, 70 * scale)
        assert restore(frame, by).shape == (45, 70)


def test_rounding_up_the_size_changes_nothing_but_the_lower_right_border(frame, model):
    low = as_float(frame)
    exact = np.clip(np.asarray(model(low[None, ..., None]))[0, ..., 0], 0, 1)
    seen = enhance(low, Network(model), mode="upscale")
    # Eleven low-resolution pixels are more than this network of one block looks around.
    np.testing.assert_allclose(seen[: -4 * 11, : -4 * 11], exact[: -4 * 11, : -4 * 11], atol=1e-5)


def noise(*shape):
    return np.random.default_rng(1).random(shape, np.float32)


def assembled(pieces, size):
    """The image that pieces make, and how many times each pixel of it is there."""
    image, times = None, np.zeros(size, int)
    for piece in pieces:
        if image is None:
            image = np.full((*size, piece.values.shape[-1]), np.nan, np.float32)
        assert piece.values.dtype == np.float32
        assert piece.values.shape[:2] == image[piece.rows, piece.columns].shape[:2]
        image[piece.rows, piece.columns] = piece.values
        times[piece.rows, piece.columns] += 1
    return image, times


def enlarged(model, image, tile, **step):
    size = tuple(4 * n for n in image.shape[:2])
    whole, times = assembled(Network(model, tile, **step).pieces(image), size)
    assert (times == 1).all()
    return whole


@pytest.mark.parametrize("size", [(1, 1), (5, 90), (32, 32), (33, 64), (77, 45), (72, 52)])
def test_pieces_cover_the_image_exactly_once(gray_generator, size):
    model = gray_generator
    size_of_result = tuple(4 * n for n in size)
    _, times = assembled(Network(model, 32).pieces(noise(*size, 1)), size_of_result)
    assert (times == 1).all()


def test_tiled_equals_untiled(gray_generator):
    """Reference: the whole image as one tile; tolerance 1e-5."""
    image = noise(96, 64, 1)
    whole = enlarged(gray_generator, image, tile=96)
    assert np.mean((whole > 0) & (whole < 1)) > 0.9
    assert whole.std() > 0.04
    assert len(list(Network(gray_generator, 32).pieces(image))) == 5 * 3
    np.testing.assert_allclose(enlarged(gray_generator, image, tile=32), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("colours", ["gray on RGB", "RGB on gray", "RGB on RGB"])
def test_tiled_equals_untiled_in_colour_at_odd_sizes(generator, colours):
    """Reference: the whole image as one tile, left as it is; tolerance 1e-5."""
    given, _, wanted = (3 if word == "RGB" else 1 for word in colours.split())
    model = generator(in_channels=wanted, out_channels=wanted)
    image = noise(77, 45, given)
    whole, tiled = (enlarged(model, image, tile, step=1) for tile in (96, 32))
    assert whole.shape == (4 * 77, 4 * 45, given)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_msrresnets_tiles_equal_the_whole(generator):
    model = generator(MSRResNet, MSRResNetSettings)
    image = noise(64, 64, 1)
    whole, tiled = (enlarged(model, image, tile) for tile in (64, 32))
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


def test_there_is_no_seam_along_the_cuts(gray_generator):
    """On a smooth ramp, neighbours differ along the cuts no more than elsewhere."""
    image = np.add.outer(np.linspace(0, 0.5, 96), np.linspace(0, 0.5, 64))[..., None]
    image = image.astype(np.float32)
    cuts = {p.rows.start for p in Network(gray_generator, 32).pieces(image)} - {0}
    whole = enlarged(gray_generator, image, tile=32)[..., 0]
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


def test_a_tile_smaller_than_the_reach_needs_is_made_larger(model):
    assert model.reach == 10
    image = noise(64, 96, 1)
    places, expected = (
        [(p.rows, p.columns) for p in Network(model, tile).pieces(image)] for tile in (1, 64)
    )
    assert places == expected
    assert len(places) == 2


def test_a_gray_image_on_a_network_of_three_is_replicated_and_averaged(generator):
    model = generator(in_channels=3, out_channels=3)
    image = noise(32, 32, 1)
    expected = enlarged(model, np.repeat(image, 3, -1), tile=32).mean(-1, keepdims=True)
    np.testing.assert_allclose(enlarged(model, image, tile=32), expected, rtol=0, atol=1e-6)


def test_a_colour_image_without_colours_gives_the_gray_result_in_every_channel(gray_generator):
    image = noise(32, 32, 1)
    gray = enlarged(gray_generator, image, tile=32)
    colour = enlarged(gray_generator, np.repeat(image, 3, -1), tile=32)
    np.testing.assert_allclose(colour, np.repeat(gray, 3, -1), rtol=0, atol=1e-5)


def test_a_gray_network_enlarges_the_luminance_and_chrominance_is_interpolated(gray_generator):
    """Reference: BT.601's luminance of the result, and Pillow's bicubic of the differences."""
    image = 0.4 + 0.2 * noise(24, 20, 3)
    weights = np.array([0.299, 0.587, 0.114])
    luminance = image @ weights
    large = enlarged(gray_generator, image, tile=32)
    assert large.min() > 0
    assert large.max() < 1
    light = enlarged(gray_generator, luminance[..., None].astype(np.float32), tile=32)[..., 0]
    for channel in range(3):
        colour = Image.fromarray((image[..., channel] - luminance).astype(np.float32))
        colour = np.asarray(colour.resize((80, 96), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(large[..., channel], light + colour, rtol=0, atol=1e-5)


def test_results_are_cut_to_what_an_image_can_hold(generator):
    model = generator()
    model.conv3.kernel[...] = 20 * model.conv3.kernel[...]
    large = enlarged(model, noise(32, 32, 1), tile=32)
    assert (large.min(), large.max()) == (0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_interpolated_is_pillows_bicubic_in_one_piece(channels):
    image = noise(9, 7, channels)
    large, times = assembled(BICUBIC.pieces(image), (36, 28))
    assert (times == 1).all()
    for channel in range(channels):
        expected = Image.fromarray(image[..., channel]).resize((28, 36), Image.Resampling.BICUBIC)
        np.testing.assert_allclose(large[..., channel], np.clip(expected, 0, 1), rtol=0, atol=1e-5)


DEPTHS = [
    (np.uint8, 0, 255),
    (np.uint16, 300, 60_000),
    (np.int16, -1024, 3071),
    (np.float32, -1.0, 3.0),
]


@pytest.mark.parametrize("mode", ["upscale", "restore"])
@pytest.mark.parametrize("colours", [(), (3,)])
@pytest.mark.parametrize(("dtype", "low", "high"), DEPTHS)
def test_a_frame_keeps_its_type_and_range(mode, colours, dtype, low, high):
    """Restored, it keeps its odd size too; what was outside the range is inside."""
    frame = low + (high - low) * (1.4 * noise(13, 18, *colours) - 0.2)
    bounds = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    frame = frame.clip(bounds.min, bounds.max).astype(dtype)
    frame[:8, :8] = high
    result = enhance(frame, BICUBIC, mode=mode, low=low, high=high)
    assert result.dtype == dtype
    assert result.shape == ((13, 18) if mode == "restore" else (52, 72)) + colours
    assert result.min() >= low
    assert result.max() == high
    assert result.std() > 0.05 * (high - low)


@pytest.mark.parametrize(("dtype", "low", "high"), DEPTHS)
def test_values_are_those_of_the_enlarged_frame(dtype, low, high):
    """Reference: Pillow's bicubic of the values themselves, rounded; within one rounding."""
    frame = (low + (high - low) * (0.3 + 0.4 * noise(12, 16))).astype(dtype)
    large = Image.fromarray(frame.astype(np.float32)).resize((64, 48), Image.Resampling.BICUBIC)
    result = enhance(frame, BICUBIC, mode="upscale", low=low, high=high)
    integer = np.issubdtype(dtype, np.integer)
    difference = np.abs(result.astype(np.float64) - np.asarray(large, np.float64))
    assert difference.max() < (0.51 if integer else 1e-5)


@pytest.mark.parametrize(("value", "expected"), [(0.4 / 10, 0), (0.6 / 10, 1), (9.9 / 10, 10)])
def test_integers_are_rounded_not_truncated(value, expected):
    class Flat:
        scale = 4

        def pieces(self, image):
            shape = (4 * image.shape[0], 4 * image.shape[1], 1)
            yield Piece(slice(None), slice(None), np.full(shape, value, np.float32))

    frame = np.zeros((2, 2), np.int16)
    result = enhance(frame, Flat(), mode="upscale", low=-5, high=5)
    np.testing.assert_array_equal(result, expected - 5)


def test_a_restored_frame_is_the_one_that_restore_gives(frame):
    by_frame = enhance(frame, BICUBIC, mode="restore", low=0, high=255)
    expected = 255 * restore(frame, BICUBIC)
    np.testing.assert_allclose(by_frame, expected, rtol=0, atol=0.51)


def test_a_frame_is_enlarged_by_the_pieces_of_a_network(gray_generator):
    frame = np.random.default_rng(2).integers(0, 65_536, (45, 70), np.uint16)
    result = enhance(frame, Network(gray_generator, 32), mode="upscale", low=0, high=65_535)
    image = frame.astype(np.float32)[..., None] / 65_535
    expected = 65_535 * enlarged(gray_generator, image, tile=32)[..., 0]
    assert result.dtype == np.uint16
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.51)


def load_generator(file):
    return networks.load(file, Generator)


def test_a_generator_comes_out_of_its_file(tmp_path, gray_generator):
    networks.save(gray_generator, tmp_path / "x4.safetensors")
    loaded = load_generator(tmp_path / "x4.safetensors")
    image = noise(32, 32, 1)
    assert loaded.settings == gray_generator.settings
    np.testing.assert_array_equal(
        enlarged(loaded, image, tile=32), enlarged(gray_generator, image, tile=32)
    )


def test_a_file_of_something_that_does_not_enlarge_is_refused(tmp_path, random_network):
    settings = ResNetSettings(width=2)
    classifier = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    networks.save(classifier, tmp_path / "classifier.safetensors")
    with pytest.raises(InputError, match=r"classifier\.safetensors: holds a ResNet18"):
        load_generator(tmp_path / "classifier.safetensors")


def test_a_file_that_does_not_say_what_it_is_must_be_converted_first(tmp_path, gray_generator):
    safetensors_file.save(by_name.arrays(gray_generator), tmp_path / "old.safetensors", {})
    with pytest.raises(InputError, match=r"old\.safetensors: .*echojax weights convert"):
        load_generator(tmp_path / "old.safetensors")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.safetensors: no such weights file"):
        load_generator(tmp_path / "nothing.safetensors")


def test_interpolation_of_a_large_image_is_that_of_the_whole(monkeypatch):
    monkeypatch.setattr("echojax.inference.enhance.TILE", 32)
    image = np.random.default_rng(0).random((75, 33, 3), np.float32)
    whole = resize.enlarge(image, 4).clip(0, 1)
    seen = np.full(whole.shape, np.nan, np.float32)
    parts = list(BICUBIC.pieces(image))
    for piece in parts:
        seen[piece.rows, piece.columns] = piece.values
    assert len(parts) > 2
    np.testing.assert_allclose(seen, whole, atol=1e-6)


@pytest.mark.parametrize(("mode", "factor"), [("upscale", 4), ("restore", 1)])
def test_what_is_no_number_stays_so_and_harms_nothing_else(mode, factor):
    frame = np.random.default_rng(0).random((40, 48)).astype(np.float32)
    frame[3, 5], frame[20:24, 30:] = np.nan, np.inf
    result = enhance(frame, BICUBIC, mode=mode, low=0, high=1)
    odd = np.kron(~np.isfinite(frame), np.ones((factor, factor), bool))
    np.testing.assert_array_equal(~np.isfinite(result), odd)
