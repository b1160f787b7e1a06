"""What each outcome of masks is worth in every answer of a study, from `overlaps.csv`."""

from __future__ import annotations

import numpy as np

from echojax.errors import InputError
from echojax.inference.measures import disc_volume, ejection_fraction
from echojax.studies.diagnosis.cell_rows import CellRows
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.overlaps import DICE, Overlaps, discs_of
from echojax.vocabulary import PHASES, VIEWS

_KEY = ("frame", "patient", *Cell._fields, "fold", "seed")
_Discs = dict[tuple[str, str], str]  # by view and phase, as text


class Values(CellRows):
    """Values by column: those of `Cell`, fold, seed, patient, frame and value.

    `frame` is what has a value: a frame, or the recordings of a patient by their id. `value` is nan
    where masks of the network give none.
    """


def values(rows: Overlaps, outcome: str) -> Values:
    """One of `outcomes.OF_MASKS` in every answer that it is measured in.

    Dice is that of frames of balanced strata, where either mask has the structure; "dice" is the
    mean of the structures. The error of the ejection fraction is the absolute difference from that
    of the expert's masks, both by discs in both views, in points.
    """
    if outcome == "ef_error":
        return _errors(rows)
    return _dice(rows, DICE if outcome == "dice" else (outcome,))


def _dice(rows: Overlaps, columns: tuple[str, ...]) -> Values:
    every = np.stack([rows[name] for name in columns], axis=1)
    known = (rows["drawn"] == 1) & ~np.isnan(every).all(axis=1)
    own = rows.take(np.flatnonzero(known))
    found = np.nanmean(every[known], axis=1)
    return Values({**{name: own[name] for name in _KEY}, "value": found})


def _errors(rows: Overlaps) -> Values:
    found: dict[tuple[str, ...], tuple[_Discs, _Discs]] = {}
    columns = (*_KEY, "view", "phase", "discs", "expert_discs")
    for frame, *rest, view, phase, own, expert in rows.tuples(*columns):
        if expert:
            key = frame.removesuffix(f"_{view}_{phase}"), *rest
            masks = found.setdefault(key, ({}, {}))
            for kept, discs in zip(masks, (own, expert), strict=True):
                kept[view, phase] = discs
    truths: dict[str, float] = {}
    lines, errors = [], []
    for key, (own, expert) in found.items():
        if key[0] not in truths:
            truths[key[0]] = _fraction(expert)
        if not np.isnan(truths[key[0]]):
            lines.append(key)
            errors.append(abs(_fraction(own) - truths[key[0]]))
    named = list(zip(*lines, strict=True)) or [()] * len(_KEY)
    integers = ("fold", "seed")
    return Values(
        {
            **{
                name: np.array(v, np.int64 if name in integers else str)
                for name, v in zip(_KEY, named, strict=True)
            },
            "value": np.array(errors, np.float64),
        }
    )


def _fraction(discs: _Discs) -> float:
    """The biplane ejection fraction, %; nan where a mask gives no discs, or there is none."""
    found = {place: discs_of(discs.get(place, "")) for view in VIEWS for place in _of(view)}
    volumes = []
    for phase in PHASES:
        two, four = (found[view, phase] for view in VIEWS)
        if two is None or four is None:
            return float("nan")
        volumes.append(disc_volume(two, four))
    try:
        return ejection_fraction(*volumes)
    except InputError:
        return float("nan")


def _of(view: str) -> list[tuple[str, str]]:
    return [(view, phase) for phase in PHASES]
