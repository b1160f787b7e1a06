"""How well each region of the wall can be seen: the grade that its physics deserves.

Two things are known of a simulated frame that nobody can measure in a real one: the power of the
echo in a region and that of the stray echo and noise beside it, apart; and how coherent the echo
before an undisturbed probe would be at that depth. The grade is the lower of two, so that a wall is
as good as its worst:

- by echo over stray and noise, as the B-mode has them: at 0 dB the wall drowns, so below it is not
  visible; every further 6 dB, twice the amplitude, is a grade more, until at 18 dB what is stray
  can hardly be told in the wall's own speckle;
- by coherence lost: the squared mean of what is shown, which is the coherence factor, under that of
  speckle before a whole probe without screen or noise at the same depth. Noise alone loses 13 dB at
  the focus, so that every 3 dB cost a grade. A channel as strong as its noise loses 3 dB, and has
  15 dB in the sum: both say 4.

These points were fixed before any grader was trained. They are the second ones: the first held
coherence against that at the focus, and called the apex of a good frame not visible that was 13 dB
over all else, since a beam is less coherent before its focus; that is no fault of the wall. A
region of which less than half lies in the sector cannot be assessed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.inference.grade_lines import HIGHEST, LOWEST
from echojax.inference.regions import REGIONS, divide
from echojax.simulate.elements import undisturbed
from echojax.simulate.sector import Sector
from echojax.simulate.view import Frames

DROWNS, A_GRADE = 0.0, 6.0  # dB: between not visible and poor, and from there on
A_GRADE_LOST = 3.0  # dB of coherence
LEAST_INSIDE = 0.5


class Truth(NamedTuple):
    """What is known of a frame's regions, (8,) each, in the order of `REGIONS`.

    Attributes:
        snr: echo over stray echo and noise, dB.
        coherence: mean of what is shown, in [0, 1].
        lost: coherence lost, dB.
        inside: share that lies in the sector.
        grades: 1 (not visible) to 5 (excellent), NaN where a region cannot be assessed.
    """

    snr: NDArray[np.float64]
    coherence: NDArray[np.float64]
    lost: NDArray[np.float64]
    inside: NDArray[np.float64]
    grades: NDArray[np.float64]


def grade(
    snr: NDArray[np.float64], lost: NDArray[np.float64], inside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The lower of the two grades, in [1, 5]; NaN of what lies less than half in the sector."""
    lower = np.minimum(1.5 + (snr - DROWNS) / A_GRADE, HIGHEST - lost / A_GRADE_LOST)
    assessable = inside >= LEAST_INSIDE  # false of NaN
    return np.where(assessable, np.clip(lower, LOWEST, HIGHEST), np.nan)


def truth(frames: Frames, sector: Sector, number: int) -> Truth:
    """What is known of one of the frames whose elements were simulated.

    NaN throughout where the mask cannot be divided.

    Raises:
        ValueError: the frames were simulated without elements.
    """
    if frames.elements is None:
        raise ValueError("these frames were simulated without elements")
    try:
        regions = divide(frames.masks[number], (frames.spacing,) * 2, frames.inside)
    except InputError:
        return Truth(*np.full((5, len(REGIONS)), np.nan))
    seen = regions.masks & frames.inside
    areas = seen.sum(axis=(1, 2))
    coherence, echo, stray = (
        np.array([each[number][mask].sum(dtype=float) for mask in seen]) for each in frames.elements
    )
    factor = undisturbed(sector, _depths(frames))
    with np.errstate(divide="ignore", invalid="ignore"):
        snr, mean = 10 * np.log10(echo / stray), coherence / areas / 255
        possible = np.array([factor[mask].sum(dtype=float) for mask in seen]) / areas
        lost = 20 * np.log10(possible / mean**2)
    return Truth(snr, mean, lost, regions.inside, grade(snr, lost, regions.inside))


def _depths(frames: Frames) -> NDArray[np.float64]:
    """How far each pixel lies from the probe, mm."""
    rows, columns = frames.inside.shape
    z = (np.arange(rows) + 0.5)[:, None]
    x = np.arange(columns) + 0.5 - columns / 2
    return np.hypot(x, z) * frames.spacing
