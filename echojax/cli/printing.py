"""Results as lines of text."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echojax.errors import EchojaxError
from echojax.wording import count

if TYPE_CHECKING:
    from echojax.inference.answer import Answer
    from echojax.questions import Told
    from echojax.report.blocks import Block
    from echojax.studies.diagnosis.cells import Cell
    from echojax.studies.diagnosis.folds import Fold
    from echojax.studies.diagnosis.study import Study
    from echojax.studies.diagnosis.transfer import Row


def accuracies(predictions: Path, cells: "Sequence[Cell]") -> None:
    """Print the accuracy of some cells of a run, a line each."""
    from echojax.studies.diagnosis.accuracies import accuracy_rows
    from echojax.studies.diagnosis.predictions import read

    click.echo(f"{'protocol':<9}{'task':<6}{'train':<8}{'test':<8}{'enhanced':<26}accuracy")
    for row in accuracy_rows(read(predictions)):
        cell = row.cell
        if cell not in cells:
            continue
        interval = "" if math.isnan(row.low) else f" [{row.low:.1%}, {row.high:.1%}]"
        enhanced = "-" if cell.sr == "none" else f"{cell.sr}, {cell.mode}, {cell.sr_on}"
        click.echo(
            f"{cell.protocol:<9}{cell.task:<6}{cell.train:<8}{cell.test:<8}{enhanced:<26}"
            f"{row.accuracy:.1%}{interval}  "
            f"{count(row.frames, 'frame')}, {count(row.folds, 'fold')}, {count(row.seeds, 'seed')}"
        )


def failures(lines: Sequence[str], total: int, done: str) -> None:
    """Print what went wrong with some of `total` files, if anything did.

    Raises:
        EchojaxError: something did; the others are `done`.
    """
    for line in lines:
        click.echo(f"Failed: {line}", err=True)
    if lines:
        raise EchojaxError(f"{len(lines)} of {total} could not be {done}")


def told(recordings: "Sequence[Told]") -> None:
    """Print what a classifier says of recordings, and of each frame where there are several."""
    from echojax import text_table
    from echojax.media.recording import shown

    tasks = list(recordings[0].answers)
    rows = [["file", "frame", *(word for task in tasks for word in (task, "probability"))]]
    for path, answers in recordings:
        number = len(answers[tasks[0]].probabilities)
        together = {task: answer.mean() for task, answer in answers.items()}
        name = "1" if number == 1 else f"mean of {number}"
        rows.append([shown(str(path)), name, *_cells(together, 0)])
        if number > 1:
            rows += [["", str(k + 1), *_cells(answers, k)] for k in range(number)]
    click.echo(text_table.plain(rows))


def _cells(answers: "Mapping[str, Answer]", row: int) -> list[str]:
    each = [(a.labels[row], f"{a.confidence[row]:.1%}") for a in answers.values()]
    return [cell for pair in each for cell in pair]


def restored(log: Path) -> None:
    """Print PSNR and SSIM of a restorer's frames beside those of the frames it was given."""
    from echojax.runs.log import read

    last = {row.metric: row.value for row in read(log) if row.job == "restorer"}
    for way, name in (("", "restored"), ("_input", "as they are")):
        click.echo(
            f"Held-out persons, inside the sector, {name}: "
            f"{last[f'psnr_sector{way}']:.2f} dB / {last[f'ssim_sector{way}']:.4f}"
        )


def fidelity(log: Path) -> None:
    """Print PSNR and SSIM of every generator of a run beside those of interpolation."""
    from echojax import text_table
    from echojax.runs.log import read
    from echojax.studies.diagnosis.super_resolution import super_resolution_rows

    rows = super_resolution_rows(read(log))
    if not rows:
        click.echo("No frames were held out to measure PSNR and SSIM on")
        return
    ways = {"": "PSNR / SSIM", "_bicubic": "bicubic", "_lanczos": "Lanczos"}
    cells = [["generator", "step", *ways.values()]]
    for row in rows:
        name = f"{row.model} {row.protocol} {row.fold}".rstrip()
        for suffix, where in (("", ""), ("_sector", ", inside the sector")):
            if not math.isnan(getattr(row, f"psnr{suffix}")):
                figures = [
                    f"{getattr(row, f'psnr{suffix}{way}'):.2f} / "
                    f"{getattr(row, f'ssim{suffix}{way}'):.4f}"
                    for way in ways
                ]
                cells.append([name + where, str(row.step), *figures])
    click.echo(text_table.plain(cells))


def plan(
    study: "Study", cells: "Sequence[Cell]" = (), generators: "Sequence[tuple[str, Fold]]" = ()
) -> None:
    """Print what a study would train for cells and generators."""
    from echojax import text_table
    from echojax.studies.diagnosis.plan import plan as planned

    if study.request.overwrite:
        raise click.UsageError("--dry-run looks at what the run has; leave out --overwrite")
    rows = planned(study, cells, generators)
    if not rows:
        click.echo(f"Nothing is to be trained: {study.run.path} has it")
        return
    table = [["to train", "trainings", "steps", "networks kept"]]
    for row in rows:
        size = f"{row.size / 1e6:,.1f} MB" if row.size else "-"
        table.append([row.kind, f"{row.trainings:,}", f"{row.steps:,}", size])
    click.echo(text_table.plain(table))
    click.echo(f"Nothing was written; the run would be {study.run.path}")


def blocks(every: "Sequence[Block]") -> None:
    """Print headings, paragraphs and tables."""
    from echojax import text_table
    from echojax.report.blocks import Heading, Paragraph, Table, pieces

    for block in every:
        if isinstance(block, Heading):
            click.echo(f"\n{block.text}")
        elif isinstance(block, Paragraph):
            click.echo("".join(pieces(block.words)))
        elif isinstance(block, Table):
            rows = [["".join(pieces(cell)) for cell in row] for row in (block.head, *block.rows)]
            if block.caption:
                click.echo(block.caption)
            click.echo(text_table.plain(rows))


def transfer(rows: "Sequence[Row]", *, markdown: bool = False) -> None:
    """Print how a classifier did on the frames of a dataset."""
    from echojax import text_table
    from echojax.studies.diagnosis.transfer import cells

    click.echo((text_table.markdown if markdown else text_table.plain)(cells(rows)))
