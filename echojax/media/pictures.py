"""Pictures that are made, not derived from a recording's file: one as PNG, several as MP4."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from echojax.files import written_whole

_RATE = 25.0  # frames per second, where none is known
_OPTIONS = {"crf": "20"}


def save(path: Path, picture: np.ndarray) -> None:
    """Write a picture, uint8 RGB (rows, columns, 3), as PNG."""
    with written_whole(path) as aside:
        Image.fromarray(picture).save(aside, "PNG")


def save_clip(path: Path, pictures: Iterable[np.ndarray], rate: float | None) -> None:
    """Write pictures of one size as MP4 (H.264), as common players show it.

    Args:
        path: where to.
        pictures: uint8 RGB (rows, columns, 3); an odd side gets a black line.
        rate: frames per second; 25 if it is not known.
    """
    import av  # takes a while

    with written_whole(path) as aside, av.open(str(aside), "w") as container:
        exact = Fraction(rate or _RATE).limit_denominator(65535)
        stream = container.add_stream("libx264", rate=exact, options=_OPTIONS)
        for number, picture in enumerate(_even(pictures)):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, 1 / exact
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _even(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for picture in pictures:
        rows, columns = picture.shape[:2]
        yield np.pad(picture, ((0, rows % 2), (0, columns % 2), (0, 0)))
