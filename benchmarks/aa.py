"""Where nothing differs, how often does an interval say that something does?

    python benchmarks/aa.py             # on made predictions, whose truth is known
    python benchmarks/aa.py RUN         # on the predictions of a run

Of a run, seeds are compared with seeds of the same classifier (what training alone does), and
answers with and without enhancement after their signs were exchanged by chance, patient by patient
(what choosing patients alone does). 95 % intervals should exclude zero in about one of twenty
repetitions. Where fewer than 6 patients differ nothing could: even if all of them go one way,
chance alone does that more often. Such cells are counted, and not judged. Later seeds should be as
good as earlier ones; if they are not, their answers know what they should not. Exit code 1 where a
rate lies outside 2 to 8 %, or seeds differ.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax import text_table
from echojax.report.crossed import Estimate, Scores, estimate, numbered, spreads
from echojax.studies.diagnosis import predictions
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.scoring import differences
from echojax.vocabulary import NONE

REPETITIONS = 200
SOUND = 0.02, 0.08
LEAST_CHANGED = 6  # patients; 2 * 0.5**5 is above 5 %
LUCK = 0.001  # p of what is called no chance any more
# How far trainings of three made classifiers lie apart, logits, and how much of that variance is
# the same on every stratum.
ALIKE, UNLIKE = (0.4, 0.4, 0.4), (0.2, 0.4, 0.8)
SHARED = 0.5

# Cells of one sort, each after minus before.
Draw = Callable[[np.random.Generator], list[Scores]]


class Rates(NamedTuple):
    """Shares of intervals that exclude zero, nan where there is none that could.

    Attributes:
        single: of single cells.
        mean: of the mean of all cells.
        judged: share of the cells that differ for enough patients.
    """

    single: float
    mean: float
    judged: float


def rates(draw: Draw, repetitions: int = REPETITIONS) -> Rates:
    """How often intervals of single cells, and of their mean, exclude zero."""
    single, mean, judged = [], [], []
    for number in range(repetitions):
        cells = draw(np.random.default_rng([0, number]))
        known = spreads([cell] for cell in cells)
        enough = [cell for cell in cells if changed(cell) >= LEAST_CHANGED]
        judged.append(len(enough) / len(cells))
        single += [estimate([cell], known) for cell in enough]
        if changed(*cells) >= LEAST_CHANGED:
            mean.append(estimate(cells))
    return Rates(excluding(single), excluding(mean), float(np.mean(judged)))


def changed(*cells: Scores) -> int:
    """How many patients are better or worse after than before, all answers taken together."""
    patient, patients = numbered(np.concatenate([cell.patient for cell in cells]))
    sums = np.bincount(patient, np.concatenate([cell.score for cell in cells]), patients)
    return int(np.count_nonzero(sums))


def excluding(found: Sequence[Estimate]) -> float:
    """Share of intervals that leave out zero, of those that could be given."""
    given = [each for each in found if not np.isnan(each.low)]
    return float(np.mean([each.low > 0 or each.high < 0 for each in given] or [np.nan]))


def made(
    side: str,
    *,
    seeds: int,
    luck: Sequence[float] = ALIKE,
    strata: int = 3,
    folds: int = 1,
    patients: int = 50,
    gain: float = 0.0,
) -> Draw:
    """Predictions of which the truth is known, before and after.

    Patients differ in how hard they are, trainings in how good they became, on all strata and on
    each, and so does each training on each patient, about as in the quickstart's runs.

    Args:
        side: "train" for two trainings each, "test" for one training's answers twice, of which one
            in five is given anew.
        seeds: trainings of each classifier.
        luck: how far those of each classifier lie apart, logits.
        strata: that each classifier is asked about, of other patients.
        folds: the patients are shared out among them.
        patients: of a stratum, with four frames each.
        gain: of accuracy after, in [0, 1].
    """

    def draw(rng: np.random.Generator) -> list[Scores]:
        hard = rng.normal(1.5, 1.0, (strata, patients))
        fold = np.arange(patients) % folds
        cells = []
        for classifier, spread in enumerate(luck):
            one, other = rng.normal(0, spread, (2, folds, seeds))
            for stratum in range(strata):
                cell = asked(rng, hard[stratum], fold, one, other, spread)
                cell.patient[:] += stratum * patients
                cell.repeated[:] += classifier * folds
                cell.sort[:] += classifier * (side == "train")
                cells.append(cell)
        return cells

    def asked(
        rng: np.random.Generator,
        hard: np.ndarray,
        fold: np.ndarray,
        one: np.ndarray,
        other: np.ndarray,
        spread: float,
    ) -> Scores:
        def chances(luck: np.ndarray) -> np.ndarray:  # (patients, seeds, frames)
            here = np.sqrt(SHARED) * luck + np.sqrt(1 - SHARED) * rng.normal(0, spread, luck.shape)
            both = rng.normal(0, 0.5, (patients, seeds))
            chance = 1 / (1 + np.exp(-(hard[:, None] + here[fold] + both)))
            return np.repeat(chance[..., None], 4, axis=2)

        chance = chances(one)
        before = rng.random(chance.shape) < chance
        again = rng.random(chance.shape) < (chances(other) if side == "train" else chance)
        kept = (side == "test") & (rng.random(chance.shape) < 0.8)
        after = np.where(kept, before, again)
        helped = ~after & (rng.random(after.shape) < gain / np.mean(~after))
        score = (after | helped).astype(float) - before
        patient, seed, _ = (each.ravel() for each in np.indices(score.shape))
        none = np.zeros_like(patient)
        return Scores(score.ravel(), patient, fold[patient], seed, none)

    return draw


def of_run(found: Predictions) -> Iterator[tuple[str, Draw]]:
    """What is compared in a run, and how a repetition is drawn."""
    cells = found.cells()
    # Task by task, as reports pool what they know of trainings: luck is worth more in one.
    plain: dict[str, list[tuple[Cell, Predictions]]] = {}
    enhanced: dict[str, list[tuple[Cell, Predictions, Predictions]]] = {}
    for cell, rows in cells.items():
        if cell.sr == NONE:
            plain.setdefault(f"seeds, {cell.task}", []).append((cell, rows))
        elif cell.sr_on == "test" and cell.baseline() in cells:
            sort = enhanced.setdefault(f"patients, {cell.task}, {cell.sr}, {cell.mode}", [])
            sort.append((cell, cells[cell.baseline()], rows))
    for name, pairs in plain.items():
        yield name, lambda rng, pairs=pairs: _seeds(pairs, rng)  # type: ignore[misc]
    for name, chosen in enhanced.items():
        yield name, lambda rng, chosen=chosen: _exchanged(rng, chosen)  # type: ignore[misc]


def _scores(cell: Cell, before: Predictions, after: Predictions, *key: str) -> Scores:
    at = predictions.match(before, after, *key)
    return differences(cell, before.take(at[0]), after.take(at[1]))


def in_order(found: Predictions) -> Estimate:
    """Mean over the cells without enhancement of the later seeds minus the earlier ones."""
    plain = [(cell, rows) for cell, rows in found.cells().items() if cell.sr == NONE]
    return estimate(_seeds(plain))


def _seeds(
    chosen: list[tuple[Cell, Predictions]], rng: np.random.Generator | None = None
) -> list[Scores]:
    """Seeds of each classifier in pairs, by number or drawn by chance, one before and one after."""
    orders: dict[tuple[str, str, str], np.ndarray] = {}
    cells = []
    for cell, rows in chosen:
        seeds = np.unique(rows["seed"])
        order = orders.setdefault(
            (cell.protocol, cell.task, cell.train), rng.permutation(seeds) if rng else seeds
        )
        half = len(order) // 2
        pairs = [
            [rows.take(np.flatnonzero(rows["seed"] == seed)) for seed in pair]
            for pair in zip(order[:half], order[-half:], strict=True)
            if half
        ]
        if pairs:
            found = [_scores(cell, *pair, "frame", "fold") for pair in pairs]
            cells.append(Scores(*(np.concatenate(each) for each in zip(*found, strict=True))))
    return cells


def _exchanged(
    rng: np.random.Generator, chosen: list[tuple[Cell, Predictions, Predictions]]
) -> list[Scores]:
    """After minus before, with the signs of some patients exchanged."""
    found = [_scores(*each) for each in chosen]
    everyone = np.unique(np.concatenate([scores.patient for scores in found]))
    signs = rng.choice([-1.0, 1.0], len(everyone))
    return [
        scores._replace(score=scores.score * signs[np.searchsorted(everyone, scores.patient)])
        for scores in found
    ]


def of_made() -> Iterator[tuple[str, Draw]]:
    """Made predictions with 2, 3 and 5 seeds."""
    for side, seeds, folds in product(("train", "test"), (2, 3, 5), (1, 5)):
        for word, luck in (("alike", ALIKE), ("unlike", UNLIKE)):
            name = f"made, {side} side, {seeds} seeds, folds {folds}, classifiers {word}"
            yield name, made(side, seeds=seeds, folds=folds, luck=luck)


def main() -> int:
    """Print the rates."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    asked = parser.parse_args()
    found = predictions.read(asked.run / "predictions.csv") if asked.run else None
    draws = of_run(found) if found else of_made()
    head = ("intervals that exclude zero", "single cells", "mean of cells", "cells judged")
    table, unsound = [head], 0
    for name, draw in draws:
        found_rates = rates(draw, asked.repetitions)
        table.append((name, *("-" if np.isnan(rate) else f"{rate:.1%}" for rate in found_rates)))
        shares = (found_rates.single, found_rates.mean)
        unsound += sum(rate < SOUND[0] or rate > SOUND[1] for rate in shares)
    print(text_table.plain(table))
    print(f"outside {SOUND[0]:.0%} to {SOUND[1]:.0%}: {unsound}")
    if found:
        of = in_order(found)
        print(f"later seeds minus earlier ones, points: {100 * of.value:+.1f}, p = {of.p:.3f}")
        if of.p < LUCK:
            print("Seeds are of no order: something that is not chance tells them apart.")
            unsound += 1
    return int(unsound > 0)


if __name__ == "__main__":
    sys.exit(main())
