"""Frames after an enhancement, each by a network that has not learned from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from echojax.data.frames import Frames
from echojax.inference import filters
from echojax.inference.enhance import Interpolation, Network, as_float, enhance
from echojax.models.generator import Generator
from echojax.recipes import restoration
from echojax.resize import Method
from echojax.studies.grading import apart
from echojax.studies.grading.config import GradingConfig
from echojax.vocabulary import GENERATORS, MODES, NONE, USES, Mode
from echojax.weights import networks

_PROTOCOL = "patient"  # of the diagnosis run: the only one whose generators saw no tested patient
_NO_FILE = "no file is named in grading.{0}, and no generator is in the run of grading.diagnosis"


@dataclass
class Enhancements:
    """What frames can be enhanced by.

    Attributes:
        config: names files and the diagnosis run.
        frames: of the study.
    """

    config: GradingConfig
    frames: Frames
    _loaded: dict[Path, Generator] = field(default_factory=dict)
    _places: dict[str, np.ndarray] = field(default_factory=dict)

    def asked(self) -> list[tuple[str, str]]:
        """Enhancements and modes that are asked for and possible."""
        return [
            (sr, mode)
            for sr in self.config.enhancements
            if sr != NONE and not self.missing(sr)
            for mode in USES[sr].modes
            if mode in self.config.modes or mode not in MODES
        ]

    def missing(self, sr: str) -> str:
        """Why an enhancement cannot be done; "" if it can."""
        if "test" not in USES[sr].sides or sr == "blur":
            return "it is done to what trains a classifier, or needs one"
        if sr == "restorer" and not self.config.restorer:
            return "no file is named in grading.restorer"
        if sr in GENERATORS and not self._files(sr):
            return _NO_FILE.format(sr)
        return ""

    def made_by(self, sr: str) -> dict[str, str]:
        """Hashes of the networks behind an enhancement, for a job's record.

        Raises:
            InputError: a file is not there.
        """
        return apart.hashes(self._files(sr), sr)

    def possible(self, index: int, sr: str) -> bool:
        """Whether a frame can be enhanced by something that has not learned from its person."""
        learned = sr in GENERATORS or sr == "restorer"
        return not learned or self._file(index, sr) is not None

    def image(self, index: int, sr: str, mode: str) -> np.ndarray:
        """A frame after an enhancement that is possible, uint8."""
        frame = self.frames.images[index]
        if sr in filters.FILTERS:
            return _as_levels(filters.FILTERS[sr](as_float(frame)))
        if sr not in GENERATORS and sr != "restorer":
            by = Interpolation(cast(Method, sr), self.config.scale)
            return enhance(frame, by, mode=cast(Mode, mode), low=0, high=255)
        file = self._file(index, sr)
        if file is None:
            raise ValueError(f"{sr}: every network of it has learned from frame {index}")
        if file not in self._loaded:
            self._loaded[file] = _load(file, sr)
        if sr == "restorer":
            return _as_levels(filters.restore(as_float(frame), self._loaded[file]))
        network = Network(self._loaded[file])
        return enhance(frame, network, mode=cast(Mode, mode), low=0, high=255)

    def _file(self, index: int, sr: str) -> Path | None:
        """The file whose network may enhance a frame."""
        if sr not in self._places:
            self._places[sr] = apart.places(self._files(sr), self.frames)
        place = int(self._places[sr][index])
        return None if place == apart.NO_FILE else self._files(sr)[place]

    def _files(self, sr: str) -> list[Path]:
        """The files of an enhancement's networks; none where it has none, or none are named."""
        named = getattr(self.config, sr, "") if sr in (*GENERATORS, "restorer") else ""
        if named:
            return apart.files(named, f"grading.{sr}")
        if sr not in GENERATORS or not self.config.diagnosis:
            return []
        folder = Path(self.config.diagnosis).expanduser() / "sr" / sr / _PROTOCOL
        return sorted(folder.glob("fold*.safetensors"))


def _load(file: Path, sr: str) -> Generator:
    if sr == "restorer":
        return restoration.load(str(file), "grading.restorer")
    model: Generator = networks.load(file, Generator)
    return model


def _as_levels(frame: np.ndarray) -> np.ndarray:
    return np.round(255 * frame).astype(np.uint8)
