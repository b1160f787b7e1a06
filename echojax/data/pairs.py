"""Pairs of frames that show the same in two qualities, pixel by pixel."""

from collections.abc import Mapping, Sequence

import numpy as np

from echojax.data.frames import Frames
from echojax.data.source import Source
from echojax.errors import InputError
from echojax.vocabulary import PHASES, VIEWS


class Pairs:
    """Pairs of the same person, view and phase; a `Source` whose images have two channels.

    Entry k of everything belongs to pair k.

    Attributes:
        worse: the frames to be improved.
        better: what they should look like, of the same sizes.
        table: columns `group`, `view` and `phase`, as `Frames` has them.
    """

    def __init__(self, worse: Frames, better: Frames) -> None:
        """Put frames together that belong together."""
        self.worse, self.better = worse, better
        self.name = worse.name
        self.table: Mapping[str, np.ndarray] = {
            column: worse.table[column] for column in ("group", "view", "phase")
        }

    @classmethod
    def of(cls, frames: Frames, *, source: Sequence[str], target: str) -> "Pairs":
        """Every frame of some qualities with that of another one.

        Args:
            frames: in which all that a person's frames of one view and phase differ in is quality.
            source: qualities to be improved.
            target: the quality they should have.

        Raises:
            InputError: nothing has a counterpart, or two that belong together differ in size.
        """
        found: dict[tuple[str, int, int], int] = {}
        for k in frames.where(qualities=[target]):
            found.setdefault(_shown(frames, k), int(k))
        pairs = [
            (int(k), found[_shown(frames, k)])
            for k in frames.where(qualities=source)
            if _shown(frames, k) in found
        ]
        if not pairs:
            raise InputError(
                f"no {' or '.join(source)} frame has a counterpart of quality {target} of the same "
                "person, view and phase; `echojax simulate OUT --grades each` makes such frames"
            )
        for one, other in pairs:
            sizes = [frames.images[k].shape for k in (one, other)]
            if sizes[0] != sizes[1]:
                group, view, phase = _shown(frames, one)
                raise InputError(
                    f"{group}, {VIEWS[view]} {PHASES[phase]}: frames of two qualities have "
                    f"{' and '.join(f'{rows}x{columns}' for rows, columns in sizes)} pixels, so "
                    "they do not show the same pixel by pixel"
                )
        return cls(*(frames.take(indices) for indices in np.array(pairs).T))

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self.worse)

    @property
    def persons(self) -> np.ndarray:
        """Of whom they are, each once."""
        return np.unique(self.table["group"])

    @property
    def hashes(self) -> np.ndarray:
        """Of all their frames, uint8 (2 n, 48)."""
        return np.concatenate([self.worse.hashes, self.better.hashes])

    @property
    def smallest_side(self) -> int | None:
        """Of all frames, pixels; None of no pairs."""
        return self.worse.smallest_side

    def image(self, index: int) -> np.ndarray:
        """A pair, uint8 (rows, columns, 2): the worse frame, the better one."""
        return np.stack([self.worse.images[index], self.better.images[index]], axis=-1)

    def take(self, indices: Sequence[int] | np.ndarray) -> "Pairs":
        """The pairs at some indices, in that order."""
        return Pairs(self.worse.take(indices), self.better.take(indices))

    def fingerprint(self) -> str:
        """A short hash of both sides, alike only for the same pairs."""
        return f"{self.worse.fingerprint()}-{self.better.fingerprint()}"


def _shown(frames: Frames, index: int) -> tuple[str, int, int]:
    """Whose heart, in which view and phase."""
    return str(frames.group[index]), int(frames.view[index]), int(frames.phase[index])


_is_a_source: type[Source] = Pairs
