"""Recordings that occur under two patient ids, found by their pixels."""

import numpy as np

from echojax.data.frames import Frames
from echojax.resize import resize
from echojax.vocabulary import PHASES, VIEWS

_SIDE = 32  # pixels of a thumbnail: too coarse for speckle, fine enough for anatomy
# Correlation of thumbnails above which two frames are one. In CAMUS (243 patients, 224x224) the
# frames of the one known pair reach 0.998 to 1.000, those of different patients at most 0.966.
_SAME = 0.99


def duplicate_patients(frames: Frames) -> list[tuple[str, str]]:
    """Pairs of patient ids that share a frame of one view and phase, identical or nearly so.

    Returns:
        Pairs in order, the smaller id first.
    """
    pairs = set()
    for view in VIEWS:
        for phase in PHASES:
            chosen = frames.where(views=[view], phases=[phase])
            if not len(chosen):
                continue
            thumbnails = np.stack([_thumbnail(frames.images[i]) for i in chosen])
            first, second = np.nonzero(np.triu(thumbnails @ thumbnails.T > _SAME, k=1))
            patients = frames.patient[chosen]
            for one, other in zip(patients[first], patients[second], strict=True):
                if one != other:
                    pairs.add((str(min(one, other)), str(max(one, other))))
    return sorted(pairs)


def patient_groups(frames: Frames) -> np.ndarray:
    """Patient of every frame, ids of one recording merged under the first of them."""
    group = {str(patient): str(patient) for patient in np.unique(frames.patient)}

    def root(patient: str) -> str:
        while group[patient] != patient:
            patient = group[patient]
        return patient

    for one, other in duplicate_patients(frames):
        first, second = sorted((root(one), root(other)))
        group[second] = first
    return np.array([root(str(patient)) for patient in frames.patient])


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Unit vector whose products are correlations."""
    small = resize(image[..., None].astype(np.float32), (_SIDE, _SIDE)).ravel()
    small = small - small.mean()
    # A blank frame has no direction but that of rounding errors; it is like no other.
    return small / max(float(np.linalg.norm(small)), 1.0)
