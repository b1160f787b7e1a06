"""What a prepared dataset holds, to be looked at before anything is trained on it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from echojax.data import camus
from echojax.data.frames import Frames
from echojax.vocabulary import QUALITIES

DEPTHS = (60.0, 300.0)  # mm, of apical views: from an infant's heart to one far from the probe


@dataclass(frozen=True)
class Range:
    """Minimum, median and maximum over the frames."""

    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True)
class Summary:
    """A dataset at a glance.

    Attributes:
        patients: number of persons, one where ids are known to be one person's.
        ids: number of patient ids.
        graded: persons who are shown in every quality, and not in one alone.
        simulated: frames of nobody.
        counts: frames per view, phase and quality, as `Frames.counts`.
        rows: image heights, pixels.
        columns: image widths, pixels.
        brightest: largest gray level of each frame, 0 to 255.
        spacing: distinct spacings of rows and columns, mm.
        masks: frames that have one.
        coherence: frames that have an image of it, as simulated ones may.
        regions_graded: frames whose regions are graded.
        duplicates: pairs of patient ids that are one recording.
        left_out: files that are not in the dataset, and why.
        remarks: what cannot be right with these frames.
    """

    patients: int
    ids: int
    graded: int
    simulated: int
    counts: dict[str, dict[str, dict[str, int]]]
    rows: Range
    columns: Range
    brightest: Range
    spacing: tuple[tuple[float, float], ...]
    masks: int
    coherence: int
    regions_graded: int
    duplicates: tuple[tuple[str, str], ...]
    left_out: tuple[camus.LeftOut, ...]
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Counts, findings and remarks, as `echojax inspect --json` prints them."""
        return {
            "patients": self.patients,
            "ids": self.ids,
            "graded": self.graded,
            "simulated": self.simulated,
            "coherence": self.coherence,
            "regions_graded": self.regions_graded,
            "counts": self.counts,
            "duplicates": [list(pair) for pair in self.duplicates],
            "left_out": [{"file": entry.file, "why": entry.why} for entry in self.left_out],
            "remarks": list(self.remarks),
        }


def summarize(data_dir: Path) -> Summary:
    """Look through the dataset prepared in `data_dir`.

    Raises:
        InputError: nothing was prepared there.
    """
    frames = camus.load(data_dir)
    spacings = np.unique(frames.spacing.round(4), axis=0)
    return Summary(
        patients=len(np.unique(frames.group)),
        ids=len(np.unique(frames.patient)),
        graded=_graded(frames),
        simulated=int(frames.simulated.sum()),
        counts=frames.counts(),
        rows=_range([image.shape[0] for image in frames.images]),
        columns=_range([image.shape[1] for image in frames.images]),
        brightest=_range([int(image.max()) for image in frames.images]),
        spacing=tuple((round(float(r), 4), round(float(c), 4)) for r, c in spacings),
        masks=sum(mask is not None for mask in frames.masks),
        coherence=sum(image is not None for image in frames.coherence),
        regions_graded=int(np.isfinite(frames.grades).any(axis=1).sum()),
        duplicates=tuple(camus.duplicates(data_dir)),
        left_out=tuple(camus.left_out(data_dir)),
        remarks=tuple(spacing_remarks(frames)),
    )


def spacing_remarks(frames: Frames) -> Iterator[str]:
    """What says that millimetres between pixels were not measured."""
    number = len(frames)
    unit = int(np.all(frames.spacing == 1, axis=1).sum())
    if unit:
        yield (
            f"the spacing of {unit} of {number} frames is exactly 1 x 1 mm, as files have it that "
            "do not know it; believe no length in mm, nor classifier.fit=millimetres"
        )
    depths = np.array([_depth(*pair) for pair in zip(frames.images, frames.spacing, strict=True)])
    least, most = DEPTHS
    odd = depths[(depths < least) | (depths > most)]
    if len(odd):
        yield (
            f"by their spacing, the sector of {len(odd)} of {number} frames is {odd.min():.0f} to "
            f"{odd.max():.0f} mm deep; a heart seen from the apex takes {least:.0f} to {most:.0f}"
        )


def _depth(image: np.ndarray, spacing: np.ndarray) -> float:
    """From the first to the last row that is not black, mm."""
    rows = np.flatnonzero(image.any(axis=1))
    return float((rows[-1] - rows[0] + 1) * spacing[0]) if len(rows) else 0.0


def _graded(frames: Frames) -> int:
    """How many persons are shown in every quality, each view of theirs."""
    shown = defaultdict(set)
    for person, view, quality in zip(frames.group, frames.view, frames.quality, strict=True):
        shown[person, view].add(quality)
    every = set(range(len(QUALITIES)))
    partly = {person for (person, _), qualities in shown.items() if qualities != every}
    return len(set(frames.group) - partly)


def _range(values: list[int]) -> Range:
    return Range(float(min(values)), float(np.median(values)), float(max(values)))
