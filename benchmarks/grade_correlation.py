"""How far the two views of a patient share their image quality.

    python benchmarks/grade_correlation.py DIR

DIR is CAMUS with the grades of one view only, 2CH, which is all that `data/camus_224` has. A ridge
regression of the grade on statistics of 2CH frames is asked about both views of patients that it
did not learn from. Let r be its correlation with the 2CH grade. If it is as good a witness of the
4CH grade, its answer to 4CH frames correlates with the 2CH grade by r times the correlation of what
is behind the two grades: the quotient is printed, with the interval of a bootstrap of patients.

This is indirect. What the regression sees of a patient that has nothing to do with quality (a thick
chest, the machine's settings) is in both views and raises the quotient; that it was never fitted to
4CH frames lowers it.
"""

from collections import defaultdict
from pathlib import Path

import click
import numpy as np

from benchmarks.frame_statistics import STATISTICS, measure, read
from echojax.progress import bar
from echojax.vocabulary import QUALITIES
from tfds_camus import scan
from tfds_camus.files import read_info

PENALTY = 10.0  # on standardised statistics
FOLDS = 10
REPETITIONS = 20  # of the split into folds
DRAWS = 2000
GRADED, OTHER = "2CH", "4CH"


def statistics_of(folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Of each view, (patients, statistics of both phases), and the grade of GRADED, 0 good to 2."""
    rows: dict[tuple[str, str], list[float]] = defaultdict(list)
    grades = {}
    frames = scan(folder).frames
    with bar("Measuring frames", len(frames)) as progress:
        for frame in frames:
            image, mask, _ = read(frame)
            found = measure(image, mask, None)
            rows[frame.patient, frame.view] += [found[name] for name in STATISTICS]
            quality = read_info(frame.cfg).quality if frame.cfg else None
            if frame.view == GRADED and quality is not None:
                grades[frame.patient] = QUALITIES.index(quality)
            progress.advance()
    patients = [p for p in sorted(grades) if all(len(rows[p, v]) for v in (GRADED, OTHER))]
    of_view = {view: np.array([rows[p, view] for p in patients]) for view in (GRADED, OTHER)}
    return of_view, np.array([grades[p] for p in patients], float)


def standardised(rows: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and deviation 1; those that are never known are left out."""
    rows = rows[:, ~np.isnan(rows).all(axis=0)]
    rows = np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def answers(learned: np.ndarray, grade: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What a ridge regression of the grade says of both views, (2, n), of patients held out."""
    total = np.zeros((2, len(grade)))
    for repetition in range(REPETITIONS):
        fold = np.random.default_rng(repetition).permutation(len(grade)) % FOLDS
        for number in range(FOLDS):
            own, held = learned[fold != number], fold == number
            target = grade[fold != number]
            inner = own.T @ own + PENALTY * np.eye(own.shape[1])
            weights = np.linalg.solve(inner, own.T @ (target - target.mean()))
            total[:, held] += learned[held] @ weights, asked[held] @ weights
    return total


def correlations(grade: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """Of the grade with the answers about its own view, and about the other."""
    return tuple(float(np.corrcoef(grade, answer)[0, 1]) for answer in said)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Print the correlation of the views' grades, and what it is made of."""
    rows, grade = statistics_of(folder)
    said = answers(standardised(rows[GRADED]), grade, standardised(rows[OTHER]))
    own, other = correlations(grade, said)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        chosen = rng.integers(0, len(grade), len(grade))
        first, second = correlations(grade[chosen], said[:, chosen])
        drawn.append(second / first)
    low, high = np.percentile(drawn, [2.5, 97.5])
    click.echo(f"{len(grade)} patients; answers about {GRADED} frames and its grade: {own:.2f}")
    click.echo(f"answers about {OTHER} frames and the {GRADED} grade: {other:.2f}")
    click.echo(f"answers about both views: {np.corrcoef(said)[0, 1]:.2f}")
    click.echo(f"grades of both views: {other / own:.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
