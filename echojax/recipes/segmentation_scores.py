"""The table of how well masks agree with those of experts: `segmentation.csv` of a run."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.data.frames import UNLABELLED, Frames
from echojax.files import written_whole
from echojax.inference.overlap import STRUCTURES, Agreement, agreement
from echojax.report.statistics import Estimate, mean
from echojax.vocabulary import PHASES, QUALITIES, VIEWS

_MEASURES = {"dice": 4, "hausdorff": 2, "hausdorff_95": 2}  # and how many decimals they are given
_WORDS = ("patient", "group", "view", "phase", "quality", "fold", "unit")


class Row(NamedTuple):
    """A frame whose mask was made by a network that never saw its person.

    Attributes:
        patient: its id.
        group: the person.
        view: "2CH" or "4CH".
        phase: "ED" or "ES".
        quality: "good", "medium", "poor" or "unlabelled".
        fold: name of the network, as "fold0".
        unit: of distances, "mm", or "px" where the spacing of pixels is not known.
        structures: how well the mask of each agrees.
    """

    patient: str
    group: str
    view: str
    phase: str
    quality: str
    fold: str
    unit: str
    structures: Mapping[str, Agreement]


def rows(frames: Frames, masks: Sequence[np.ndarray], fold: str) -> list[Row]:
    """Compare masks with those that frames have; frames without one are left out."""
    found = []
    for k, mask in enumerate(masks):
        truth = frames.mask(k)
        if truth is None:
            continue
        spacing = frames.spacing[k]
        quality = int(frames.quality[k])
        found.append(
            Row(
                str(frames.patient[k]),
                str(frames.group[k]),
                VIEWS[frames.view[k]],
                PHASES[frames.phase[k]],
                "unlabelled" if quality == UNLABELLED else QUALITIES[quality],
                fold,
                # Files have a spacing of exactly 1 x 1 that know none.
                "px" if np.all(spacing == 1) else "mm",
                agreement(mask, truth, spacing),
            )
        )
    return found


def write(path: Path, table: Sequence[Row]) -> None:
    """Write rows as CSV; what cannot be said stays empty."""
    with written_whole(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_WORDS, *(f"{m}_{name}" for m in _MEASURES for name in STRUCTURES)])
        for row in table:
            values = [
                _number(getattr(row.structures[name], measure), decimals)
                for measure, decimals in _MEASURES.items()
                for name in STRUCTURES
            ]
            writer.writerow([*(getattr(row, word) for word in _WORDS), *values])


def _number(value: float, decimals: int) -> str:
    return "" if np.isnan(value) else f"{value:.{decimals}f}"


def read(path: Path) -> list[Row]:
    """Read what `write` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(structures=_structures(line), **{word: line[word] for word in _WORDS})
            for line in csv.DictReader(file)
        ]


def _structures(line: Mapping[str, str]) -> dict[str, Agreement]:
    return {
        name: Agreement(*(float(line[f"{m}_{name}"] or "nan") for m in _MEASURES))
        for name in STRUCTURES
    }


class Summary(NamedTuple):
    """Some frames: how many, of how many persons, and the mean of a measure per structure."""

    name: str
    frames: int
    persons: int
    structures: Mapping[str, Estimate]


def summaries(table: Sequence[Row], measure: str = "dice") -> list[Summary]:
    """Means of a measure over all frames, then by view, phase and quality, where there are any.

    Intervals are over persons, whose frames are alike.

    Args:
        table: of frames.
        measure: "dice", "hausdorff" or "hausdorff_95".
    """
    groups = {"all": list(table)}
    for column, words in (
        ("view", VIEWS),
        ("phase", PHASES),
        ("quality", (*QUALITIES, "unlabelled")),
    ):
        for word in words:
            groups[word] = [row for row in table if getattr(row, column) == word]
    return [
        Summary(
            name,
            len(some),
            len({row.group for row in some}),
            {structure: _mean(some, structure, measure) for structure in STRUCTURES},
        )
        for name, some in groups.items()
        if some
    ]


def _mean(table: Sequence[Row], structure: str, measure: str) -> Estimate:
    values = np.array([getattr(row.structures[structure], measure) for row in table])
    persons = np.array([row.group for row in table])
    known = ~np.isnan(values)
    return mean(values[known], persons[known])
