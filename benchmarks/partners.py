"""Is it leakage that moves the diagonal of protocol `paper`? python benchmarks/partners.py RUN.

Of the held-out frames of a run's diagonal cells, those whose partner (the other phase of the same
recording) trained the classifier, beside those whose partner did not, within the same trainings.
The run's dataset must still be where its config.toml says.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from echojax import config, text_table
from echojax.data import camus
from echojax.report import crossed
from echojax.report.crossed import Estimate
from echojax.studies.diagnosis import predictions
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.config import Config
from echojax.studies.diagnosis.folds import Fold, make_folds
from echojax.studies.diagnosis.predictions import Predictions
from echojax.studies.diagnosis.scoring import scores
from echojax.vocabulary import NONE


def partners(ids: list[str], fold: Fold, stratum: str) -> set[str]:
    """Ids of frames whose recording has a frame that trains."""
    recordings = {_recording(ids[i]) for i in fold.train[stratum]}
    return {name for name in ids if _recording(name) in recordings}


def _recording(frame: str) -> str:
    return frame.rpartition("_")[0]


def told(
    cell: Cell, rows: Predictions, ids: list[str], folds: list[Fold]
) -> Iterator[tuple[str, Predictions]]:
    """Rows with and without a partner that trained."""
    leaked = [partners(ids, fold, cell.train) for fold in folds]
    with_partner = np.array(
        [frame in leaked[fold] for frame, fold in zip(rows["frame"], rows["fold"], strict=True)]
    )
    yield "partner trained", rows.take(np.flatnonzero(with_partner))
    yield "partner did not", rows.take(np.flatnonzero(~with_partner))


def _text(estimate: Estimate) -> str:
    value, low, high = (100 * each for each in estimate[:3])
    return f"{value:.1f}" if np.isnan(low) else f"{value:.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    """Print accuracies of the diagonal, percent, by whether the partner trained."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    of = config.load(Config, run / "config.toml")
    frames = camus.open_frames(of.data)
    folds = make_folds(
        frames,
        protocol="paper",
        sr_quality=of.sr.quality,
        parts=of.study.parts,
        folds=of.study.folds,
        seed=of.study.split_seed,
        draw=of.study.paper_draw,
    )
    table = [("answered by", "task", "stratum", "held-out frames", "answers", "accuracy, %")]
    for name in ("predictions", "thumbnails"):
        together: dict[tuple[str, str], list[crossed.Scores]] = {}
        for cell, rows in predictions.read(run / f"{name}.csv").cells().items():
            if (cell.protocol, cell.train, cell.sr) != ("paper", cell.test, NONE):
                continue
            for which, part in told(cell, rows, frames.ids, folds):
                if len(part):
                    own = scores(cell, part)
                    together.setdefault((cell.task, which), []).append(own)
                    estimate = crossed.estimate([own])
                    row = (name, cell.task, cell.test, which, str(len(part)), _text(estimate))
                    table.append(row)
        for (task, which), cells in together.items():
            answers = sum(len(own.score) for own in cells)
            estimate = crossed.estimate(cells)
            table.append((name, task, "mean", which, str(answers), _text(estimate)))
    print(text_table.plain(table))


if __name__ == "__main__":
    main()
