"""Grades of the wall's regions by a network.

MobileNetV2 sees the whole frame; a U-Net with a head (`models/region_head.py`) sees each region.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.errors import InputError
from echojax.inference import pooled
from echojax.inference.grade_lines import HIGHEST, LOWEST, Scores
from echojax.inference.regions import REGIONS, Regions
from echojax.inference.scorers import EndToEnd, Regional, Scorer
from echojax.inference.segment import CLASSES, SIZE, Segmenter, as_input
from echojax.models import mobilenet
from echojax.models.mobilenet import MobileNetV2
from echojax.models.region_head import Pooled
from echojax.weights import networks

# On the card of a file: half of each region's interval, and the share of truths that lie in it.
HALF_WIDTHS, COVERAGE = "half widths", "coverage"
_ASK = 16  # frames asked about at once


@dataclass(frozen=True)
class Grader:
    """A network that grades, with what must be known to ask it.

    Attributes:
        model: the network.
        size: side of the square that it sees, pixels; the aspect of frames is not kept.
        half: half of each region's interval, (8,), NaN where none is known.
        coverage: share of the truths that lie in the intervals, of persons like those that they
            were set on.
    """

    model: MobileNetV2 | Pooled
    size: int
    half: np.ndarray
    coverage: float

    @classmethod
    def load(cls, file: Path) -> "Grader":
        """The grader of a file.

        Raises:
            InputError: it is not there, or holds something else.
        """
        model, card = networks.load(file), networks.card(file)
        try:
            size = int(card[SIZE])
            half = np.array([float(word) for word in card[HALF_WIDTHS].split(",")])
            coverage = float(card[COVERAGE])
        except (KeyError, ValueError):
            size, half, coverage = 0, np.empty(0), 0.0
        regions = len(REGIONS)
        if _regions(model) != regions or half.shape != (regions,) or size < 1:
            raise InputError(
                f"{file}: holds no network that grades the wall's regions; pass a file of `echojax "
                "train-grader`"
            )
        return cls(model, size, half, coverage)

    @property
    def segmenter(self) -> Segmenter | None:
        """What gives the masks that the regions are of; None if the network sees whole frames."""
        return Segmenter(self.model, self.size) if isinstance(self.model, Pooled) else None

    @property
    def scorer(self) -> Scorer:
        """The network as a method of grading."""
        if self.segmenter is None:
            return EndToEnd(self)
        return Regional(self.in_regions)

    def __call__(self, frame: np.ndarray, spacing: tuple[float, float] | None = None) -> Scores:
        """Grade one frame, uint8 (rows, columns), upright; as `clip`."""
        return Scores(*(each[0] for each in self.clip([frame], spacing)))

    def clip(
        self, frames: Sequence[np.ndarray], spacing: tuple[float, float] | None = None
    ) -> Scores:
        """Grade frames, uint8 (rows, columns) each, several at once.

        Args:
            frames: upright.
            spacing: mm between rows and between columns, of use to a network that sees regions; by
                default that of `seen.DEPTH`. Where its own mask cannot be divided, grades are NaN.
        """
        if not isinstance(self.model, Pooled):
            seen = np.stack([as_input(frame, self.size) for frame in frames])
            return self._grades(answers(self.model, seen))
        masks = [found.mask for found in Segmenter(self.model, self.size).clip(frames)]
        regions = [
            pooled.divided(frame, mask, spacing) for frame, mask in zip(frames, masks, strict=True)
        ]
        return self._of_regions(self.model, frames, regions)

    def in_regions(self, frame: np.ndarray, regions: Regions) -> Scores:
        """Grade one frame in regions that somebody else found."""
        assert isinstance(self.model, Pooled)
        return Scores(*(each[0] for each in self._of_regions(self.model, [frame], [regions])))

    def _of_regions(
        self, model: Pooled, frames: Sequence[np.ndarray], regions: Sequence[Regions | None]
    ) -> Scores:
        return self._grades(
            pooled.answers(model, pooled.features(model, frames, regions, self.size))
        )

    def _grades(self, found: np.ndarray) -> Scores:
        ends = found - self.half, found + self.half
        return Scores(*(np.clip(each, LOWEST, HIGHEST) for each in (found, *ends)))


def _regions(model: nnx.Module) -> int:
    """How many grades a network gives; 0 if it is none that could."""
    if isinstance(model, Pooled):
        return model.settings.regions if model.settings.classes == CLASSES else 0
    return model.settings.outputs if isinstance(model, MobileNetV2) else 0


def answers(model: MobileNetV2, frames: np.ndarray) -> np.ndarray:
    """What a network says of frames (n, size, size), float32 in [0, 1] or uint8: (n, 8)."""
    found = []
    for first in range(0, len(frames), _ASK):
        part = frames[first : first + _ASK]
        if part.dtype == np.uint8:
            part = part.astype(np.float32) / 255
        # The last part is filled up, so that one program serves all.
        filled = np.pad(part, [(0, min(_ASK, len(frames)) - len(part)), (0, 0), (0, 0)])
        found.append(np.asarray(_ask(model, jnp.asarray(filled)))[: len(part)])
    return np.concatenate(found) if found else np.empty((0, len(REGIONS)), np.float32)


@nnx.jit
def _ask(model: MobileNetV2, frames: jax.Array) -> jax.Array:
    return model(mobilenet.as_input(frames[..., None], model.settings))
