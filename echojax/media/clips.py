"""AVI, MP4, MOV and MKV by PyAV."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from echojax.errors import InputError
from echojax.media import label_files
from echojax.media.limits import check_pixels, max_pixels
from echojax.media.recording import Recording, reading

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9"}
# swscale's bilinear, with exact rounding and full colour: its default darkens by up to 2 of 255.
_EXACTLY = 0x2 | 0x2000 | 0x4000 | 0x40000
_UNSTATED = 2, 0  # colour space and range, as FFmpeg counts them
_FINE = {"qmin": "1", "qmax": "2"}
_OPTIONS = {  # near lossless; an encoder that is not here is lossless or has no such setting
    "libx264": {"crf": "14"},
    "libx265": {"crf": "14", "x265-params": "log-level=error"},
    "libvpx": {"crf": "8", "b": "40M"},
    "libvpx-vp9": {"crf": "12", "b": "0"},
    **dict.fromkeys(
        ("mjpeg", "mpeg4", "msmpeg4v2", "msmpeg4", "mpeg1video", "mpeg2video", "wmv1", "wmv2"),
        _FINE,
    ),
}
_EVEN = ("libx264", "libx265")  # refuse odd sides where colour has half the resolution
_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "software")


def _ceiling() -> dict[str, str]:
    """What FFmpeg obeys where a frame is larger than its file said; sides are padded by then."""
    return {"max_pixels": str(2 * max_pixels() + 2**16)}


@contextmanager
def _decoding(path: Path, kind: str) -> Iterator[None]:
    with reading(path, kind):
        try:
            yield
        except av.error.MemoryError as error:  # a part claims to be larger than memory
            raise ValueError(error.strerror) from error


class ClipRecording(Recording):
    """The first video stream of a clip; its sound is dropped on writing.

    Frames are gray if the stream is, else RGB, 8 bit either way. The clip written has a constant
    frame rate, the source's average, and the source's codec where there is an encoder for it.

    Raises:
        InputError: damaged, or without video.
    """

    family = "clip"
    counted = False
    dtype = np.dtype(np.uint8)
    low, high = 0.0, 255.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kind = path.suffix[1:].upper()
        self._gray = False
        with _decoding(path, self._kind), av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: has no video; choose a clip that shows something")
            stream = container.streams.video[0]
            context = stream.codec_context
            self.count = stream.frames or None
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            # MPEG-4 counts time in no more than 16 bits.
            self._rate = 1 / (1 / Fraction(rate)).limit_denominator(65535)
            self._codec = context.codec.canonical_name
            self._aspect = stream.sample_aspect_ratio
            self._tags = {
                key: value
                for key, value in container.metadata.items()
                if key.lower() not in _OWN_TAGS
            }
            check_pixels(path, context.height, context.width)
            context.options = _ceiling()
            first = next(container.decode(stream), None)
            if first is None:
                raise InputError(f"{path}: no frame can be decoded, it is cut off; copy it again")
            self._format = first.format.name
            self._colour = first.colorspace, first.color_range
            frame = self._upright(first)
        # Gray clips are also stored with a palette of grays, by MATLAB for one.
        self._gray = self._format.startswith("gray") or (
            self._format == "pal8" and bool((frame == frame[..., :1]).all())
        )
        self.shape = frame.shape[:2] if self._gray else frame.shape

    @property
    def frame_rate(self) -> float | None:
        """Frames per second, their average."""
        return float(self._rate)

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time, decoded as they are asked for."""
        with _decoding(self.path, self._kind), av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = _ceiling()
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise InputError(f"{self.path}: cut off or damaged; copy it again")
                for frame in packet.decode():
                    upright = self._upright(frame)
                    if upright.shape != self.shape:
                        raise InputError(f"{self.path}: its frames change their size; split it")
                    yield upright

    def _upright(self, frame: Any) -> np.ndarray:
        if self._gray and frame.format.name.startswith("gray"):
            array = frame.to_ndarray(format="gray", interpolation=_EXACTLY)
        else:
            array = frame.to_ndarray(format="rgb24", interpolation=_EXACTLY)
            if self._gray:
                array = array[..., 0]
        return np.ascontiguousarray(np.rot90(array, frame.rotation // 90))

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        label_files.planes(path, masks, description)

    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        with av.open(str(path), "w") as container:
            container.metadata.update(self._tags, comment=description)
            encoder = self._encoder(path, container)
            try:
                self._encode(container, encoder, frames, scale)
            except av.FFmpegError as error:
                if isinstance(error, OSError):  # the file is to blame, not the encoder
                    raise
                raise InputError(
                    f"{self.path}: {encoder.name} cannot hold its frames ({error}); "
                    "write it as .mp4 or .mkv"
                ) from error

    def _encode(
        self,
        container: av.container.OutputContainer,
        encoder: av.Codec,
        frames: Iterator[np.ndarray],
        scale: int,
    ) -> None:
        stream: Any = container.add_stream(
            encoder.name, rate=self._rate, options=_OPTIONS.get(encoder.name, {})
        )
        stream.height, stream.width = (side * scale for side in self.shape[:2])
        stream.pix_fmt = self._stored_format(encoder, stream.width, stream.height)
        colour = self._colour if stream.pix_fmt == self._format else _UNSTATED
        context = stream.codec_context
        context.colorspace, context.color_range = colour
        if self._aspect:
            context.sample_aspect_ratio = self._aspect
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, "gray" if self._gray else "rgb24")
            picture = picture.reformat(
                format=stream.pix_fmt,
                interpolation=_EXACTLY,
                dst_colorspace=colour[0],
                dst_color_range=colour[1],
            )
            picture.pts, picture.time_base = number, 1 / self._rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))

    def _encoder(self, path: Path, container: av.container.OutputContainer) -> av.Codec:
        """The source's, or one that the container is commonly read with."""
        same = path.suffix.lower() == self.path.suffix.lower()
        if self._codec in container.supported_codecs and (same or self._codec != "rawvideo"):
            with suppress(av.codec.codec.UnknownCodecError):
                return av.Codec(_ENCODERS.get(self._codec, self._codec), "w")
        return av.Codec("mjpeg" if path.suffix.lower() == ".avi" else "libx264", "w")

    def _stored_format(self, encoder: av.Codec, width: int, height: int) -> str:
        """The source's pixel format, or the nearest that the encoder takes."""
        if encoder.canonical_name == "rawvideo":
            # Raw frames with a palette would need it written, others are stored as they are.
            fallback = "gray" if self._gray else "bgr24"
            return fallback if self._format == "pal8" else self._format
        known = [form.name for form in encoder.video_formats or ()]
        chosen = self._format if self._format in known or not known else known[0]
        if encoder.name == "mjpeg":
            chosen = chosen.replace("yuv4", "yuvj4")  # JPEG has the full range, yuvj
        layout = av.VideoFormat(chosen)
        uneven = (layout.chroma_width(2) == 1 and width % 2) or (
            layout.chroma_height(2) == 1 and height % 2
        )
        if uneven and encoder.name in _EVEN:
            return "yuvj444p" if chosen.startswith("yuvj") else "yuv444p"
        return chosen
