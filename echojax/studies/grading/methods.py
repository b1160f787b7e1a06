"""The methods that grade: what each makes of a frame, its whole wall and every region of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.inference.contrast import Contrast, Levels, between, levels
from echojax.inference.grade import LEAST
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import REGIONS, Regions, divide

PIXEL = ("cr", "gcnr", "cnr", "level")
NETWORKS = ("coherence", "end-to-end")
# What a method must be better than: brightness, and contrast of levels as they are.
CONTROLS = ("raw-cr", "raw-level", "sector", "thumbnail")
TRUTH = "truth"  # grades that the simulator knows
METHODS = (*NETWORKS, *PIXEL, *CONTROLS, TRUTH)
_RAW = {"raw-cr": "cr", "raw-level": "level"}
WITH_MASK = (*PIXEL, *_RAW, "coherence")
WITHOUT_MASK = ("sector", "end-to-end")


class Said(NamedTuple):
    """What a method says of a frame: higher is better, in its own unit.

    Attributes:
        whole: of the whole wall, or of the frame; nan where it says nothing.
        regions: of each of `REGIONS`, (8,), nan where a region is not assessable.
    """

    whole: float
    regions: np.ndarray


class Shown(NamedTuple):
    """A frame as methods see it.

    Attributes:
        image: uint8 (rows, columns).
        spacing: of its rows and columns, mm.
        inside: its sector, bool (rows, columns).
        mask: labels (rows, columns); None for methods that need none.
        regions: of the mask; None where it cannot be divided.
        why: why not.
    """

    image: np.ndarray
    spacing: tuple[float, float]
    inside: np.ndarray
    mask: np.ndarray | None = None
    regions: Regions | None = None
    why: str = ""

    def divided(self, mask: np.ndarray) -> Shown:
        """The same frame with a mask and, where it has some, the mask's regions."""
        try:
            found = divide(mask, self.spacing, self.inside)
        except InputError as error:
            return self._replace(mask=mask, regions=None, why=str(error))
        return self._replace(mask=mask, regions=found, why="")


NOWHERE = np.full(len(REGIONS), np.nan)


def over(shown: Shown, value: Callable[[np.ndarray], float]) -> Said:
    """What something measures of the myocardium and of its assessable regions.

    Args:
        shown: a frame with a mask.
        value: of the pixels of a mask (rows, columns); may raise `InputError`, which is nan.
    """

    def tried(mask: np.ndarray) -> float:
        try:
            return value(mask)
        except InputError:
            return float("nan")

    whole = tried(np.equal(_mask(shown), MYOCARDIUM) & shown.inside)
    if shown.regions is None:
        return Said(whole, NOWHERE)
    found = [
        tried(mask) if inside >= LEAST else float("nan")
        for mask, inside in zip(shown.regions.masks, shown.regions.inside, strict=True)
    ]
    return Said(whole, np.array(found))


def pixels(shown: Shown, wanted: Collection[str]) -> Iterator[tuple[str, Said]]:
    """What methods that need no network say of a frame.

    Args:
        shown: the frame, with a mask for all but "sector".
        wanted: names of methods; those of networks are passed over.
    """
    if "sector" in wanted:
        yield "sector", Said(float(shown.image[shown.inside].mean()), NOWHERE)
    raw = Levels(shown.image, shown.inside)
    matched = levels(shown.image, inside=shown.inside) if set(PIXEL) & set(wanted) else raw
    for name in wanted:
        if name in PIXEL:
            yield name, _contrast(shown, matched, name)
        elif name in _RAW:
            yield name, _contrast(shown, raw, _RAW[name])


def _mask(shown: Shown) -> np.ndarray:
    if shown.mask is None:
        raise ValueError("the frame has no mask")
    return shown.mask


def _contrast(shown: Shown, of: Levels, field: str) -> Said:
    cavity = np.equal(_mask(shown), LV)

    def value(region: np.ndarray) -> float:
        found: Contrast = between(of, region, cavity)
        return float(getattr(found, field))

    return over(shown, value)
