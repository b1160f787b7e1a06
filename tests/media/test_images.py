import struct

import numpy as np
import pytest
import SimpleITK
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from echojax.errors import InputError
from echojax.media import open_recording
from tests.media.rewriting import DESCRIPTION, frames_of, noise, repeated, rewritten

SHAPES = [(7, 9), (7, 9, 3)]


def save(path, array):
    if array.dtype == np.uint16 and array.ndim > 2:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array, isVector=True), str(path))
    else:
        Image.fromarray(array).save(path)
    return path


def save_pages(path, pages, **options):
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_every_bit(tmp_path, dtype, shape):
    array = noise(*shape, dtype=dtype)
    source = save(tmp_path / "in.png", array)
    opened = open_recording(source)
    np.testing.assert_array_equal(next(opened.frames()), array)
    assert (opened.shape, opened.dtype, opened.count) == (shape, dtype, 1)
    assert (opened.low, opened.high) == (0, np.iinfo(dtype).max)
    assert opened.regions == ()
    again = rewritten(source, tmp_path / "out.png", 4)
    frame = next(again.frames())
    assert frame.dtype == dtype
    np.testing.assert_array_equal(frame, repeated(array, 4))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_of_a_tiff_is_a_frame_that_keeps_every_bit(tmp_path, shape, dtype):
    pages = noise(3, *shape, dtype=dtype)
    if pages.ndim == 4 and dtype == np.uint16:
        source = save(tmp_path / "in.tif", pages)
    else:
        source = save_pages(tmp_path / "in.tif", pages)
    np.testing.assert_array_equal(frames_of(source), pages)
    again = rewritten(source, tmp_path / "out.tif", 4)
    assert (again.shape, again.dtype) == ((28, 36, *shape[2:]), dtype)
    assert (again.low, again.high, again.count) == (0, np.iinfo(dtype).max, 3)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.tif"), pages.repeat(4, 1).repeat(4, 2))


@pytest.mark.parametrize(
    ("brightest", "white"), [(0, 255), (90, 255), (256, 1023), (4095, 4095), (4096, 16383)]
)
def test_white_of_16_bit_is_the_next_full_depth(tmp_path, brightest, white):
    array = np.full((7, 9), brightest, np.uint16)
    array[0, 0] = 0
    opened = open_recording(save(tmp_path / "in.png", array))
    assert (opened.low, opened.high) == (0, white)


@pytest.mark.parametrize("shape", SHAPES)
def test_white_is_the_same_for_all_pages(tmp_path, shape):
    pages = np.zeros((3, *shape), np.uint16)
    pages[-1] = 3000
    write = save if len(shape) == 3 else save_pages
    assert open_recording(write(tmp_path / "in.tif", pages)).high == 4095


@pytest.mark.parametrize(("suffix", "channels"), [(".png", 4), (".tif", 2)])
def test_alpha_is_kept_beside_the_frames_and_enlarged(tmp_path, suffix, channels):
    array = noise(5, 6, channels)
    recording = rewritten(save(tmp_path / f"in{suffix}", array), tmp_path / f"out{suffix}", 4)
    assert recording.shape == ((20, 24) if channels == 2 else (20, 24, 3))
    with Image.open(tmp_path / f"out{suffix}") as image:
        np.testing.assert_array_equal(np.asarray(image), repeated(array, 4))


def test_alpha_of_16_bit_is_kept(tmp_path):
    array = noise(5, 6, 4, dtype=np.uint16)
    rewritten(save(tmp_path / "in.tif", array), tmp_path / "out.png", 4)
    written = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "out.png")))
    np.testing.assert_array_equal(written, repeated(array, 4))


def test_a_transparent_colour_becomes_alpha(tmp_path):
    Image.fromarray(noise(5, 6)).save(tmp_path / "in.png", transparency=int(noise(5, 6)[2, 3]))
    rewritten(tmp_path / "in.png", tmp_path / "out.png", 1)
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "LA"
        assert image.getpixel((3, 2))[1] == 0


def test_pages_of_different_size_are_refused(tmp_path):
    source = save_pages(tmp_path / "in.tif", [noise(5, 6), noise(6, 5)])
    with pytest.raises(InputError, match="pages differ"):
        rewritten(source, tmp_path / "out.tif", 1)
    assert not (tmp_path / "out.tif").exists()


def test_jpeg_is_written_in_high_quality(tmp_path):
    gradient = np.broadcast_to(np.arange(0, 240, 5, np.uint8), (32, 48))
    array = np.stack([gradient] * 3, axis=2)
    Image.fromarray(array).save(tmp_path / "in.jpg", quality=95)
    again = rewritten(tmp_path / "in.jpg", tmp_path / "out.jpg", 4)
    assert again.shape == (128, 192, 3)
    error = next(again.frames()).astype(int) - repeated(array, 4)
    assert np.abs(error).mean() < 2
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["comment"] == DESCRIPTION.encode()
        assert max(image.quantization[0]) < 15  # quality 95; 75 has over 50


def test_a_turned_photograph_is_upright_and_stays_so(tmp_path):
    array = np.zeros((16, 32), np.uint8)
    array[:, :8] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turned clockwise to be upright
    Image.fromarray(array).save(tmp_path / "in.jpg", exif=exif)
    recording = open_recording(tmp_path / "in.jpg")
    assert recording.shape == (32, 16)
    upright = next(recording.frames())
    assert upright[:6].min() > 240
    assert upright[10:].max() < 15
    again = rewritten(tmp_path / "in.jpg", tmp_path / "out.jpg", 1)
    assert again.shape == (32, 16)


@pytest.mark.parametrize(
    ("colours", "shown"),
    [
        ([[10, 200, 30], [250, 0, 4], [7, 7, 7]], [[10, 200, 30], [250, 0, 4], [7, 7, 7]]),
        ([[0, 0, 0], [90, 90, 90], [255, 255, 255]], [0, 90, 255]),
    ],
)
def test_a_palette_becomes_its_colours_or_grays(tmp_path, colours, shown):
    index = noise(5, 6) % 3
    image = Image.fromarray(index)
    image.putpalette(np.ravel(colours).tolist())
    image.save(tmp_path / "in.png")
    frame = next(open_recording(tmp_path / "in.png").frames())
    np.testing.assert_array_equal(frame, np.array(shown)[index])


def test_black_and_white_are_0_and_255(tmp_path):
    bits = noise(5, 6) > 127
    Image.fromarray(bits).save(tmp_path / "in.png")
    frame = next(rewritten(tmp_path / "in.png", tmp_path / "out.png", 1).frames())
    np.testing.assert_array_equal(frame, np.where(bits, 255, 0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_bright_where_a_tiff_counts_from_white(tmp_path, dtype):
    array = noise(5, 6, dtype=dtype)
    Image.fromarray(np.iinfo(dtype).max - array).save(tmp_path / "in.tif", "TIFF")
    with Image.open(tmp_path / "in.tif") as image:
        offset = (tmp_path / "in.tif").read_bytes().find(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01")
        assert image.tag_v2[262] == 1
    content = bytearray((tmp_path / "in.tif").read_bytes())
    content[offset + 8] = 0  # PhotometricInterpretation, white is zero
    (tmp_path / "in.tif").write_bytes(content)
    np.testing.assert_array_equal(next(open_recording(tmp_path / "in.tif").frames()), array)
    again = rewritten(tmp_path / "in.tif", tmp_path / "out.tif", 1)
    np.testing.assert_array_equal(next(again.frames()), array)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_resolution_follows_the_scale(tmp_path, suffix):
    Image.fromarray(noise(8, 8)).save(tmp_path / f"in{suffix}", dpi=(100, 50))
    rewritten(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", 4)
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((400, 200), rel=1e-3)


def test_exif_is_kept_but_for_what_is_no_longer_true(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Vivid"
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 100.0
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 8
    Image.fromarray(noise(8, 8)).save(tmp_path / "in.jpg", exif=exif)
    rewritten(tmp_path / "in.jpg", tmp_path / "out.jpg", 4)
    with Image.open(tmp_path / "out.jpg") as image:
        written = image.getexif()
        assert written[ExifTags.Base.Make] == "Vivid"
        assert written[ExifTags.Base.XResolution] == written[ExifTags.Base.YResolution] == 400
        assert ExifTags.Base.ExifImageWidth not in written.get_ifd(ExifTags.IFD.Exif)


def test_more_frames_than_pages_with_alpha_are_a_programming_error(tmp_path):
    recording = open_recording(save(tmp_path / "in.tif", noise(5, 6, 4)))
    frame = next(recording.frames())
    with pytest.raises(ValueError, match="2 frames for"):
        recording.write(tmp_path / "out.tif", [frame, frame], 1, DESCRIPTION)


def test_resolution_of_16_bit_rgb_follows_the_scale(tmp_path):
    image = SimpleITK.GetImageFromArray(noise(5, 6, 3, dtype=np.uint16), isVector=True)
    image.SetSpacing((0.2, 0.4))
    SimpleITK.WriteImage(image, str(tmp_path / "in.tif"))
    rewritten(tmp_path / "in.tif", tmp_path / "out.tif", 4)
    written = SimpleITK.ReadImage(str(tmp_path / "out.tif"))
    assert written.GetSpacing() == pytest.approx((0.05, 0.1))


def test_what_a_png_says_is_kept_and_the_derivation_added(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Åsa")
    image = Image.fromarray(noise(5, 6))
    image.save(tmp_path / "in.png", pnginfo=text, icc_profile=b"profile")
    rewritten(tmp_path / "in.png", tmp_path / "out.png", 4)
    with Image.open(tmp_path / "out.png") as written:
        assert written.text == {"Author": "Åsa", "Description": DESCRIPTION}
        assert written.info["icc_profile"] == b"profile"


def test_what_a_tiff_says_is_kept_and_the_derivation_added(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315] = "ImageJ=1.53", "Hanna"
    Image.fromarray(noise(5, 6)).save(tmp_path / "in.tif", tiffinfo=tags, compression="tiff_lzw")
    rewritten(tmp_path / "in.tif", tmp_path / "out.tif", 4)
    with Image.open(tmp_path / "out.tif") as written:
        assert written.tag_v2[270] == f"{DESCRIPTION}\nImageJ=1.53"
        assert written.tag_v2[315] == "Hanna"
        assert written.info["compression"] == "tiff_lzw"


@pytest.mark.parametrize(
    ("source", "target", "dtype"),
    [("a.png", "b.tif", np.uint8), ("a.tif", "b.png", np.uint8), ("a.png", "b.tif", np.uint16)],
)
def test_png_may_become_tiff_and_back(tmp_path, source, target, dtype):
    array = noise(5, 6, 3, dtype=dtype)
    again = rewritten(save(tmp_path / source, array), tmp_path / target, 1)
    np.testing.assert_array_equal(next(again.frames()), array)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (noise(5, 6, dtype=np.uint16), "16 bit"),
        (noise(5, 6, 3, dtype=np.uint16), "16 bit"),
        (noise(5, 6, 4), "alpha"),
    ],
)
def test_jpeg_is_refused_where_it_cannot_hold_the_frames(tmp_path, array, reason):
    with pytest.raises(InputError, match=reason):
        rewritten(save(tmp_path / "in.png", array), tmp_path / "out.jpg", 1)
    assert [file.name for file in tmp_path.iterdir()] == ["in.png"]


def test_pages_do_not_fit_in_a_png(tmp_path):
    source = save_pages(tmp_path / "in.tif", noise(3, 5, 6))
    with pytest.raises(InputError, match="3 pages do not fit in a PNG"):
        rewritten(source, tmp_path / "out.png", 1)


def test_an_animated_png_is_refused(tmp_path):
    source = save_pages(tmp_path / "in.png", noise(3, 5, 6))
    with pytest.raises(InputError, match="animated"):
        open_recording(source)


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(np.zeros((5, 6), np.float32)).save(tmp_path / "in.tif")
    with pytest.raises(InputError, match="32 bit"):
        open_recording(tmp_path / "in.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_file_cut_off_is_an_input_error(tmp_path, suffix, dtype):
    source = save(tmp_path / f"in{suffix}", noise(40, 50, 3, dtype=dtype))
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * 0.7)])
    with pytest.raises(InputError, match=f"in{suffix}: cannot be read as") as caught:
        frames_of(source)
    assert "\n" not in str(caught.value)  # of ITK's lines only the last is shown


@pytest.mark.parametrize("shape", SHAPES)
def test_bmp_keeps_every_bit(tmp_path, shape):
    array = noise(*shape)
    again = rewritten(save(tmp_path / "in.bmp", array), tmp_path / "out.bmp", 4)
    np.testing.assert_array_equal(next(again.frames()), repeated(array, 4))
    assert (again.shape, again.dtype) == ((28, 36, *shape[2:]), np.uint8)


def test_bmp_of_16_bits_a_pixel_has_8_bits_a_colour(tmp_path):
    """Five bits of red, green and blue each, as old devices write them."""
    header = b"BM" + struct.pack("<IHHI", 54 + 8, 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 0, 8, 0, 0, 0, 0)
    pixels = struct.pack("<4H", 0, 31, 31 << 5, 31 << 10)  # the lower row first
    (tmp_path / "in.bmp").write_bytes(header + pixels)
    (frame,) = open_recording(tmp_path / "in.bmp").frames()
    expected = [[[0, 255, 0], [255, 0, 0]], [[0, 0, 0], [0, 0, 255]]]
    np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_is_written_without_loss_alpha_included(tmp_path, channels):
    array = noise(7, 9, channels)
    Image.fromarray(array).save(tmp_path / "in.webp", lossless=True, exact=True)
    rewritten(tmp_path / "in.webp", tmp_path / "out.webp", 4)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out.webp")), repeated(array, 4))


@pytest.mark.parametrize(
    ("name", "dtype", "channels", "said"),
    [
        ("out.bmp", np.uint16, (), "BMP has no 16 bit"),
        ("out.webp", np.uint16, (), "WEBP has no 16 bit"),
        ("out.bmp", np.uint8, (4,), "alpha is not written as BMP"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, name, dtype, channels, said):
    source = save(tmp_path / "in.png", noise(7, 9, *channels, dtype=dtype))
    with pytest.raises(InputError, match=said):
        rewritten(source, tmp_path / name, 4)


def test_a_side_too_long_for_webp_is_refused_with_what_to_do(tmp_path):
    Image.new("RGB", (4096, 2)).save(tmp_path / "in.webp")
    with pytest.raises(InputError, match="more than the 16,383 pixels of WebP"):
        rewritten(tmp_path / "in.webp", tmp_path / "out.webp", 4)
    assert not (tmp_path / "out.webp").exists()


def test_an_animated_webp_is_no_image(tmp_path):
    first, second = (Image.fromarray(noise(7, 9, 3, seed=seed)) for seed in (0, 1))
    first.save(tmp_path / "in.webp", save_all=True, append_images=[second])
    with pytest.raises(InputError, match="an animated WEBP"):
        open_recording(tmp_path / "in.webp")
