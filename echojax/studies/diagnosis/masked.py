"""Which frames the segmenters of a fold learn from and are asked about.

They learn from the frames that classifiers learn from, and are tested on those that classifiers
are tested on. An ejection fraction takes four frames of a patient, both phases of both views, and
balanced strata seldom hold all of them, as they are drawn view by view. So it is asked of every
patient whose two views are of one quality, drawn or not, and none of whose frames are learned from;
frames that were not drawn count for nothing else. (`paper` tests no frames but drawn ones.)
"""

from collections.abc import Sequence

import numpy as np

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.folds import Fold
from echojax.vocabulary import PHASES, VIEWS


def with_masks(frames: Frames, indices: np.ndarray) -> np.ndarray:
    """Those of some frames that an expert drew a mask of."""
    return np.array([i for i in indices if frames.masks[i] is not None], np.intp)


def drawn(frames: Frames, fold: Fold, cell: Cell) -> np.ndarray:
    """Frames whose masks are compared: those that classifiers are tested on, if with masks."""
    return with_masks(frames, fold.test(cell.train, cell.test))


def whole(frames: Frames, fold: Fold, cell: Cell) -> np.ndarray:
    """Frames of the patients whose ejection fraction is measured in a cell.

    All that the fold tests, of the quality that the cell tests, and does not learn from; of
    patients of whom these are both phases of both views, with masks.
    """
    there = frames.where(qualities=[cell.test])
    there = np.setdiff1d(np.intersect1d(there, fold.tested), fold.train[cell.train])
    there = with_masks(frames, there)
    patients, number = np.unique(frames.patient[there], return_counts=True)
    every = patients[number == len(VIEWS) * len(PHASES)]
    return there[np.isin(frames.patient[there], every)]


def asked(frames: Frames, fold: Fold, cell: Cell, *, ef: bool) -> np.ndarray:
    """Every frame that a cell asks a fold's segmenter about."""
    indices = drawn(frames, fold, cell)
    return np.union1d(indices, whole(frames, fold, cell)) if ef else indices


def check(frames: Frames, folds: Sequence[Fold], cell: Cell) -> None:
    """See that a cell finds masks to learn from and to compare with in some folds.

    Raises:
        InputError: a stratum is not there, or has no masks on a side.
    """
    for stratum in (cell.train, cell.test):
        if stratum not in folds[0].train:
            raise InputError(f"there are no {stratum} frames; see `echojax inspect`")
    for fold in folds:
        sides = (
            ("learn from", cell.train, with_masks(frames, fold.train[cell.train])),
            ("compare with", cell.test, drawn(frames, fold, cell)),
        )
        for what, stratum, found in sides:
            if not len(found):
                raise InputError(
                    f"study.outcomes: fold {fold.number} of protocol {fold.protocol} has no masks "
                    f"of {stratum} frames to {what}; leave dice and ef out, or prepare frames with "
                    "masks"
                )


def check_whole(frames: Frames, folds: Sequence[Fold], cells: Sequence[Cell]) -> None:
    """See that an ejection fraction can be measured at all.

    Raises:
        InputError: it cannot, in any cell or fold.
    """
    if not any(len(whole(frames, fold, cell)) for cell in cells for fold in folds):
        raise InputError(
            "study.outcomes names ef, but no patient has both views in both phases, of one quality "
            "and with masks; leave ef out, or see data.views"
        )
