"""How well each region of the wall can be seen: the grade that its physics deserves.

Two things are known of a simulated frame that nobody can measure in a real one: the power of the
echo in a region and that of the stray echo and noise beside it, apart. The grade is the lower of two,
so that a wall is as good as its worst:

- by echo over stray and noise, as the B-mode has them: at 0 dB the wall drowns, so below it is not
  visible; every further 6 dB, twice the amplitude, is a grade more, until at 18 dB what is stray can
  hardly be told in the wall's own speckle;
- by the mean of the coherence that is shown (square root of the amplitude factor): 1 for what noise
  alone has, the fourth root of 1 / elements, and 5 for speckle at the focus of a whole probe without a
  screen, in theory the root of .78; a straight line between.

These points were fixed before any grader was trained or its results seen, and not changed since.
A region of which less than half lies in the sector cannot be assessed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.inference.regions import REGIONS, divide
from echojax.simulate.elements import ELEMENTS
from echojax.simulate.view import Frames

DROWNS, A_GRADE = 0.0, 6.0  # dB: between not visible and poor, and from there on
LEAST_COHERENT, MOST_COHERENT = ELEMENTS**-0.25, 0.78**0.5
LEAST_INSIDE = 0.5
LOWEST, HIGHEST = 1.0, 5.0


class Truth(NamedTuple):
    """What is known of a frame's regions, (8,) each, in the order of `REGIONS`.

    Attributes:
        snr: echo over stray echo and noise, dB.
        coherence: mean of what is shown, in [0, 1].
        inside: share that lies in the sector.
        grades: 1 (not visible) to 5 (excellent), NaN where a region cannot be assessed.
    """

    snr: NDArray[np.float64]
    coherence: NDArray[np.float64]
    inside: NDArray[np.float64]
    grades: NDArray[np.float64]


def grade(
    snr: NDArray[np.float64], coherence: NDArray[np.float64], inside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The lower of the two grades, in [1, 5]; NaN of what lies less than half in the sector."""
    of_snr = 1.5 + (snr - DROWNS) / A_GRADE
    part = (coherence - LEAST_COHERENT) / (MOST_COHERENT - LEAST_COHERENT)
    lower = np.minimum(of_snr, LOWEST + (HIGHEST - LOWEST) * part)
    assessable = inside >= LEAST_INSIDE  # false of NaN
    return np.where(assessable, np.clip(lower, LOWEST, HIGHEST), np.nan)


def truth(frames: Frames, number: int) -> Truth:
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
        return Truth(*np.full((4, len(REGIONS)), np.nan))
    seen = regions.masks & frames.inside
    areas = seen.sum(axis=(1, 2))
    coherence, echo, stray = (
        np.array([each[number][mask].sum(dtype=float) for mask in seen])
        for each in frames.elements
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        snr, mean = 10 * np.log10(echo / stray), coherence / areas / 255
    return Truth(snr, mean, regions.inside, grade(snr, mean, regions.inside))
