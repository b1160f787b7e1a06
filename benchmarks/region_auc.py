"""How far brightness alone tells views and phases apart, place by place, real beside simulated.

    python benchmarks/region_auc.py REAL SIM [--cells 8] [--limit N]

Both are folders in CAMUS's layout. Frames are brought to 224 x 224 pixels as in `data/camus_224`
and averaged over a grid of boxes. For every box it prints the area under the ROC curve of its gray
level as a sign of 4CH among 2CH and 4CH frames, and of ES among ED and ES frames: above 0.5 where
these are brighter. Then, over the boxes that are not black, the root mean square of simulated minus
real, for each view and phase apart as well, beside what is expected where nothing differs (that of
the real patients' two halves, scaled to as many as there are), and how well ridge regression on all
boxes tells the classes, split by patient. Last the spread of boxes from patient to patient.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from scipy.stats import rankdata

from benchmarks.frame_statistics import read
from echojax import text_table
from echojax.progress import bar
from echojax.recipes.thumbnail import probabilities
from echojax.vocabulary import PHASES, VIEWS
from tfds_camus import FrameFiles, scan

SIZE = 224
BLACK = 4.0  # gray levels: boxes that are darker in the mean lie beside the sector
FOLDS = 5
HALVINGS = 20


class Boxes(NamedTuple):
    """Mean gray levels (n, cells, cells) of frames, and whose they are."""

    gray: np.ndarray
    patient: np.ndarray
    view: np.ndarray
    phase: np.ndarray

    def of(self, chosen: np.ndarray) -> "Boxes":
        """Those chosen by a mask or indices."""
        return Boxes(*(column[chosen] for column in self))


def boxes(folder: Path, cells: int, limit: int | None = None) -> Boxes:
    """The boxes of a folder's frames, of at most `limit` patients."""
    frames = scan(folder).frames
    patients = sorted({frame.patient for frame in frames})[:limit]
    frames = tuple(frame for frame in frames if frame.patient in patients)
    with bar(f"Reading {folder.name}", len(frames)) as progress:

        def mean(frame: FrameFiles) -> np.ndarray:
            progress.advance()
            side = SIZE // cells
            image = read(frame, SIZE)[0][: side * cells, : side * cells].astype(np.float64)
            return image.reshape(cells, side, cells, side).mean((1, 3))

        gray = np.stack([mean(frame) for frame in frames])
    return Boxes(
        gray,
        np.array([frame.patient for frame in frames]),
        np.array([VIEWS.index(frame.view) for frame in frames]),
        np.array([PHASES.index(frame.phase) for frame in frames]),
    )


def area(gray: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of every box, (cells, cells), of gray (n, cells, cells)."""
    ranks = rankdata(gray, axis=0)[label == 1].sum(axis=0)
    ones, zeros = (label == 1).sum(), (label == 0).sum()
    return (ranks - ones * (ones + 1) / 2) / (ones * zeros)


# What is told apart: in which frames, and by which of their labels.
TASKS: dict[str, Callable[[Boxes], tuple[np.ndarray, np.ndarray]]] = {
    "view": lambda b: (np.ones(len(b.view), bool), b.view),
    "phase": lambda b: (np.ones(len(b.view), bool), b.phase),
    "view, ED": lambda b: (b.phase == 0, b.view),
    "view, ES": lambda b: (b.phase == 1, b.view),
    "phase, 2CH": lambda b: (b.view == 0, b.phase),
    "phase, 4CH": lambda b: (b.view == 1, b.phase),
}


def areas(found: Boxes, task: str) -> np.ndarray:
    """Grid of areas of a task of TASKS."""
    chosen, label = TASKS[task](found)
    return area(found.gray[chosen], label[chosen])


def rms(difference: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(difference**2)))


def expected(real: Boxes, number: int, task: str, shown: np.ndarray) -> float:
    """Rms difference between all of `real` and `number` other patients like them.

    From random halves of them: the variance of an area goes with one over the patients.
    """
    rng = np.random.default_rng(0)
    patients = np.unique(real.patient)
    squares = []
    for _ in range(HALVINGS):
        half = np.isin(real.patient, rng.permutation(patients)[: len(patients) // 2])
        first, second = (areas(real.of(part), task)[shown] for part in (half, ~half))
        squares.append(rms(first - second) ** 2)
    of_halves = 4 / len(patients)
    return float(np.sqrt(np.mean(squares) * (1 / len(patients) + 1 / number) / of_halves))


def ridge(found: Boxes, task: str) -> float:
    """Accuracy of ridge regression on the boxes, of patients that it did not learn from."""
    chosen, label = TASKS[task](found)
    part, label = found.of(chosen), label[chosen]
    patients, of_frame = np.unique(part.patient, return_inverse=True)
    fold = (np.random.default_rng(0).permutation(len(patients)) % FOLDS)[of_frame]
    right = np.zeros(len(label), bool)
    for number in range(FOLDS):
        held = fold == number
        answers = probabilities(part.gray[~held], label[~held], part.gray[held])
        right[held] = (answers > 0.5) == label[held]
    return float(right.mean())


def spread(found: Boxes, shown: np.ndarray) -> np.ndarray:
    """Standard deviation of boxes over the patients, mean of views and phases."""
    groups = [(found.view == v) & (found.phase == p) for v in (0, 1) for p in (0, 1)]
    return np.mean([found.gray[g].std(axis=0)[shown] for g in groups], axis=0)


@click.command()
@click.argument("real", type=click.Path(path_type=Path))
@click.argument("sim", type=click.Path(path_type=Path))
@click.option("--cells", type=click.IntRange(1, SIZE), default=8, help="Boxes a side.")
@click.option("--limit", type=click.IntRange(2), help="Patients of each.")
def main(real: Path, sim: Path, cells: int, limit: int | None) -> None:
    """Print grids of areas under the ROC curve, and what they differ by."""
    true, made = (boxes(folder, cells, limit) for folder in (real, sim))
    shown = true.gray.mean(axis=0) > BLACK
    for task in ("view", "phase"):
        click.echo(f"\n{task}: real, simulated")
        rows = zip(areas(true, task), areas(made, task), shown, strict=True)
        for one, other, inside in rows:
            click.echo(f"{_line(one, inside)}     {_line(other, inside)}")
    number = len(np.unique(made.patient))
    cells_of = [["rms difference", "", "where nothing differs", "ridge, real", "ridge, simulated"]]
    for task in TASKS:
        off = rms((areas(made, task) - areas(true, task))[shown])
        least = expected(true, number, task, shown)
        both = (f"{100 * ridge(found, task):.1f} %" for found in (true, made))
        cells_of.append([task, f"{off:.3f}", f"{least:.3f}", *both])
    click.echo(f"\n{text_table.markdown(cells_of)}")
    real_spread, made_spread = (spread(found, shown) for found in (true, made))
    ratio = np.percentile(made_spread / real_spread, [25, 50, 75])
    click.echo(
        "\nSpread of boxes from patient to patient, gray levels, median: "
        f"{np.median(real_spread):.1f} real, {np.median(made_spread):.1f} simulated; "
        f"their ratio {ratio[1]:.2f} "
        f"[{ratio[0]:.2f}, {ratio[2]:.2f}]"
    )


def _line(values: np.ndarray, shown: np.ndarray) -> str:
    cells = (f"{v:.2f}".lstrip("0") if s else "  -" for v, s in zip(values, shown, strict=True))
    return "  ".join(cells)


if __name__ == "__main__":
    main()
