"""GIF, both ways by Pillow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import GifImagePlugin, Image

from echojax.media import label_files
from echojax.media.limits import check_frames, check_pixels
from echojax.media.pillow import open_bounded
from echojax.media.recording import Recording, keeping, reading


class GifRecording(Recording):
    """A GIF; each frame is shown as a viewer would, on black where it is transparent.

    Raises:
        InputError: not GIF, or cut off.
    """

    family = "GIF"
    dtype = np.dtype(np.uint8)
    low, high = 0.0, 255.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self._durations: list[int] = []  # milliseconds
        gray = True
        for image, frame in self._shown():
            self._durations.append(image.info.get("duration", 0))
            self._loop = image.info.get("loop")
            red, green, blue = (frame[..., channel] for channel in range(3))
            gray = gray and bool((red == green).all() and (red == blue).all())
        self.count = len(self._durations)
        self.shape = frame.shape[:2] if gray else frame.shape

    @property
    def frame_rate(self) -> float | None:
        """Frames per second, their average."""
        number, whole = len(self._durations), sum(self._durations)
        return 1000 * number / whole if number > 1 and whole > 0 else None

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time; gray if no frame of the file has colour."""
        for _, frame in self._shown():
            yield frame[..., 0] if len(self.shape) == 2 else frame

    def _shown(self) -> Iterator[tuple[Image.Image, np.ndarray]]:
        with reading(self.path, "GIF"), open_bounded(self.path, "GIF") as image:
            columns, rows = (
                image.size
            )  # of the screen; Pillow enlarges it where a frame lies beyond
            count = getattr(image, "n_frames", 1)
            check_frames(self.path, count, image.height, image.width)
            for number in range(count):
                image.seek(number)
                check_pixels(self.path, image.height, image.width)
                yield image, _on_black(image)[:rows, :columns]

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        label_files.planes(path, masks, description)

    def _write(
        self,
        path: Path,
        frames: Iterator[np.ndarray],
        scale: int,  # noqa: ARG002
        description: str,
    ) -> None:
        # Not by Image.save, which keeps all frames in memory and merges two that are alike.
        with path.open("wb") as file:
            for duration, frame in zip(self._durations, frames, strict=True):
                with keeping(self.path, "GIF"):
                    pieces = self._pieces(_indexed(frame), duration, description, file.tell() == 0)
                file.writelines(pieces)
            file.write(b";")

    def _pieces(
        self, image: Image.Image, duration: int, description: str, first: bool
    ) -> list[bytes]:
        head: list[bytes] = []
        if first:
            info = {"loop": self._loop, "duration": duration, "comment": description}
            head = GifImagePlugin.getheader(image, info=info)[0]
        # Gray frames share the palette in the header, colour frames have their own.
        palette = image.mode == "P"
        return head + GifImagePlugin.getdata(image, duration=duration, include_color_table=palette)


def _on_black(image: Image.Image) -> np.ndarray:
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    shown = Image.new("RGB", image.size)
    shown.paste(image, mask=image.convert("RGBA").getchannel("A"))
    return np.array(shown)


def _indexed(frame: np.ndarray) -> Image.Image:
    """Exact if a frame has no more than 256 colours; else the nearest 256, dithered."""
    if frame.ndim == 2:
        return Image.fromarray(frame)
    packed = frame @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, index = np.unique(packed, return_inverse=True)
    if len(colours) > 256:
        return Image.fromarray(frame).quantize(256)
    image = Image.fromarray(index.reshape(packed.shape).astype(np.uint8))
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image
