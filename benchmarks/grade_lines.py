"""What arqee's contrast measures are in the literature's: lines between them, and grades by them.

    python benchmarks/grade_lines.py CAMUS

CAMUS is a folder in CAMUS's layout. In every frame, regions are those of the expert's mask; what
lies in the sector with less than half does not count. Frames without spacing are taken to be 160 mm
deep, which decides the size of the two discs. For gCNR and CR it prints the line from the public
program's value to that of the literature (`inference/grade_lines.py` holds it), how well they
agree, and how many regions get a grade below 1 or above 5, which is cut off.
"""

from pathlib import Path

import click
import numpy as np

from benchmarks.frame_statistics import read
from echojax import text_table
from echojax.errors import InputError
from echojax.inference import contrast
from echojax.inference.grade import LEAST
from echojax.inference.grade_lines import HIGHEST, LINES, LOWEST
from echojax.inference.measures import LV
from echojax.inference.regions import divide
from echojax.inference.sector import sector
from echojax.inference.seen import DEPTH
from echojax.progress import bar
from tfds_camus import scan


def measured(camus: Path) -> dict[str, np.ndarray]:
    """Both measures of every region by both rules, (n, 2) each: arqee's first."""
    found: dict[str, list[tuple[float, float]]] = {"gcnr": [], "cr": []}
    every = scan(camus).frames
    with bar("Frames", len(every)) as progress:
        for each in every:
            image, mask, spacing = read(each)
            progress.advance()
            try:
                inside = sector(image)
                step = DEPTH / len(image)
                regions = divide(mask, spacing or (step, step), inside)
            except InputError:
                continue
            levels = [
                (contrast.levels(image, rule, inside), rule) for rule in ("arqee", "literature")
            ]
            for region in regions.masks[regions.inside >= LEAST]:
                both = [contrast.between(one, region, mask == LV, rule) for one, rule in levels]
                for name, values in found.items():
                    values.append(tuple(getattr(value, name) for value in both))
    return {name: np.array(values) for name, values in found.items()}


@click.command()
@click.argument("camus", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(camus: Path) -> None:
    """Print the table."""
    rows = [["measure", "regions", "line", "r", "below 1", "above 5"]]
    for name, values in measured(camus).items():
        one, other = values.T
        slope, intercept = np.polyfit(one, other, 1)
        line = f"literature = {slope:.3f} arqee {intercept:+.3f}"
        rows.append([name, f"{len(one):,}", line, f"{np.corrcoef(one, other)[0, 1]:.3f}", "", ""])
        for rule, each in (("arqee", one), ("literature", other)):
            known = LINES[name, rule]
            grades = (each - known.intercept) / known.slope
            cut = [
                f"{share:.0%}" for share in ((grades < LOWEST).mean(), (grades > HIGHEST).mean())
            ]
            rows.append([f"  by {rule}", "", "", "", *cut])
    click.echo(text_table.plain(rows))


if __name__ == "__main__":
    main()
