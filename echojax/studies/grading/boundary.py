"""How far automatic borders lie from expert ones in each region, and whether grades tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import REGIONS, WALLS, Regions, contour
from echojax.report import statistics, tables
from echojax.studies.grading import agreement
from echojax.studies.grading.grades import Grades, Key
from echojax.studies.grading.labels import Floats, ordered
from echojax.studies.grading.masks import EXPERT
from echojax.studies.grading.methods import TRUTH
from echojax.vocabulary import NONE, QUALITIES

NAME = "boundary.csv"  # in a run's tables
BORDERS = ("endocardium", "epicardium")
_NEAR = 1.5  # pixels from a border to the wall beside it: what is farther is the valve plane


class Border(NamedTuple):
    """Mean distance of an expert's border to the automatic one, in a region of a frame.

    Attributes:
        frame: its id.
        patient: the person.
        quality: of its view.
        border: "endocardium" or "epicardium".
        region: one of the walls of `REGIONS`.
        distance: mm, or pixels where the spacing is not known.
    """

    frame: str
    patient: str
    quality: str
    border: str
    region: str
    distance: float


class BorderRow(NamedTuple):
    """Distances of borders, and how they go with grades of the same regions.

    Attributes:
        border: "endocardium" or "epicardium".
        by: a method, whose measure is correlated with the distance; or "quality".
        region: a wall, "all" of them; or, by quality, its word.
        value: Spearman's correlation (negative where good regions have near borders); by quality,
            the mean distance; with its interval by patient.
        regions: how many.
        patients: of how many persons.
    """

    border: str
    by: str
    region: str
    value: float
    low: float
    high: float
    regions: int
    patients: int


def measure(
    key: Key,
    expert: np.ndarray,
    automatic: np.ndarray,
    regions: Regions,
    spacing: tuple[float, float],
) -> Iterator[Border]:
    """Distances in a frame; none of a border that the automatic mask does not have.

    Args:
        key: of the frame.
        expert: labels (rows, columns).
        automatic: labels (rows, columns).
        regions: of the expert's mask.
        spacing: of rows and columns.
    """
    from scipy.spatial import cKDTree  # takes a tenth of a second

    walls = np.argwhere(regions.masks[:WALLS].any(axis=0))
    if not len(walls):
        return
    which = regions.masks[:WALLS].argmax(axis=0)[tuple(walls.T)]
    beside = cKDTree(walls)
    for border, labels in zip(BORDERS, ((LV,), (LV, MYOCARDIUM)), strict=True):
        try:
            own, other = (contour(np.isin(mask, labels)) for mask in (expert, automatic))
        except InputError:
            continue
        near, nearest = beside.query(own)
        distance = cKDTree(other * np.asarray(spacing)).query(own * np.asarray(spacing))[0]
        for number, region in enumerate(REGIONS[:WALLS]):
            mine = (near <= _NEAR) & (which[nearest] == number)
            if mine.any():
                mean = float(distance[mine].mean())
                yield Border(key.frame, key.patient, key.quality, border, region, mean)


def write(run: Path, rows: list[Border]) -> None:
    """Write distances into the tables of a run."""
    tables.write(run / "tables" / NAME, Border._fields, map(Border._asdict, rows))


def read(run: Path) -> list[Border]:
    """Read what `write` wrote; nothing where there were no automatic masks."""
    return tables.read_rows(run / "tables" / NAME, Border)


def border_rows(borders: list[Border], found: Grades) -> list[BorderRow]:
    """Mean distances by quality, then the correlation with every method's measure of a region."""
    rows = []
    plain = found.of(enhancement=NONE)
    for border in BORDERS:
        own = [each for each in borders if each.border == border]
        if not own:
            continue
        rows += list(_by_quality(border, own))
        for source in ordered(plain.sources()):
            if source.masks != EXPERT and source.method != TRUTH:
                rows += list(_by_method(border, own, plain.of(**source._asdict()), source.method))
    return rows


def _by_quality(border: str, own: list[Border]) -> Iterator[BorderRow]:
    distance, patient, quality = _columns(own)
    for word in ("all", *QUALITIES):
        chosen = np.full(len(own), True) if word == "all" else quality == word
        if chosen.any():
            mean = statistics.mean(distance[chosen], patient[chosen])
            many = int(chosen.sum()), len(np.unique(patient[chosen]))
            yield BorderRow(border, "quality", word, *mean, *many)


def _by_method(border: str, own: list[Border], scores: Grades, method: str) -> Iterator[BorderRow]:
    place = {frame: number for number, frame in enumerate(scores["frame"].tolist())}
    distance, patient, _ = _columns(own)
    value = np.array(
        [
            scores.regions[place[each.frame], REGIONS.index(each.region)]
            if each.frame in place
            else np.nan
            for each in own
        ]
    )
    region = np.array([each.region for each in own])
    for name in ("all", *REGIONS[:WALLS]):
        chosen = ~np.isnan(value) & ((name == "all") | (region == name))
        if chosen.any():
            columns = (patient[chosen], value[chosen], distance[chosen])
            rho = agreement.by_patient(agreement.spearman, *columns)
            many = int(chosen.sum()), len(np.unique(patient[chosen]))
            yield BorderRow(border, method, name, *rho, *many)


def _columns(own: list[Border]) -> tuple[Floats, NDArray[np.str_], NDArray[np.str_]]:
    return (
        np.array([each.distance for each in own]),
        np.array([each.patient for each in own]),
        np.array([each.quality for each in own]),
    )
