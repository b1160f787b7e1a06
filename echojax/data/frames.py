"""Frames: the one data type that travels between the rooms."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from echojax.data.frame_hash import BYTES, frame_hash
from echojax.data.masks import largest_parts
from echojax.data.source import Source
from echojax.vocabulary import PHASES, QUALITIES, VIEWS

UNLABELLED = -1
UNGRADED = np.full(8, np.nan, np.float32)  # the wall's regions where nobody graded them


class Frames:
    """Echo frames in memory with what is known of each; a `Source`.

    Entry k of everything belongs to frame k. Every column of `table` is an attribute too.

    Attributes:
        images: uint8 arrays (rows, columns), upright, sizes may differ.
        masks: uint8 arrays like the images (0 background, 1 LV cavity, 2 myocardium, 3 left
            atrium), as they are stored; None where a frame has none. `mask` gives them whole.
        coherence: uint8 arrays like the images, 255 times the square root of the coherence factor,
            None where a frame has none, as all that were recorded.
        table: the columns that follow, and any others that were given.
        patient: patient ids, strings.
        group: the person, by one id where recordings of theirs occur under several; the patient id
            if nothing is known of that.
        view: index into VIEWS.
        phase: index into PHASES.
        quality: index into QUALITIES, UNLABELLED where it is not known.
        spacing: (n, 2) float32, millimetres between rows and between columns.
        ef: ejection fraction, percent, NaN where it is not known.
        age: years, NaN where it is not known.
        sex: "F", "M" or "".
        split: the dataset's own: "train", "validation", "test", or "" where it has none.
        simulated: bool, whether nobody was recorded.
        grades: (n, 8) float32, 1 (not visible) to 5 (excellent) of the wall's regions, NaN where
            nobody graded.
    """

    name = "camus"  # simulated frames come in CAMUS's layout too
    patient: np.ndarray
    group: np.ndarray
    view: np.ndarray
    phase: np.ndarray
    quality: np.ndarray
    spacing: np.ndarray
    ef: np.ndarray
    age: np.ndarray
    sex: np.ndarray
    split: np.ndarray
    simulated: np.ndarray
    grades: np.ndarray

    def __init__(
        self,
        images: Sequence[np.ndarray],
        masks: Sequence[np.ndarray | None],
        *,
        patient: np.ndarray,
        view: np.ndarray,
        phase: np.ndarray,
        quality: np.ndarray,
        spacing: np.ndarray,
        coherence: Sequence[np.ndarray | None] | None = None,
        digests: np.ndarray | None = None,
        **columns: np.ndarray,
    ) -> None:
        """Put frames and columns together; those of `columns` may be absent.

        `digests` are those of the images if somebody has them, which saves hashing them again.

        Raises:
            ValueError: lengths differ.
        """
        self.images, self.masks = tuple(images), tuple(masks)
        n = len(self.images)
        self.coherence = (None,) * n if coherence is None else tuple(coherence)
        self.table: Mapping[str, np.ndarray] = {
            "patient": patient,
            "group": patient,
            "view": view,
            "phase": phase,
            "quality": quality,
            "spacing": spacing,
            "ef": np.full(n, np.nan, np.float32),
            "age": np.full(n, np.nan, np.float32),
            "sex": np.full(n, ""),
            "split": np.full(n, ""),
            "simulated": np.zeros(n, bool),
            "grades": np.tile(UNGRADED, (n, 1)),
            **columns,
        }
        lengths = {name: len(column) for name, column in self.table.items()}
        lengths |= {"images": n, "masks": len(self.masks), "coherence": len(self.coherence)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"parts of Frames differ in length: {lengths}")
        vars(self).update(self.table)
        self._digests = _digests(self.images) if digests is None else digests
        self._whole: dict[int, np.ndarray | None] = {}

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self.images)

    def image(self, index: int) -> np.ndarray:
        """One frame, uint8 (rows, columns)."""
        return self.images[index]

    def mask(self, index: int) -> np.ndarray | None:
        """The mask of one frame, each structure one connected part; None without a mask.

        Masks that somebody resampled have rims of labels between those of two neighbours, as cavity
        around the myocardium, which overlaps, volumes and valve planes would count.
        """
        if index not in self._whole:
            mask = self.masks[index]
            self._whole[index] = None if mask is None else largest_parts(mask)
        return self._whole[index]

    @property
    def smallest_side(self) -> int | None:
        """Of all frames, pixels; None of no frames."""
        return min((min(image.shape) for image in self.images), default=None)

    @property
    def ids(self) -> list[str]:
        """Names of the frames, as patient0001_2CH_ED."""
        return [self.id(index) for index in range(len(self))]

    def id(self, index: int) -> str:
        """The name of one frame."""
        return f"{self.patient[index]}_{VIEWS[self.view[index]]}_{PHASES[self.phase[index]]}"

    @cached_property
    def hashes(self) -> np.ndarray:
        """What `frame_hash` gives for each frame, uint8 (n, 48); made now if it is no column."""
        hashes = [frame_hash(image) for image in self.images]
        return np.array(hashes, np.uint8).reshape(-1, BYTES)

    def fingerprint(self) -> str:
        """A short hash of ids, qualities and pixels, alike only for the same frames.

        Coherence and grades are part of it where there are any.
        """
        quality = self.quality.astype(np.int8)
        parts = [" ".join(self.ids).encode(), quality.tobytes(), self._digests.tobytes()]
        if np.isfinite(self.grades).any():
            parts.append(self.grades.astype(np.float32).tobytes())
        if any(image is not None for image in self.coherence):
            none = np.zeros(0, np.uint8)
            parts.append(_digests([none if c is None else c for c in self.coherence]).tobytes())
        return hashlib.sha256(b"\n".join(parts)).hexdigest()[:16]

    def take(self, indices: Sequence[int] | np.ndarray) -> "Frames":
        """The frames at some indices, in that order."""
        indices = np.asarray(indices, np.intp)
        return Frames(
            [self.images[i] for i in indices],
            [self.masks[i] for i in indices],
            coherence=[self.coherence[i] for i in indices],
            digests=self._digests[indices],
            **{name: column[indices] for name, column in self.table.items()},
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


def _digests(images: Sequence[np.ndarray]) -> np.ndarray:
    """Hash of each image's pixels and shape, uint8 (n, 16)."""
    found = np.empty((len(images), 16), np.uint8)
    for k, image in enumerate(images):
        digest = hashlib.sha256(str(image.shape).encode() + image.tobytes()).digest()
        found[k] = np.frombuffer(digest[:16], np.uint8)
    return found


_is_a_source: type[Source] = Frames
