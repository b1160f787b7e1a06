"""From which echo frames the network of a file has learned: hashes of them, on its card."""

from pathlib import Path

import numpy as np

from echojax.data import frame_hash
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.weights import model_card, networks

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


def seen(file: Path, frames: Frames) -> np.ndarray:
    """Which of some frames the network of a file has learned from, bool (n,).

    Raises:
        InputError: as `learned_by`.
    """
    return frame_hash.seen(frames.hashes, learned_by(file))
