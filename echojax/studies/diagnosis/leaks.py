"""Whether what a network starts from has learned from frames that the study tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echojax.data import frame_hash
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.studies.diagnosis.folds import Fold
from echojax.weights import model_card, networks
from echojax.wording import count

LEARNED_FROM = model_card.LEARNED_FROM
NO_FRAMES = frame_hash.from_text("")


def card_of(learned: np.ndarray, init: Path | None) -> dict[str, str]:
    """What a network's file must say for these questions: hashes of all frames it learned from.

    Args:
        learned: hashes of the frames of its own training, (n, k).
        init: the file that it started from, whose frames it has learned from, too.
    """
    earlier = [] if init is None else [learned_by(init)]
    return {LEARNED_FROM: frame_hash.to_text(np.concatenate([learned, *earlier]))}


def learned_by(file: Path) -> np.ndarray:
    """Hashes of the echo frames that a file says its network has learned from.

    Raises:
        InputError: it learned from echo frames and does not say from which.
    """
    card = networks.card(file)
    if LEARNED_FROM in card:
        return frame_hash.from_text(card[LEARNED_FROM])
    if "data" in card:
        raise InputError(
            f"{file}: was trained by an older echojax and does not tell from which frames, so it "
            "cannot be seen whether they are tested here; train it again"
        )
    return NO_FRAMES


def seen(file: Path, frames: Frames) -> int:
    """How many of some frames the network of a file has learned from.

    Raises:
        InputError: as `learned_by`.
    """
    return int(frame_hash.seen(frames.hashes, learned_by(file)).sum())


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
