"""Whether what a network starts from has learned from frames that the study tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echojax.data import frame_hash
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.recipes.learned_from import learned_by
from echojax.studies.diagnosis.folds import Fold
from echojax.wording import count


def check_init(file: Path, key: str, frames: Frames, folds: Sequence[Fold], *, sr: bool) -> None:
    """See that a file to start from, or to enhance with, has not learned from what is tested.

    Frames that the protocol itself lets a generator learn from, although they are tested
    (`paper`), do not count.

    Args:
        file: that would be used.
        key: that names it.
        frames: all frames of the study.
        folds: that would use it.
        sr: whether generators start from it, or it is for anything else.

    Raises:
        InputError: it has; the message says how many, or the file does not tell.
    """
    hashes, learned = frames.hashes, learned_by(file)
    for fold in folds:
        tested = np.setdiff1d(fold.tested, fold.sr_train) if sr else fold.tested
        known = int(frame_hash.seen(hashes[tested], learned).sum())
        if known:
            raise InputError(
                f"{key} = {file}: has learned from {known} of the {count(len(tested), 'frame')} "
                f"that fold {fold.number} of protocol {fold.protocol} tests; use a network of "
                "other frames"
            )
