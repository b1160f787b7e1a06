"""What classifiers see: frames of a study, enhanced or not."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from echojax.data.frames import Frames
from echojax.inference.classify import Shape, as_input
from echojax.inference.enhance import Enlarger, Interpolation, Network, as_float, enhance
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.generators import Generators
from echojax.vocabulary import GENERATORS, NONE, Mode


@dataclass
class Inputs:
    """Frames as classifiers see them, each made once and kept for as long as its fold is done.

    Attributes:
        frames: the frames of the study.
        generators: that enhance them.
        shape: of a classifier's input.
    """

    frames: Frames
    generators: Generators
    shape: Shape
    _enlargers: dict[tuple[str, str, int], Enlarger] = field(default_factory=dict)
    _inputs: dict[tuple[Any, ...], np.ndarray] = field(default_factory=dict)

    def enlarger(self, sr: str, fold: Fold) -> Enlarger:
        """What enlarges frames in a fold."""
        if sr == "bicubic":
            return Interpolation("bicubic", self.generators.config.scale)
        key = (sr, fold.protocol, fold.generator)
        if key not in self._enlargers:
            # Cells are done fold by fold: what other folds' generators made is not needed again.
            kept = {k: v for k, v in self._enlargers.items() if k[1:] == key[1:]}
            self._enlargers = {**kept, key: Network(self.generators.network(sr, fold))}
            self._inputs = {k: v for k, v in self._inputs.items() if k[2] in ((), key[1:])}
        return self._enlargers[key]

    def of(self, indices: np.ndarray, fold: Fold, sr: str, mode: str) -> np.ndarray:
        """Frames as a classifier sees them: float32 (n, size, size) in [0, 1]."""
        # Only a generator makes the result depend on the fold.
        of_fold = (fold.protocol, fold.generator) if sr in GENERATORS else ()
        for i in indices:
            key = (sr, mode, of_fold, i)
            if key not in self._inputs:
                frame, spacing = as_float(self.frames.images[i]), self.frames.spacing[i]
                rows = len(frame)
                if sr != NONE:
                    frame = enhance(frame, self.enlarger(sr, fold), mode=cast(Mode, mode))
                self._inputs[key] = as_input(frame, self.shape, spacing * (rows / len(frame)))
        return np.stack([self._inputs[sr, mode, of_fold, i] for i in indices])
