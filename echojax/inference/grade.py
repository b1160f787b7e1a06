"""Grading the quality of a frame region by region, and of a clip frame by frame.

After Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025). What has no grade says why.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.inference import arqee_regions
from echojax.inference.grade_lines import Scores
from echojax.inference.regions import REGIONS, divide, key_points, smoothed
from echojax.inference.scorers import Scorer, Seen
from echojax.inference.sector import sector
from echojax.resize import resize_gray

LEAST = 0.5  # of a region must lie in the sector
REACH = 2  # frames to either side that key points of a clip are averaged over
RECENT = 0.1  # seconds that frames of a stream may be apart for that


class Graded(NamedTuple):
    """A frame's regions and their grades.

    Attributes:
        seen: the frame.
        scores: grades and their intervals, nan where there is a reason.
        reasons: why a region has no grade, (8,); empty where it has one.
    """

    seen: Seen
    scores: Scores
    reasons: tuple[str, ...]


def grade_as_arqee(
    frames: Iterable[tuple[np.ndarray, np.ndarray | None]],
    spacing: tuple[float, float],
    scorer: Scorer,
) -> Iterator[Graded]:
    """As `grade`, by the published program's rule: squares of 256 pixels, its regions of each."""
    side = arqee_regions.SIDE
    for frame, mask in frames:
        small = resize_gray(frame, (side, side))
        inside, regions, reason = sector(small), None, ""
        if mask is not None:
            rows, columns = (np.arange(side) * n // side for n in mask.shape)
            mask = mask[np.ix_(rows, columns)]
            try:
                regions = arqee_regions.divide(mask, inside)
            except InputError as error:
                reason = str(error)
        height, width = (n * step / side for n, step in zip(frame.shape, spacing, strict=True))
        yield assess(Seen(small, inside, mask, regions, (height, width)), scorer, reason)


class _Waiting(NamedTuple):
    """A frame whose neighbours are not known yet."""

    frame: np.ndarray
    mask: np.ndarray | None
    points: np.ndarray | None
    reason: str


def grade(
    frames: Iterable[tuple[np.ndarray, np.ndarray | None]],
    spacing: tuple[float, float],
    scorer: Scorer,
    *,
    clip: bool,
) -> Iterator[Graded]:
    """Grade frames one at a time; no more of them are kept than key points are averaged over.

    Args:
        frames: uint8 (rows, columns) with the mask of each, labels of the same shape, or None.
        spacing: mm between rows and between columns.
        scorer: the method.
        clip: whether frames follow each other in time, so that key points are smoothed.
    """
    reach = REACH if clip else 0
    window: deque[_Waiting] = deque(maxlen=2 * reach + 1)
    ahead = 0  # frames of the window that are still to be graded
    for frame, mask in frames:
        window.append(_located(frame, mask, spacing))
        ahead += 1
        if ahead > reach:
            yield _graded(window, ahead, spacing, scorer)
            ahead -= 1
    while ahead:
        # Frames that are out of reach by now no longer count.
        while len(window) - ahead > reach:
            window.popleft()
        yield _graded(window, ahead, spacing, scorer)
        ahead -= 1


class Following:
    """Grades frames as they come, none of which waits for those after it.

    Key points are averaged with those of the frames just before.
    """

    def __init__(self, scorer: Scorer) -> None:
        """Begin.

        Args:
            scorer: the method.
        """
        self._scorer = scorer
        self._known: deque[tuple[float, _Waiting]] = deque(maxlen=REACH + 1)

    def __call__(
        self,
        frame: np.ndarray,
        mask: np.ndarray | None,
        spacing: tuple[float, float],
        moment: float,
    ) -> Graded:
        """Grade a frame.

        Args:
            frame: uint8 (rows, columns).
            mask: labels of the same shape, or None.
            spacing: mm between rows and between columns.
            moment: seconds, when it was taken; in a clip that begins anew, they go back.
        """
        self._known.append((moment, _located(frame, mask, spacing)))
        # Where frames are far apart the heart has moved on, and its points with it.
        window = deque(
            each
            for then, each in self._known
            if 0 <= moment - then <= RECENT and each.frame.shape == frame.shape
        )
        return _graded(window, 1, spacing, self._scorer)


def _located(frame: np.ndarray, mask: np.ndarray | None, spacing: tuple[float, float]) -> _Waiting:
    if mask is None:
        return _Waiting(frame, None, None, "")
    try:
        return _Waiting(frame, mask, key_points(mask, spacing), "")
    except InputError as error:
        return _Waiting(frame, mask, None, str(error))


def _graded(
    window: deque[_Waiting], ahead: int, spacing: tuple[float, float], scorer: Scorer
) -> Graded:
    own = window[len(window) - ahead]
    inside = sector(own.frame)
    reason, regions = own.reason, None
    if own.mask is not None and own.points is not None:
        points = smoothed([each.points for each in window], REACH)[len(window) - ahead]
        try:
            regions = divide(own.mask, spacing, inside, points)
        except InputError as error:
            reason = str(error)
    return assess(Seen(own.frame, inside, own.mask, regions, spacing), scorer, reason)


def assess(seen: Seen, scorer: Scorer, reason: str = "") -> Graded:
    """Grade one frame.

    Args:
        seen: the frame.
        scorer: the method.
        reason: why it has no regions, if it has a mask that cannot be divided.
    """
    if seen.regions is None and (reason or scorer.needs_mask):
        return _without(seen, reason or "no mask says where its regions are")
    scores = scorer(seen)
    inside = np.ones(len(REGIONS)) if seen.regions is None else seen.regions.inside
    reasons = tuple(map(_reason, inside, scores.grades))
    kept = np.array([not reason for reason in reasons])
    return Graded(seen, Scores(*(np.where(kept, each, np.nan) for each in scores)), reasons)


def _reason(inside: float, grade: float) -> str:
    if np.isnan(inside):
        return "the mask has no pixel of it"
    if inside < LEAST:
        return f"{inside:.0%} of it lies in the sector, less than half"
    return "it has nothing to measure" if np.isnan(grade) else ""


def _without(seen: Seen, reason: str) -> Graded:
    nothing = np.full(len(REGIONS), np.nan)
    return Graded(seen, Scores(nothing, nothing, nothing), (reason,) * len(REGIONS))
