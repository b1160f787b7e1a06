"""Whether a measure moves with what makes a frame poor, and stays where only the gain is turned.

The same simulated hearts, as a good frame shows them, with one cause at a time made worse. Gain and
the range of gray levels are no causes of poor quality: whoever turns a knob sees no more of a wall.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.inference.sector import sector
from echojax.progress import bar
from echojax.report import statistics, tables
from echojax.simulate.quality import CAUSES, RANGES, Appearance
from echojax.simulate.view import View, draw_frames, draw_view
from echojax.studies.grading import methods
from echojax.studies.grading.grades import Source
from echojax.studies.grading.labels import ordered
from echojax.studies.grading.masks import EXPERT, NO_MASK
from echojax.studies.grading.methods import Shown
from echojax.studies.grading.networks import Trained
from echojax.vocabulary import VIEWS

NAME = "causes.csv"  # in a run's tables
_SEED, _ROWS = 77, 160
BASE = "nothing"
# What a knob does to a good frame: receiver gain and displayed range, dB more; gray levels, times.
_GAIN, _RANGE, _FACTOR = 6.0, -10.0, 1.25
# Each cause alone, as far as the poorest frames have it, or farther where all frames have it alike.
WORSE = {
    "chest_wall": 15.0,
    "attenuation": 1.2,
    "aperture": 0.45,
    "noise": 4.0,
    "haze": -36.0,
    "clutter": -12.0,
    "edge_loss": 18.0,
    "shadow": 13.0,
    "dropout": 8.0,
}
GAINS = ("gain", "dynamic_range", "gray levels")


class Cause(NamedTuple):
    """What a method says of a heart with one thing changed.

    Attributes:
        heart: its number.
        changed: "nothing", one of `GAINS`, or a cause of `WORSE`.
        method: one of `methods.METHODS`.
        masks: that it was given.
        score: mean over regions, or of the frame where it says nothing of regions.
    """

    heart: int
    changed: str
    method: str
    masks: str
    score: float


class CauseRow(NamedTuple):
    """How far a change moves a method's measure.

    Attributes:
        changed: one of `GAINS`, or a cause.
        method: that measures.
        masks: that it was given.
        change: mean, in deviations of the measure between hearts as a good frame shows them; with
            its interval over hearts.
        hearts: how many.
    """

    changed: str
    method: str
    masks: str
    change: float
    low: float
    high: float
    hearts: int


def measure(hearts: int, networks: Mapping[str, Trained]) -> Iterator[Cause]:
    """Simulate hearts and let every method see them; views alternate, end-diastole."""
    with bar("Varying causes", hearts) as progress:
        for heart in range(hearts):
            base = _good(draw_view(_SEED, heart, VIEWS[heart % len(VIEWS)], "Good"))
            for changed, view in _views(base):
                yield from _scores(heart, changed, view, networks)
            progress.advance()


def _good(view: View) -> View:
    """A view whose causes are those in the middle of good frames."""
    middle = {cause: float(np.mean(RANGES["Good"][cause])) for cause in CAUSES}
    return dataclasses.replace(view, appearance=Appearance(**middle))


def _views(base: View) -> Iterator[tuple[str, View]]:
    yield BASE, base
    yield GAINS[2], base  # changed when it is a picture
    by = {GAINS[0]: base.appearance.gain + _GAIN, GAINS[1]: base.appearance.dynamic_range + _RANGE}
    for cause, value in (by | WORSE).items():
        appearance = dataclasses.replace(base.appearance, **{cause: value})
        yield cause, dataclasses.replace(base, appearance=appearance)


def _scores(
    heart: int, changed: str, view: View, networks: Mapping[str, Trained]
) -> Iterator[Cause]:
    frames = draw_frames(view, _ROWS)
    image = frames.images[0]
    inside = sector(image)
    if changed == GAINS[2]:
        image = np.clip(np.round(_FACTOR * image.astype(np.float32)), 0, 255).astype(np.uint8)
    plain = Shown(image, (frames.spacing, frames.spacing), inside)
    for kind in (EXPERT, NO_MASK):
        shown = plain.divided(frames.masks[0]) if kind == EXPERT else plain
        wanted = methods.WITH_MASK if kind == EXPERT else methods.WITHOUT_MASK
        every = dict(methods.pixels(shown, wanted))
        every |= {name: of.simulated(shown) for name, of in networks.items() if name in wanted}
        for name, found in every.items():
            known = found.regions[~np.isnan(found.regions)]
            score = float(known.mean() if len(known) else found.whole)
            yield Cause(heart, changed, name, kind, score)


def write(run: Path, rows: list[Cause]) -> None:
    """Write scores into the tables of a run."""
    tables.write(run / "tables" / NAME, Cause._fields, map(Cause._asdict, rows))


def read(run: Path) -> list[Cause]:
    """Read what `write` wrote; nothing where no heart was simulated."""
    return tables.read_rows(run / "tables" / NAME, Cause)


def cause_rows(scores: list[Cause]) -> list[CauseRow]:
    """A row a method and change, gain first."""
    by: dict[Source, dict[str, dict[int, float]]] = {}
    for each in scores:
        of = by.setdefault(Source(each.masks, each.method), {})
        of.setdefault(each.changed, {})[each.heart] = each.score
    rows = []
    for source in ordered(list(by)):
        base = by[source].get(BASE, {})
        spread = float(np.std(list(base.values()))) if base else 0.0
        for changed in (*GAINS, *WORSE):
            after = by[source].get(changed, {})
            hearts = [heart for heart in after if heart in base]
            if not hearts or not spread:
                continue
            moved = np.array([after[heart] - base[heart] for heart in hearts]) / spread
            found = statistics.mean(moved, np.array(hearts))
            rows.append(CauseRow(changed, source.method, source.masks, *found, len(hearts)))
    return rows
