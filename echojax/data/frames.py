"""Frames: the one data type that travels between the rooms."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from echojax.vocabulary import PHASES, QUALITIES, VIEWS

UNLABELLED = -1


@dataclass(frozen=True)
class Frames:
    """Echo frames with what is known of each; entry k of every field belongs to frame k.

    Attributes:
        images: uint8 arrays (rows, columns), upright, sizes may differ.
        masks: uint8 arrays like the images (0 background, 1 LV cavity, 2 myocardium, 3 left
            atrium), None where a frame has none.
        patient: patient ids, strings.
        view: index into VIEWS.
        phase: index into PHASES.
        quality: index into QUALITIES, UNLABELLED where it is not known.
        spacing: (n, 2) float32, millimetres between rows and between columns.
    """

    images: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray | None, ...]
    patient: np.ndarray
    view: np.ndarray
    phase: np.ndarray
    quality: np.ndarray
    spacing: np.ndarray

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"fields of Frames differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def ids(self) -> list[str]:
        """Names of the frames, as patient0001_2CH_ED."""
        return [
            f"{patient}_{VIEWS[view]}_{PHASES[phase]}"
            for patient, view, phase in zip(self.patient, self.view, self.phase, strict=True)
        ]

    def fingerprint(self) -> str:
        """A short hash of ids, grades and pixels, alike only for the same frames."""
        digest = hashlib.sha256(" ".join(self.ids).encode() + self.quality.tobytes())
        for image in self.images:
            digest.update(image.tobytes())
        return digest.hexdigest()[:16]

    def take(self, indices: Sequence[int] | np.ndarray) -> "Frames":
        """The frames at some indices, in that order."""
        indices = np.asarray(indices, np.intp)
        return Frames(
            images=tuple(self.images[i] for i in indices),
            masks=tuple(self.masks[i] for i in indices),
            patient=self.patient[indices],
            view=self.view[indices],
            phase=self.phase[indices],
            quality=self.quality[indices],
            spacing=self.spacing[indices],
        )

    def where(
        self,
        *,
        views: Sequence[str] | None = None,
        phases: Sequence[str] | None = None,
        qualities: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Indices of the frames with one of the given views, phases and qualities.

        "unlabelled" is understood as a quality.
        """
        chosen = np.ones(len(self), bool)
        if views is not None:
            chosen &= np.isin(self.view, [VIEWS.index(v) for v in views])
        if phases is not None:
            chosen &= np.isin(self.phase, [PHASES.index(p) for p in phases])
        if qualities is not None:
            codes = [UNLABELLED if q == "unlabelled" else QUALITIES.index(q) for q in qualities]
            chosen &= np.isin(self.quality, codes)
        return np.flatnonzero(chosen)

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Number of frames per view, phase and quality ("unlabelled" last)."""
        return {
            view: {
                phase: {
                    quality: len(self.where(views=[view], phases=[phase], qualities=[quality]))
                    for quality in (*QUALITIES, "unlabelled")
                }
                for phase in PHASES
            }
            for view in VIEWS
        }
