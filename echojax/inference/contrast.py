"""How a region of the wall stands out from the cavity: pixel measures of image quality.

Levels are compared after the frame's histogram was matched to a normal distribution, so that gain
and compression do not decide. The generalised contrast-to-noise ratio is one minus the overlap of
two histograms (Rodriguez-Molares et al., IEEE TUFFC 67, 2020). The rule "arqee" repeats what the
public code of Van De Vyver et al. (Ultrasound in Medicine & Biology 51, 2025) computes instead:
histograms are matched with the black around the sector, and half the overlap is taken off.
"""

from typing import Literal, NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.inference.sector import sector

Rule = Literal["literature", "arqee"]
MEAN, SPREAD = 127.0, 32.0  # gray levels of the normal distribution
_LEVELS = 256


class Contrast(NamedTuple):
    """A region against the cavity.

    Attributes:
        level: mean gray level of the region, matched, in [0, 255].
        cr: contrast ratio, its mean level over that of the cavity.
        cnr: contrast-to-noise ratio, the difference of means over the root of summed variances.
        gcnr: generalised contrast-to-noise ratio: 0 where histograms are the same, 1 where they
            share nothing; from 0.5 on by the rule "arqee".
    """

    level: float
    cr: float
    cnr: float
    gcnr: float


def matched(frame: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    """A frame whose gray levels follow a normal distribution, mean 127 and deviation 32.

    Every level goes to the one whose share of darker pixels is nearest.

    Args:
        frame: uint8 (rows, columns).
        inside: the pixels that count; all by default. The others stay as they are.

    Returns:
        uint8 (rows, columns).
    """
    from scipy.special import ndtr  # takes a tenth of a second

    inside = np.ones(frame.shape, bool) if inside is None else inside
    counts = np.bincount(frame[inside], minlength=_LEVELS)
    share = np.cumsum(counts) / counts.sum()
    normal = ndtr((np.arange(_LEVELS) - MEAN) / SPREAD)
    to = np.abs(share[:, None] - normal).argmin(axis=1).astype(np.uint8)
    return np.where(inside, to[frame], frame)


class Levels(NamedTuple):
    """A frame as it is measured: its matched levels, and which of its pixels count."""

    values: np.ndarray
    inside: np.ndarray


def levels(
    frame: np.ndarray, rule: Rule = "literature", inside: np.ndarray | None = None
) -> Levels:
    """Match a frame, uint8 (rows, columns), once for all of its regions.

    Args:
        frame: to be measured.
        rule: "literature" or "arqee".
        inside: its sector, if that is known already.
    """
    if rule == "literature":
        inside = sector(frame) if inside is None else inside
        return Levels(matched(frame, inside), inside)
    values = matched(frame)
    return Levels(values, values > 0)


def contrast(
    frame: np.ndarray, region: np.ndarray, cavity: np.ndarray, rule: Rule = "literature"
) -> Contrast:
    """Measure a region against the cavity.

    Args:
        frame: uint8 (rows, columns).
        region: mask of the region (rows, columns); what is outside the sector does not count.
        cavity: mask of the cavity.
        rule: "literature" or "arqee".

    Raises:
        InputError: the region or the cavity has no pixel in the sector.
    """
    return between(levels(frame, rule), region, cavity, rule)


def between(
    levels: Levels, region: np.ndarray, cavity: np.ndarray, rule: Rule = "literature"
) -> Contrast:
    """As `contrast`, of levels that are matched already by the same rule."""
    one, other = (levels.values[mask & levels.inside] for mask in (region, cavity))
    for name, values in (("region", one), ("cavity", other)):
        if not len(values):
            raise InputError(f"the {name} has no pixel inside the sector")
    shares = [np.bincount(values, minlength=_LEVELS) / len(values) for values in (one, other)]
    overlap = np.minimum(*shares).sum() / (2 if rule == "arqee" else 1)
    difference = one.mean() - other.mean()
    noise = np.sqrt(one.var() + other.var())
    with np.errstate(divide="ignore", invalid="ignore"):
        return Contrast(
            float(one.mean()),
            float(np.float64(one.mean()) / other.mean()),
            float(np.float64(difference) / noise),
            float(1 - overlap),
        )
