import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from echojax.inference.enhance import Interpolation, Network, enhance
from echojax.inference.surround import continued, enhance_ultrasound, surrounded
from echojax.inference.tiles import Piece
from echojax.media import Region, open_recording
from echojax.weights import convert


class Inverting:
    """Enlarges by repetition and turns black into white; remembers what it was shown."""

    def __init__(self, scale=4):
        self.scale = scale
        self.seen = []

    def pieces(self, image):
        self.seen.append(image)
        large = 1 - image.repeat(self.scale, 0).repeat(self.scale, 1)
        yield Piece(slice(0, large.shape[0]), slice(0, large.shape[1]), large)


@pytest.fixture
def sector_frame():
    """A sector of a quarter turn on black, with a mark beside it; the frame and the mask."""
    rows, columns = np.mgrid[:180, :240]
    radius, angle = np.hypot(rows, columns - 120), np.arctan2(columns - 120, rows)
    mask = (radius < 170) & (np.abs(angle) < np.pi / 4)
    frame = np.where(mask, np.random.default_rng(0).integers(60, 200, mask.shape), 0)
    frame[10:16, 5:25] = 255
    return frame.astype(np.uint8), mask


def edge_distance(mask):
    """Pixels from the edge, positive inside."""
    return ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)


def large(array, scale=4):
    return array.repeat(scale, 0).repeat(scale, 1)


def test_the_network_sees_the_sector_continued_and_no_black(sector_frame):
    frame, mask = sector_frame
    network = Inverting()
    enhance_ultrasound(frame, network, mode="upscale", high=255)
    (seen,) = network.seen
    assert seen.min() >= 60 / 255
    inside = edge_distance(mask) > 4
    np.testing.assert_array_equal(seen[inside, 0], (frame / np.float32(255))[inside])


def test_a_blurred_edge_is_the_network_s(sector_frame):
    frame, mask = sector_frame
    frame = np.where(mask, frame, 0)
    soft = ndimage.gaussian_filter(frame.astype(float), 1.5).round().astype(np.uint8)
    network = Inverting()
    result = enhance_ultrasound(soft, network, mode="upscale", high=255)
    np.testing.assert_array_equal(network.seen[0][..., 0], soft / np.float32(255))
    inside = large(edge_distance(surrounded(soft, 0, 255)) > 0)
    np.testing.assert_array_equal(result[inside], large(255 - soft)[inside])


@pytest.mark.parametrize("mode", ["upscale", "restore"])
def test_outside_of_the_sector_nothing_but_interpolation_is_at_work(sector_frame, mode):
    frame, mask = sector_frame
    result = enhance_ultrasound(frame, Inverting(), mode=mode, high=255)
    distance = edge_distance(mask)
    if mode == "upscale":
        expected = enhance(frame, Interpolation("bicubic", 4), mode=mode, high=255)
        distance = large(distance)
    else:
        expected = frame
    outside = distance < -5
    np.testing.assert_array_equal(result[outside], expected[outside])
    assert result[: 64 if mode == "upscale" else 16].max() == 255  # the mark is still there
    if mode == "upscale":
        inside = distance > 6
        np.testing.assert_array_equal(result[inside], large(255 - frame)[inside])


def test_a_frame_full_of_content_goes_through_the_network_whole(sector_frame):
    frame = sector_frame[0][60:120, 90:150]
    network = Inverting()
    result = enhance_ultrasound(frame, network, mode="upscale", high=255)
    np.testing.assert_array_equal(result, large(255 - frame))
    np.testing.assert_array_equal(network.seen[0][..., 0], frame / np.float32(255))


def test_a_sector_in_a_region_keeps_its_black(sector_frame):
    frame, mask = sector_frame
    whole = np.full((200, 300), 90, np.uint8)
    whole[10:190, 30:270] = frame
    region = Region(top=10, bottom=190, left=30, right=270)
    result = enhance_ultrasound(whole, Inverting(), mode="upscale", high=255, regions=[region])
    assert np.all(result[: 4 * 8] == 90)  # of the margin; bicubic sees two pixels further
    inner = result[40:760, 120:1080]
    alone = enhance_ultrasound(frame, Inverting(), mode="upscale", high=255)
    inside = large(edge_distance(mask)) > 4  # bicubic sees the margin in the rows above
    np.testing.assert_array_equal(inner[inside], alone[inside])


def test_a_restorer_sees_frames_as_it_learned_them_and_leaves_the_surround(sector_frame):
    frame, mask = sector_frame
    network = Inverting(scale=1)
    result = enhance_ultrasound(frame, network, mode="filter", high=255)
    np.testing.assert_array_equal(network.seen[0][..., 0], frame / np.float32(255))
    outside = edge_distance(mask) < -5
    np.testing.assert_array_equal(result[outside], frame[outside])


@pytest.mark.parametrize(
    ("dtype", "channels", "low", "high"),
    [
        (np.uint8, (3,), 0, 255),
        (np.uint16, (), 0, 4095),
        (np.int16, (), -1000, 1000),
        (np.float32, (), 0, 1),
    ],
)
def test_a_sector_is_found_whatever_depth_and_colour_the_frame_has(
    sector_frame, dtype, channels, low, high
):
    frame, mask = sector_frame
    values = low + frame.astype(np.float64) / 255 * (high - low)
    values = values.reshape(*values.shape, *(1 for _ in channels)) * np.ones(channels)
    found = surrounded(values.astype(dtype), low, high)
    assert np.mean(found != mask) < 0.01
    result = enhance_ultrasound(
        values.astype(dtype), Inverting(), mode="upscale", low=low, high=high
    )
    assert (result.dtype, result.shape) == (dtype, (720, 960, *channels))


def test_what_is_no_number_around_a_sector_stays_so(sector_frame):
    frame, mask = sector_frame
    holes = frame.astype(np.float32) / 255
    holes[~mask] = np.nan
    result = enhance_ultrasound(holes, Inverting(), mode="upscale")
    np.testing.assert_array_equal(np.isnan(result), large(np.isnan(holes)))


def test_photographs_show_no_sector(shared_data):
    for path in sorted((shared_data / "set5").glob("*.png")):
        assert surrounded(np.asarray(Image.open(path)), 0, 255) is None, path.name


def test_every_real_frame_shows_its_sector(camus_224):
    for image in camus_224.images[::97]:
        mask = surrounded(image, 0, 255)
        assert 0.5 < mask.mean() < 0.6


def test_black_noise_of_compression_hides_no_sector(sector_frame):
    frame, mask = sector_frame
    noise = np.random.default_rng(1).integers(0, 5, frame.shape, np.uint8)
    assert surrounded(np.maximum(frame, noise), 0, 255) is not None
    gray = np.where(mask, frame, 30).astype(np.uint8)
    assert surrounded(gray, 0, 255) is None


def test_what_is_continued_is_the_nearest_pixel():
    frame = np.arange(60).reshape(6, 10)
    mask = np.zeros(frame.shape, bool)
    mask[:3, :4] = True
    found = continued(frame, mask)
    np.testing.assert_array_equal(found[:3, :4], frame[:3, :4])
    assert np.all(found[:3, 4:] == frame[:3, 3:4])
    assert np.all(found[3:, 4:] == frame[2, 3])


def test_photographic_weights_draw_no_rim_along_a_real_sector(shared_data, tmp_path):
    """The edge is where it was, and no brighter: 8 to 12 enlarged pixels within, by 1 gray level.

    Seeing black, this network makes the same band 6.8 levels brighter.
    """
    weights = shared_data / "sr_weights" / "leftthomas_netG_epoch_4_100.pth"
    network = Network(convert.convert(weights, gray=True).model)
    file = min((shared_data / "camus_4ch_full").rglob("*_ED.nii.gz"))
    frame = next(open_recording(file).frames())
    frame = frame[len(frame) // 2 - 40 : len(frame) // 2 + 40, :160]
    bicubic, plain = (
        enhance(frame, way, mode="upscale", high=255)
        for way in (Interpolation("bicubic", 4), network)
    )
    result = enhance_ultrasound(frame, network, mode="upscale", high=255)
    depth = edge_distance(large(surrounded(frame, 0, 255)))
    depth[:, -64:] = 0  # where the piece ends no sector does
    rim = (depth > 8) & (depth <= 12)
    assert (plain[rim].astype(float) - bicubic[rim]).mean() > 3
    assert abs((result[rim].astype(float) - bicubic[rim]).mean()) < 1


def test_text_a_gray_bar_and_an_ecg_beside_the_sector_are_not_redrawn():
    rows, columns = np.mgrid[:480, :640]
    radius, angle = np.hypot(rows, columns - 320), np.arctan2(columns - 320, rows)
    mask = (radius < 400) & (np.abs(angle) < np.pi / 4)
    frame = np.where(mask, np.random.default_rng(0).integers(60, 200, mask.shape), 0)
    drawn = Image.fromarray(frame.astype(np.uint8))
    pen = ImageDraw.Draw(drawn)
    pen.text((10, 10), "DOE JANE  4711\n1953-04-02", 255, ImageFont.load_default(16))
    pen.rectangle((610, 100, 625, 300), 180)
    pen.line([(x, 450 + 15 * (x % 40 < 4)) for x in range(640)], 220, 2)
    frame = np.array(drawn)
    found = surrounded(frame, 0, 255)
    assert np.mean(found != mask) < 0.01
    result = enhance_ultrasound(frame, Inverting(), mode="restore", high=255)
    outside = edge_distance(found) < -4
    np.testing.assert_array_equal(result[outside], frame[outside])
