"""How our grades agree with those that the program arqee gave frames of its own examples.

    python benchmarks/arqee_agreement.py FRAMES.npz SEGMENTER [--grader FILE] [--coherence FILE]

FRAMES.npz has, of each recording, NAME_image (n, 256, 256) and NAME_class: 0 for none, 1 to 5 the
grade of a region of the wall, 10 + 5q + p a disc of grade q + 1 over a wall of grade p + 1. That is
the opinion of another network and no cardiologist's. Regions are ours, by our masks; arqee's grade
of one is what most of its pixels show. Frames of a recording are alike: with so few recordings
there is no interval.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from scipy.stats import spearmanr

from echojax import text_table
from echojax.assessment import methods
from echojax.inference.grade import grade
from echojax.inference.regions import REGIONS, WALLS
from echojax.inference.segment import Segmenter
from echojax.vocabulary import GradingMethod

DEPTH = 160.0  # mm, assumed: the frames do not say it
MOST = 0.5  # share of a region that arqee must have graded, too
_DISC = 10


def theirs(classes: np.ndarray, region: np.ndarray, number: int) -> float:
    """Arqee's grade of one of our regions; nan where it drew too little of one."""
    shown = classes[region]
    if number < WALLS:
        found = np.where(shown >= _DISC, (shown - _DISC) % 5 + 1, shown)
    else:
        found = np.where(shown >= _DISC, (shown - _DISC) // 5 + 1, 0)
    counts = np.bincount(found, minlength=6)[1:]
    return float(counts.argmax() + 1) if counts.sum() >= MOST * max(1, shown.size) else np.nan


def both(
    images: np.ndarray, classes: np.ndarray, segmenter: Segmenter, method: methods.Method
) -> Iterator[tuple[int, float, float]]:
    """Region, arqee's grade and ours, where there are both."""
    spacing = (DEPTH / images.shape[1],) * 2
    pairs = zip(images, (found.mask for found in segmenter.clip(list(images))), strict=True)
    graded = grade(pairs, spacing, method.scorer, clip=True)
    for one, drawn in zip(graded, classes, strict=True):
        if one.seen.regions is None:
            continue
        for number, region in enumerate(one.seen.regions.masks):
            given = theirs(drawn, region, number), float(one.scores.grades[number])
            if not np.isnan(given).any():
                yield number, *given


@click.command()
@click.argument("frames", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("segmenter", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--grader", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--coherence", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(frames: Path, segmenter: Path, grader: Path | None, coherence: Path | None) -> None:
    """Print rank correlation and mean error of each method, by recording."""
    asked: list[tuple[GradingMethod, Path | None]] = [("cr", None), ("gcnr", None)]
    if coherence:
        asked.append(("coherence", coherence))
    if grader:
        asked.append(("end-to-end", grader))
    network = Segmenter.load(segmenter)
    table = [("recording", "method", "regions", "Spearman", "mean error", "of their median")]
    with np.load(frames) as data:
        names = [key.removesuffix("_image") for key in data if key.endswith("_image")]
        for name in names:
            images, classes = data[f"{name}_image"], data[f"{name}_class"]
            for chosen, weights in asked:
                method = methods.chosen(chosen, weights, "literature", None)
                rows = np.array(list(both(images, classes, network, method)))
                given, ours = rows[:, 1], rows[:, 2]
                table.append(
                    (
                        name,
                        chosen,
                        f"{len(rows)} of {len(images) * len(REGIONS)}",
                        f"{spearmanr(given, ours)[0]:+.2f}",
                        f"{np.abs(given - ours).mean():.2f}",
                        f"{np.abs(given - np.median(given)).mean():.2f}",
                    )
                )
    print(text_table.plain(table))


if __name__ == "__main__":
    main()
