"""What classifiers see: frames of a study, enhanced or not."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from scipy.ndimage import gaussian_filter

from echojax.data.frames import Frames
from echojax.data.source import evenly
from echojax.inference import filters
from echojax.inference.classify import Shape, as_input
from echojax.inference.enhance import Enlarger, Interpolation, Network, as_float, enhance
from echojax.inference.sector import rms_change
from echojax.models.generator import Generator
from echojax.resize import Method
from echojax.studies.diagnosis import restorer
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.generators import Generators
from echojax.vocabulary import ENLARGERS, GENERATORS, QUALITIES, USES, Mode

_MATCHED_ON = 32  # frames that the strength of the blur is chosen on
_WIDEST = 0.25  # of a side: standard deviation of the strongest blur
_HALVINGS = 16  # of the interval that it lies in

_Scope = tuple[str | int, ...]


@dataclass
class Inputs:
    """Frames as classifiers see them, each made once and kept for as long as its fold is done.

    Attributes:
        frames: the frames of the study.
        generators: that enhance them.
        restorer: the file of the one that does so at their own size; "" for none.
        shape: of a classifier's input.
    """

    frames: Frames
    generators: Generators
    restorer: str
    shape: Shape
    _here: _Scope = ()
    _enlargers: dict[tuple[_Scope, str], Enlarger] = field(default_factory=dict)
    _sigmas: dict[tuple[_Scope, str], float] = field(default_factory=dict)
    _inputs: dict[tuple[_Scope, str, str, int], np.ndarray] = field(default_factory=dict)

    def enlarger(self, sr: str, fold: Fold) -> Enlarger:
        """What enlarges frames in a fold; `sr` is one of `ENLARGERS`."""
        if sr not in GENERATORS:
            return Interpolation(cast(Method, sr), self.generators.config.scale)
        self._forget_others(fold)
        key = (_scope(sr, fold), sr)
        if key not in self._enlargers:
            self._enlargers[key] = Network(self.generators.network(sr, fold))
        return self._enlargers[key]

    def made_by(self, sr: str, fold: Fold) -> dict[str, str]:
        """Hash of the network that an enhancement of a fold's frames needs, for a job's record.

        Raises:
            InputError: the restorer is not there.
        """
        if sr == "restorer":
            return {"enhanced by": restorer.sha256_of(self.restorer)}
        generator = USES[sr].generator
        if generator is None:
            return {}
        return {"enhanced by": self.generators.hash(generator, fold)}

    def of(self, indices: np.ndarray, fold: Fold, sr: str, mode: str) -> np.ndarray:
        """Frames as a classifier sees them: float32 (n, size, size) in [0, 1]."""
        self._forget_others(fold)
        scope = _scope(sr, fold)
        for i in indices:
            key = (scope, sr, mode, int(i))
            if key not in self._inputs:
                self._inputs[key] = self._made(int(i), fold, sr, mode)
        return np.stack([self._inputs[scope, sr, mode, int(i)] for i in indices])

    def sigma(self, fold: Fold, mode: str) -> float:
        """Standard deviation, in pixels, of the blur that changes inputs as SRResNet does.

        It is chosen on up to 32 frames that the fold trains classifiers on, of the worst quality
        among them, so that the root mean square of the change in the sector is the same; at most a
        quarter of the side, where no blur goes as far.
        """
        self._forget_others(fold)
        key = (_scope("blur", fold), mode)
        if key not in self._sigmas:
            training = next(
                fold.train[q] for q in reversed(QUALITIES) if len(fold.train.get(q, ()))
            )
            chosen = training[evenly(len(training), _MATCHED_ON)]
            plain = self.of(chosen, fold, "none", "none")
            wanted = rms_change(plain, self.of(chosen, fold, "srresnet", mode))
            self._sigmas[key] = _matched(plain, wanted)
        return self._sigmas[key]

    @cached_property
    def _restorer(self) -> Generator:
        return restorer.load(self.restorer)

    def _made(self, index: int, fold: Fold, sr: str, mode: str) -> np.ndarray:
        frame = as_float(self.frames.images[index])
        rows = len(frame)
        if sr in filters.FILTERS:
            frame = filters.FILTERS[sr](frame)
        elif sr == "restorer":
            frame = filters.restore(frame, self._restorer)
        elif sr in ENLARGERS:
            frame = enhance(frame, self.enlarger(sr, fold), mode=cast(Mode, mode))
        spacing = self.frames.spacing[index] * (rows / len(frame))
        seen = as_input(frame, self.shape, spacing)
        return _blurred(seen, self.sigma(fold, mode)) if sr == "blur" else seen

    def _forget_others(self, fold: Fold) -> None:
        # Cells are done fold by fold: what belongs to other folds is not needed again.
        here = _whole(fold)
        if here != self._here:
            self._here = here
            self._enlargers = {k: v for k, v in self._enlargers.items() if _is_of(k[0], here)}
            self._sigmas = {k: v for k, v in self._sigmas.items() if _is_of(k[0], here)}
            self._inputs = {k: v for k, v in self._inputs.items() if _is_of(k[0], here)}


def _whole(fold: Fold) -> _Scope:
    return fold.protocol, fold.generator, fold.number


def _is_of(scope: _Scope, here: _Scope) -> bool:
    return scope == here[: len(scope)]


def _scope(sr: str, fold: Fold) -> _Scope:
    """What of a fold the result of an enhancement depends on."""
    if sr == "blur":  # folds of `paper` share a generator, not the frames it is compared on
        return _whole(fold)
    return _whole(fold)[:2] if USES[sr].generator else ()


def _blurred(frame: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(frame, sigma) if sigma else frame


def _matched(frames: np.ndarray, wanted: float) -> float:
    """The standard deviation of the blur whose change of frames (n, size, size) is as wanted."""
    low, high = 0.0, _WIDEST * frames.shape[-1]
    for _ in range(_HALVINGS if wanted else 0):
        middle = (low + high) / 2
        blurred = np.stack([_blurred(frame, middle) for frame in frames])
        low, high = (middle, high) if rms_change(frames, blurred) < wanted else (low, middle)
    return low
