"""What masks of files measure: areas and lengths of each, volumes of those that belong together."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.inference import measures
from echojax.inference.measures import Plane
from echojax.inference.seen import Scale

_NAMED = re.compile(r"(?P<person>.+)_(?P<view>2CH|4CH)_(?P<phase>ED|ES)")  # as CAMUS's frames
_PIXEL = (1.0, 1.0)


class Measured(NamedTuple):
    """What the mask of a frame measures; a row of measures.csv.

    Attributes:
        file: the recording.
        frame: its number, from 1.
        unit: of the length, "mm" where spacing is known, else "px"; areas are in its square.
        lv_area: of the left ventricle's cavity.
        myocardium_area: of the wall.
        la_area: of the left atrium.
        lv_length: of the long axis; nan if the mask has none.
    """

    file: str
    frame: int
    unit: str
    lv_area: float
    myocardium_area: float
    la_area: float
    lv_length: float


class Volumes(NamedTuple):
    """Biplane volumes of a person; a row of volumes.csv.

    Attributes:
        person: the name that four files begin with.
        edv: end-diastolic volume, ml.
        esv: end-systolic volume, ml.
        ef: ejection fraction, %.
    """

    person: str
    edv: float
    esv: float
    ef: float


def measure(file: str, frame: int, mask: np.ndarray, scale: Scale) -> Measured:
    """Measure a mask, labels (rows, columns); in pixels where the scale is only assumed."""
    spacing = scale.spacing if scale.known else _PIXEL
    areas = measures.areas(mask, spacing)
    try:
        length = measures.long_axis(mask, spacing).length
    except InputError:
        length = math.nan
    unit = "mm" if scale.known else "px"
    return Measured(file, frame, unit, areas["lv"], areas["myocardium"], areas["la"], length)


class Planes:
    """Masks of single frames, put together by name: those of P_2CH_ED, P_2CH_ES, P_4CH_ED, ..."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[str, dict[str, Plane]] = {}

    def add(self, name: Path, mask: np.ndarray, scale: Scale) -> None:
        """Keep a mask, if its recording is named so and its scale is known."""
        found = _NAMED.fullmatch(name.name)
        if found and scale.known:
            person = str(name.with_name(found["person"]))
            plane = Plane(mask, scale.spacing)
            self._found.setdefault(person, {})[found["view"] + found["phase"]] = plane

    def volumes(self, failures: list[str]) -> Sequence[Volumes]:
        """Those of everybody who has both views at both phases.

        Args:
            failures: gets a line for each whose masks have no long axis.
        """
        rows = []
        for person, planes in self._found.items():
            if len(planes) < 4:
                continue
            try:
                edv, esv = (
                    measures.volume(planes["2CH" + phase], planes["4CH" + phase])
                    for phase in ("ED", "ES")
                )
                rows.append(Volumes(person, edv, esv, measures.ejection_fraction(edv, esv)))
            except InputError as error:
                failures.append(f"{person}: no volumes, {error}")
        return rows
