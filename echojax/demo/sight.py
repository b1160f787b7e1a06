"""What the page shows of a frame: two pictures, grades, and how long each part took."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from echojax.assessment import drawing
from echojax.assessment.masks import Segment
from echojax.demo.frames import Frame
from echojax.inference.enhance import Enlarger
from echojax.inference.grade import Following, Graded
from echojax.inference.scorers import Scorer
from echojax.inference.surround import enhance_ultrasound
from echojax.vocabulary import Mode

SCALE = 4  # without a network
_QUALITY = 95  # of JPEG

Enhance = Callable[[np.ndarray], np.ndarray]


class Shown(NamedTuple):
    """What came of a frame.

    Attributes:
        original: a JPEG file, the frame with its grades.
        enhanced: a JPEG file.
        graded: None if nothing grades.
        times: milliseconds by what was done.
    """

    original: bytes
    enhanced: bytes
    graded: Graded | None
    times: dict[str, float]


def network(enlarger: Enlarger, mode: Mode) -> Enhance:
    """Enhancement by a network, of the ultrasound in a frame."""
    return lambda levels: enhance_ultrasound(levels, enlarger, mode=mode, high=255)


def bicubic(levels: np.ndarray) -> np.ndarray:
    """A frame four times larger, by Pillow: the project's own bicubic, but for the rounding.

    It takes a tenth of the time, which a live page has not.
    """
    rows, columns = levels.shape
    larger = (SCALE * columns, SCALE * rows)
    return np.asarray(Image.fromarray(levels).resize(larger, Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class Sight:
    """How frames are looked at.

    Attributes:
        enhance: a frame, uint8 (rows, columns), as it is shown on the right.
        scorer: grades; None for none.
        segment: makes masks; None for none.
    """

    enhance: Enhance
    scorer: Scorer | None = None
    segment: Segment | None = None

    def stream(self) -> Callable[[Frame], Shown]:
        """Something that looks at frames which follow each other in time."""
        following = None if self.scorer is None else Following(self.scorer)
        return lambda frame: self._look(frame, following)

    def _look(self, frame: Frame, following: Following | None) -> Shown:
        times: dict[str, float] = {}
        graded, picture = None, frame.levels
        if following is not None:
            mask = None
            if self.segment is not None:
                with _timed(times, "segment"):
                    mask = self.segment(frame.levels).mask
            with _timed(times, "grade"):
                graded = following(frame.levels, mask, frame.spacing, frame.moment)
            with _timed(times, "draw"):
                picture = drawing.of_regions(graded)
        with _timed(times, "enhance"):
            enhanced = self.enhance(frame.levels)
        with _timed(times, "encode"):
            pictures = _jpeg(picture), _jpeg(enhanced)
        return Shown(*pictures, graded, times)


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times[name] = 1000 * (time.perf_counter() - start)


def _jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    # Colours as fine as brightness: outlines are a pixel wide.
    Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue()
