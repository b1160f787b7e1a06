"""Recordings that occur under two patient ids, found by the hashes of their frames."""

from collections.abc import Iterable

import numpy as np

from echojax.data.frame_hash import alike


def duplicate_patients(
    patient: np.ndarray, view: np.ndarray, phase: np.ndarray, hashes: np.ndarray
) -> list[tuple[str, str]]:
    """Pairs of patient ids that share a frame of one view and phase, identical or nearly so.

    Args:
        patient: id of each frame's patient.
        view: of each frame, in any form that can be compared.
        phase: of each frame, likewise.
        hashes: of `frame_hash`, uint8 (n, 48).

    Returns:
        Pairs in order, the smaller id first.
    """
    same = alike(hashes, hashes) & (view[:, None] == view) & (phase[:, None] == phase)
    first, second = np.nonzero(same & (patient[:, None] < patient))
    return sorted({(str(patient[i]), str(patient[j])) for i, j in zip(first, second, strict=True)})


def merged(patient: np.ndarray, pairs: Iterable[tuple[str, str]]) -> np.ndarray:
    """Patient of every frame, ids of one recording merged under the first of them."""
    group = {str(name): str(name) for name in np.unique(patient)}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        group[second] = first
    return np.array([root(str(name)) for name in patient])
