import inspect
from fractions import Fraction

import av
import numpy as np
import pytest

from echojax.errors import InputError
from echojax.media import clips, open_recording
from tests.media.rewriting import DESCRIPTION, frames_of, noise, rewritten

NTSC = Fraction(30000, 1001)
LOSSLESS = [
    ("a.avi", "rawvideo", "gray"),
    ("a.avi", "rawvideo", "bgr24"),
    ("a.avi", "ffv1", "gray"),
    ("a.mkv", "ffv1", "bgr0"),
]
LOSSY = [
    ("a.avi", "mjpeg", "yuvj444p"),
    ("a.avi", "mjpeg", "yuvj420p"),
    ("a.avi", "mpeg4", "yuv420p"),
    ("a.mp4", "libx264", "yuv420p"),
    ("a.mp4", "libx264", "yuvj420p"),
    ("a.mov", "mpeg4", "yuv420p"),
    ("a.mkv", "libx265", "yuv420p"),
]
FINE = {
    "libx264": {"crf": "5"},
    "libx265": {"crf": "5", "x265-params": "log-level=error"},
    "mjpeg": {"qmin": "1", "qmax": "2"},
    "mpeg4": {"qmin": "1", "qmax": "2"},
}


def beating(count=6, rows=40, columns=60):
    """Frames (count, rows, columns, 3) that change slowly over space, in faint colours."""
    t, y, x = np.mgrid[:count, :rows, :columns]
    gray = 120 + 50 * np.sin(x / 9 + t) + 40 * np.cos(y / 8)
    return np.stack([gray + 20, gray, gray - 20], axis=3).astype(np.uint8)


def save(path, frames, codec, pixels, rate=NTSC, colour=None, faststart=False, aspect=None, **tags):
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=rate, options=FINE.get(codec, {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if colour:
            stream.codec_context.colorspace = colour
        for number, frame in enumerate(frames):
            if pixels == "pal8":
                grays = np.arange(256, dtype=np.uint8)[:, None].repeat(4, 1)
                picture = av.VideoFrame.from_ndarray((frame, grays), "pal8")
            else:
                source = "gray" if frame.ndim == 2 else "rgb24"
                picture = av.VideoFrame.from_ndarray(frame, source)
                picture = picture.reformat(
                    format=pixels,
                    dst_colorspace=colour,
                    interpolation=0x46002,  # exact rounding
                )
            picture.pts, picture.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def stated(path):
    """Codec, pixel format, frame rate and size as the file states them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        return context.name, context.pix_fmt, stream.average_rate, (stream.height, stream.width)


@pytest.mark.parametrize(("name", "codec", "pixels"), LOSSLESS)
def test_lossless_codecs_keep_every_bit(tmp_path, name, codec, pixels):
    frames = noise(4, 12, 20) if pixels == "gray" else noise(4, 12, 20, 3)
    source = save(tmp_path / name, frames, codec, pixels)
    np.testing.assert_array_equal(frames_of(source), frames)
    again = rewritten(source, tmp_path / f"out_{name}", 4)
    assert again.shape == (48, 80, *frames.shape[3:])
    np.testing.assert_array_equal(
        frames_of(tmp_path / f"out_{name}"), frames.repeat(4, 1).repeat(4, 2)
    )
    assert stated(tmp_path / f"out_{name}")[:2] == stated(source)[:2]


@pytest.mark.parametrize(("name", "codec", "pixels"), LOSSY)
def test_lossy_codecs_stay_close(tmp_path, name, codec, pixels):
    """Tolerance: 2 of 255 on average; 0.7 for the mean, which swscale's default lowers by 2."""
    source = save(tmp_path / name, beating(), codec, pixels)
    before = frames_of(source).repeat(4, 1).repeat(4, 2).astype(int)
    again = rewritten(source, tmp_path / f"out_{name}", 4)
    assert (again.dtype, again.low, again.high) == (np.uint8, 0, 255)
    after = frames_of(tmp_path / f"out_{name}")
    assert after.shape == before.shape
    assert np.abs(after - before).mean() < 2
    assert abs(after.mean() - before.mean()) < 0.7
    assert stated(tmp_path / f"out_{name}")[:2] == stated(source)[:2]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "rate"),
    [
        ("a.avi", "mjpeg", "yuvj420p", NTSC),
        ("a.avi", "ffv1", "bgr0", Fraction(900001, 20000)),
        ("a.mp4", "libx264", "yuv420p", Fraction(50)),
        ("a.mp4", "libx264", "yuv420p", Fraction(757, 10)),
        ("a.mp4", "libx264", "yuv420p", Fraction(900001, 20000)),
    ],
)
def test_frame_rate_and_count_are_kept(tmp_path, name, codec, pixels, rate):
    source = save(tmp_path / name, beating(count=11), codec, pixels, rate)
    again = rewritten(source, tmp_path / f"out_{name}", 2)
    assert again.count == 11
    assert len(frames_of(tmp_path / f"out_{name}")) == 11
    assert float(stated(tmp_path / f"out_{name}")[2]) == pytest.approx(float(rate), rel=1e-4)
    if rate.numerator < 65536:
        assert stated(tmp_path / f"out_{name}")[2] == rate


def test_an_average_rate_is_rounded_to_what_mpeg4_can_count(tmp_path, monkeypatch):
    rate = Fraction(900001, 20000)
    source = save(tmp_path / "a.avi", beating(), "ffv1", "bgr0", rate)
    monkeypatch.setitem(clips._ENCODERS, "ffv1", "mpeg4")
    rewritten(source, tmp_path / "out.avi", 1)
    assert float(stated(tmp_path / "out.avi")[2]) == pytest.approx(float(rate), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv444p"),
        ("a.mp4", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.avi", "rawvideo", "bgr24"),
    ],
)
def test_odd_sides_are_kept(tmp_path, name, codec, pixels):
    source = save(tmp_path / name, beating(rows=15, columns=21), codec, pixels)
    again = rewritten(source, tmp_path / f"out_{name}", 3)
    assert again.shape == (45, 63, 3)


def test_h264_with_odd_sides_keeps_them_by_full_colour(tmp_path):
    """A clip of halved colour can be cut to odd sides; the encoder would refuse them."""
    source = save(tmp_path / "a.mp4", beating(rows=16, columns=22), "libx264", "yuv420p")
    recording = open_recording(source)
    recording.shape = (15, 21, 3)
    recording.write(tmp_path / "out.mp4", beating(rows=15, columns=21), 1, DESCRIPTION)
    assert stated(tmp_path / "out.mp4") == ("h264", "yuv444p", NTSC, (15, 21))


@pytest.mark.parametrize("matrix", [1, 6])  # BT.709, SMPTE 170M
def test_the_colour_matrix_is_read_and_kept(tmp_path, matrix):
    frames = beating()
    frames[..., 0] //= 2
    source = save(tmp_path / "a.mp4", frames, "libx264", "yuv444p", colour=matrix)
    assert np.abs(frames_of(source).astype(int) - frames).mean() < 2
    rewritten(source, tmp_path / "out.mp4", 1)
    assert np.abs(frames_of(tmp_path / "out.mp4").astype(int) - frames).mean() < 2
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == matrix


@pytest.mark.parametrize(
    ("source", "codec", "target", "expected"),
    [
        ("a.avi", "rawvideo", "b.mp4", "h264"),
        ("a.avi", "rawvideo", "b.mkv", "h264"),  # which could hold it
        ("a.avi", "mjpeg", "b.mkv", "mjpeg"),
        ("a.mkv", "libvpx", "b.avi", "vp8"),
        ("a.mov", "qtrle", "b.avi", "mjpeg"),
    ],
)
def test_another_container_gets_the_codec_it_is_read_with(
    tmp_path, source, codec, target, expected
):
    pixels = {"mjpeg": "yuvj420p", "libvpx": "yuv420p", "qtrle": "rgb24", "rawvideo": "bgr24"}
    path = save(tmp_path / source, beating(), codec, pixels[codec])
    rewritten(path, tmp_path / target, 1)
    assert stated(tmp_path / target)[0] == expected
    error = frames_of(tmp_path / target).astype(int) - frames_of(path)
    assert np.abs(error).mean() < 3


def test_a_codec_without_an_encoder_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setitem(clips._ENCODERS, "mpeg4", "no such encoder")
    source = save(tmp_path / "a.avi", beating(), "mpeg4", "yuv420p")
    rewritten(source, tmp_path / "out.avi", 1)
    assert stated(tmp_path / "out.avi")[0] == "mjpeg"


def test_what_an_encoder_refuses_is_an_input_error(tmp_path):
    frames = beating(rows=16, columns=20)
    source = save(tmp_path / "a.avi", frames, "cinepak", "rgb24")
    recording = open_recording(source)
    recording.shape = (15, 19, 3)
    with pytest.raises(InputError, match=r"a\.avi: cinepak cannot hold its frames"):
        recording.write(tmp_path / "out.avi", frames[:, :15, :19], 1, DESCRIPTION)
    assert not (tmp_path / "out.avi").exists()


@pytest.mark.parametrize("angle", [90, 270])
def test_a_clip_filmed_sideways_is_upright(tmp_path, angle):
    frames = beating(rows=32, columns=64)
    frames[:, :8, :16] = 255  # the corner that shows how the frame is turned
    source = save(tmp_path / "a.mp4", frames, "libx264", "yuv420p")
    content = bytearray(source.read_bytes())
    matrix = content.find(b"tkhd") + 4 + 40
    one, minus = b"\0\1\0\0", b"\xff\xff\0\0"
    a, b, c, d = {  # ISO 14496-12: x' = ax + cy, y' = bx + dy; turned clockwise by `angle`
        90: (b"\0" * 4, one, minus, b"\0" * 4),
        270: (b"\0" * 4, minus, one, b"\0" * 4),
    }[angle]
    content[matrix : matrix + 8] = a + b
    content[matrix + 12 : matrix + 20] = c + d
    source.write_bytes(content)
    expected = np.rot90(frames, -angle // 90, axes=(1, 2))
    assert np.abs(frames_of(source).astype(int) - expected).mean() < 3
    again = rewritten(source, tmp_path / "out.mp4", 1)
    assert again.shape == expected.shape[1:]


def test_a_palette_of_grays_is_gray(tmp_path):
    """MATLAB's grayscale AVI: a bitmap of 8 bit with its palette in the header."""
    frames = noise(3, 12, 20)
    source = save(tmp_path / "a.avi", frames, "rawvideo", "pal8", rate=25)
    np.testing.assert_array_equal(frames_of(source), frames)
    rewritten(source, tmp_path / "out.avi", 4)
    np.testing.assert_array_equal(frames_of(tmp_path / "out.avi"), frames.repeat(4, 1).repeat(4, 2))


def test_what_a_clip_says_is_kept_and_the_derivation_added(tmp_path):
    aspect = Fraction(4, 3)  # of a pixel
    source = save(
        tmp_path / "a.mp4", beating(), "libx264", "yuv420p", aspect=aspect, title="apical"
    )
    rewritten(source, tmp_path / "out.mp4", 4)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["title"] == "apical"
        assert container.metadata["comment"] == DESCRIPTION
        assert container.streams.video[0].sample_aspect_ratio == aspect


def test_gray_as_colour_keeps_its_brightness(tmp_path):
    """Tolerance: 0.1 of 255 on average over all grays; swscale's default lowers them by 1.7."""
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (64, 256, 3))
    source = save(tmp_path / "a.avi", np.stack([ramp] * 2), "ffv1", "yuv420p")
    assert abs((frames_of(source).astype(int) - ramp).mean()) < 0.1
    rewritten(source, tmp_path / "out.avi", 1)
    assert abs((frames_of(tmp_path / "out.avi").astype(int) - ramp).mean()) < 0.1


def test_frames_are_decoded_as_they_are_asked_for(tmp_path, monkeypatch):
    source = save(tmp_path / "a.avi", beating(count=30), "mjpeg", "yuvj420p")
    recording = open_recording(source)
    decoded = []
    upright = recording._upright
    monkeypatch.setattr(recording, "_upright", lambda frame: decoded.append(1) or upright(frame))
    frames = recording.frames()
    assert inspect.isgenerator(frames)
    next(frames)
    next(frames)
    assert len(decoded) == 2


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "faststart", "kept"),
    [
        ("a.avi", "mjpeg", "yuvj444p", False, 0.01),
        ("a.avi", "mjpeg", "yuvj444p", False, 0.9),
        ("a.avi", "rawvideo", "bgr24", False, 0.5),
        ("a.avi", "mpeg4", "yuv420p", False, 0.5),
        ("a.avi", "mpeg4", "yuv420p", False, 0.9),
        ("a.mp4", "libx264", "yuv420p", False, 0.5),  # its header stands at the end
        ("a.mp4", "libx264", "yuv420p", False, 0.9),
        ("a.mp4", "libx264", "yuv420p", True, 0.01),
        ("a.mp4", "libx264", "yuv420p", True, 0.9),
    ],
)
def test_a_clip_cut_off_is_an_input_error(tmp_path, name, codec, pixels, faststart, kept):
    source = save(tmp_path / name, beating(30), codec, pixels, faststart=faststart)
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"a\.\w+: "):
        frames_of(source)


def test_sound_alone_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="no video"):
        open_recording(tmp_path / "a.avi")
