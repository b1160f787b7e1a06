"""Pictures and clips of recordings with masks or grades drawn over them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from echojax.inference.grade import Graded
from echojax.media import Recording, pictures
from echojax.report import overlays
from echojax.report.grade_colours import UNGRADED_COLOUR, Colour, colour_of
from echojax.report.grade_colours import legend as grades
from echojax.report.overlays import STRUCTURES, Area


def save(path: Path, drawn: Iterable[np.ndarray], recording: Recording) -> None:
    """Write pictures of the frames of a recording: one as PNG, several as a clip of its rate."""
    if recording.count == 1:
        (picture,) = drawn
        pictures.save(path, picture)
    else:
        pictures.save_clip(path, drawn, recording.frame_rate)


def of_mask(frame: np.ndarray, mask: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """The structures of a mask over their frame, with their names."""
    areas = [Area(mask == label, colour) for label, (_, colour) in enumerate(STRUCTURES, 1)]
    return _captioned(_overlaid(frame, areas, spacing), list(STRUCTURES), "")


def of_grades(graded: Graded, title: str) -> np.ndarray:
    """The regions of a frame, what their colours mean below.

    Args:
        graded: the frame.
        title: says how it was graded.
    """
    return _captioned(of_regions(graded), list(grades()), title)


def of_regions(graded: Graded) -> np.ndarray:
    """The regions of a frame in the colours of their grades; an outline where there is none."""
    seen, areas = graded.seen, []
    if seen.regions is not None:
        areas = [
            Area(mask, colour_of(grade), filled=not np.isnan(grade), text=_shown(grade))
            for mask, grade in zip(seen.regions.masks, graded.scores.grades, strict=True)
        ]
    elif seen.mask is not None:
        areas = [Area(seen.mask > 0, UNGRADED_COLOUR, filled=False)]
    return _overlaid(seen.frame, areas, seen.spacing)


def _shown(grade: float) -> str:
    return "-" if np.isnan(grade) else f"{grade:.1f}"


def _overlaid(frame: np.ndarray, areas: Sequence[Area], spacing: tuple[float, float]) -> np.ndarray:
    return overlays.overlaid(frame, areas, overlays.shown_size(frame.shape, spacing))


def _captioned(
    picture: np.ndarray, entries: Sequence[tuple[str, Colour]], title: str
) -> np.ndarray:
    return np.concatenate([picture, overlays.legend(entries, picture.shape[1], title)])
