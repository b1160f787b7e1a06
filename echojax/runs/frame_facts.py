"""What the frames of a run are, in its `frames.json`, so that a report can be made from disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.vocabulary import QUALITIES, UNLABELLED, VIEWS
from echojax.wording import count

if TYPE_CHECKING:
    from echojax.data.frames import Frames

NAME = "frames.json"
CAMUS = (
    "CAMUS: S. Leclerc et al., Deep Learning for Segmentation Using an Open Large-Scale Dataset in "
    "2D Echocardiography, IEEE Transactions on Medical Imaging 38(9), 2198-2210, 2019. Licence: "
    "CC BY-NC-SA 4.0, non-commercial research; pictures of its frames in this report are under the "
    "same licence."
)
SIMULATOR = "Simulated frames, made by echojax's simulator; no patient is in them."


class FrameFacts(BaseModel):
    """What a run's frames are.

    Attributes:
        frames: how many.
        persons: of how many persons.
        views: frames of each view.
        qualities: frames of each quality.
        simulated: whether they were simulated.
    """

    model_config = ConfigDict(frozen=True)

    frames: int
    persons: int
    views: dict[str, int]
    qualities: dict[str, int]
    simulated: bool

    def described(self) -> str:
        """All of it in a sentence."""
        views = ", ".join(f"{name} {n}" for name, n in self.views.items() if n)
        qualities = ", ".join(f"{name} {n}" for name, n in self.qualities.items() if n)
        frames, persons = count(self.frames, "frame"), count(self.persons, "person")
        return f"{frames} of {persons}: {views}; {qualities}."


def write(run: Path, frames: Frames) -> None:
    """Write down in a run directory what its frames are."""
    facts = FrameFacts(
        frames=len(frames),
        persons=len(set(frames.group.tolist())),
        views={name: int((frames.view == code).sum()) for code, name in enumerate(VIEWS)},
        qualities={
            # Unlabelled frames have a code of their own, which is no place in QUALITIES.
            **{name: int((frames.quality == code).sum()) for code, name in enumerate(QUALITIES)},
            UNLABELLED: int((frames.quality < 0).sum()),
        },
        simulated=bool(frames.simulated.any()),
    )
    with written_whole(run / NAME) as file:
        file.write_text(facts.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read(run: Path) -> FrameFacts | None:
    """Read what the frames of a run are; None where the run, of an older version, does not say.

    Raises:
        InputError: the file cannot be understood.
    """
    path = run / NAME
    if not path.is_file():
        return None
    try:
        return FrameFacts.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # pydantic's own are such, too
        raise InputError(f"{path}: cannot be understood ({error}); delete it") from error
