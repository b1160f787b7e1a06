"""Lines from contrast and coherence to the grades that a simulator knows.

    python benchmarks/grade_truth.py FIT TEST

Both are folders of `echojax simulate --coherence`, of other persons each. Regions are those of the
masks. For CR, gCNR and the mean of true coherence it prints the line measure = slope * grade +
intercept of FIT by least squares, as the public program's authors fitted theirs; on TEST, rank
correlation with the true grade, the mean error of the grades of the line, their standard deviation,
how many intervals of 95 % hold the truth, and the mean error of the median grade of FIT, which
whatever is called a measure should beat.
"""

from pathlib import Path

import click
import nibabel
import numpy as np
from scipy.stats import spearmanr

from benchmarks.frame_statistics import read
from echojax import text_table
from echojax.inference import contrast
from echojax.inference.grade import LEAST
from echojax.inference.grade_lines import Line
from echojax.inference.measures import LV
from echojax.inference.regions import divide
from echojax.inference.sector import sector
from tfds_camus import FrameFiles, scan
from tfds_camus.files import read_info

MEASURES = ("cr", "gcnr", "coherence")


def of_frame(files: FrameFiles) -> list[tuple[float, ...]]:
    """The true grade of each region of a frame that has one, and its measures."""
    image, mask, spacing = read(files)
    info = read_info(files.cfg)
    grades = info.grades_ed if files.phase == "ED" else info.grades_es
    inside = sector(image)
    regions = divide(mask, spacing, inside)
    levels = contrast.levels(image, inside=inside)
    beside = files.image.with_name(f"{files.key}_cf.nii.gz")
    coherence = np.asarray(nibabel.load(beside).dataobj).squeeze().T / 255
    rows = []
    for grade, region, share in zip(grades, regions.masks, regions.inside, strict=True):
        if share >= LEAST and not np.isnan(grade):
            found = contrast.between(levels, region, mask == LV)
            rows.append((grade, found.cr, found.gcnr, coherence[region & inside].mean()))
    return rows


def measured(folder: Path) -> np.ndarray:
    """Grade and measures of every region of a folder, (n, 4)."""
    return np.array([row for files in scan(folder).frames for row in of_frame(files)])


@click.command()
@click.argument("fit", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("test", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(fit: Path, test: Path) -> None:
    """Print the table."""
    known, asked = measured(fit), measured(test)
    truth = asked[:, 0]
    trivial = np.abs(truth - np.median(known[:, 0])).mean()
    rows = [["measure", "line", "spread", "rho", "mean error", "SD", "covered", "of the median"]]
    for name, one, other in zip(MEASURES, known.T[1:], asked.T[1:], strict=True):
        slope, intercept = np.polyfit(known[:, 0], one, 1)
        spread = float(np.std((one - intercept) / slope - known[:, 0]))
        scores = Line(slope, intercept, "", spread).scores(other)
        error = scores.grades - truth
        covered = ((scores.low <= truth) & (truth <= scores.high)).mean()
        rows.append(
            [
                name,
                f"{slope:.4f} grade {intercept:+.4f}",
                f"{spread:.2f}",
                f"{spearmanr(other, truth).statistic:.2f}",
                f"{np.abs(error).mean():.2f}",
                f"{error.std():.2f}",
                f"{covered:.0%}",
                f"{trivial:.2f}",
            ]
        )
    click.echo(text_table.plain(rows))
    click.echo(f"{len(known):,} regions to fit, {len(asked):,} to test")


if __name__ == "__main__":
    main()
