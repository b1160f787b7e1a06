"""Results as lines of text."""

import json
import math
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echojax import session
from echojax.errors import EchojaxError
from echojax.wording import count, duration, one_line, shown, size

if TYPE_CHECKING:
    from echojax.inference.answer import Answer
    from echojax.questions import Told
    from echojax.recipes.segmentation_scores import Row as Agreed
    from echojax.report.blocks import Block, Paragraph
    from echojax.studies.diagnosis.accuracies import AccuracyRow
    from echojax.studies.diagnosis.mask_outcomes import OutcomeRow
    from echojax.studies.diagnosis.material import Material
    from echojax.studies.diagnosis.transfer import Row
    from echojax.training.planned import Planned


def as_json(value: Any) -> None:
    """Print results as JSON: fields by name, paths as text, null for what is no number."""
    click.echo(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _flat(row: Any, *fields: str) -> dict[str, Any]:
    """Some fields of a row of a table; those of its cell beside them."""
    return {**row.cell._asdict(), **_some(row, *fields)}


def _some(row: Any, *fields: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in fields}


def cells_as_json(rows: "Iterable[AccuracyRow]") -> list[dict[str, Any]]:
    """Accuracies of cells for `as_json`."""
    fields = ("accuracy", "low", "high", "chance", "frames", "patients", "folds", "seeds")
    return [_flat(row, *fields) for row in rows]


def masks_as_json(rows: "Iterable[OutcomeRow]") -> list[dict[str, Any]]:
    """Outcomes of masks in cells for `as_json`."""
    fields = ("outcome", "value", "low", "high", "counted", "patients", "folds", "seeds")
    return [_flat(row, *fields, "unmeasured") for row in rows]


def findings_as_json(run: "Material") -> dict[str, Any]:
    """What a study found for `as_json`."""
    from echojax.studies.diagnosis.answer import sentences

    gained = ("points", "points_low", "points_high")
    over = ("bicubic_points", "bicubic_points_low", "bicubic_points_high")
    means = ("protocol", "sr", "mode", "cells", *gained, *over)
    asked = ("protocol", "task", "sr", "mode", "cells", "points", "low", "high", "holm", "finding")
    told = {
        "answer": [text.replace("\N{NO-BREAK SPACE}", " ") for text in sentences(run)],
        "notes": [str(note.words) for note in _notes(run)],
        "cells": cells_as_json(run.accuracy),
        "gains": [_flat(row, "before", *gained, "p") for row in run.gain],
        "mean_gains": [_some(row, *means) for row in run.mean_gain],
        "primary": [_some(row, *asked) for row in run.primary],
    }
    if run.masks.rows:
        told["masks"] = masks_as_json(run.masks.rows)
        told["mask_mean_gains"] = [row._asdict() for row in run.masks.means]
    return told


def accuracies(rows: "Iterable[AccuracyRow]") -> None:
    """Print the accuracy of cells, a line each."""
    click.echo(f"{'protocol':<9}{'task':<6}{'train':<8}{'test':<8}{'enhanced':<26}accuracy")
    for row in rows:
        cell = row.cell
        interval = "" if math.isnan(row.low) else f" [{row.low:.1%}, {row.high:.1%}]"
        enhanced = "-" if cell.sr == "none" else f"{cell.sr}, {cell.mode}, {cell.sr_on}"
        click.echo(
            f"{cell.protocol:<9}{cell.task:<6}{cell.train:<8}{cell.test:<8}{enhanced:<26}"
            f"{row.accuracy:.1%}{interval}  "
            f"{count(row.frames, 'frame')}, {count(row.folds, 'fold')}, {count(row.seeds, 'seed')}"
        )


def masks(rows: "Sequence[OutcomeRow]") -> None:
    """Print the outcomes of masks in cells, a line each; nothing of none."""
    if not rows:
        return
    from echojax import text_table
    from echojax.studies.diagnosis.outcomes import OF_MASKS

    table = [["protocol", "train", "test", "enhanced", "outcome", "value", "of"]]
    for row in rows:
        cell, outcome = row.cell, OF_MASKS[row.outcome]
        value, low, high = (outcome.factor * each for each in (row.value, row.low, row.high))
        bounds = "" if math.isnan(low) else f" [{low:.1f}, {high:.1f}]"
        enhanced = "-" if cell.sr == "none" else f"{cell.sr}, {cell.mode}, {cell.sr_on}"
        table.append(
            [
                *(cell.protocol, cell.train, cell.test, enhanced, outcome.head),
                f"{value:.1f}{bounds}",
                count(row.counted, outcome.per),
            ]
        )
    click.echo(text_table.plain(table))


def note(line: str) -> None:
    """Print what is no result on standard error; nothing if less was asked for."""
    if not session.quiet():
        click.echo(one_line(line), err=True)


def failures(lines: Sequence[str], total: int, done: str) -> None:
    """Print what went wrong with some of `total` files, if anything did.

    Raises:
        EchojaxError: something did; the others are `done`.
    """
    for line in lines:
        click.echo(one_line(f"Failed: {line}"), err=True)
    if lines:
        raise EchojaxError(f"{len(lines)} of {total} could not be {done}")


def told(recordings: "Sequence[Told]") -> None:
    """Print what a classifier says of recordings, and of each frame where there are several."""
    from echojax import text_table

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


def agreements(rows: "Sequence[Agreed]") -> None:
    """Print the Dice of masks per structure, by view, phase and quality."""
    from echojax import text_table
    from echojax.recipes.segmentation_scores import summaries

    table = [["Dice", "frames", "persons", "LV", "myocardium", "left atrium"]]
    for some in summaries(rows):
        cells = [_with_interval(*estimate) for estimate in some.structures.values()]
        table.append([some.name, f"{some.frames:,}", f"{some.persons:,}", *cells])
    click.echo(text_table.plain(table))


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:.3f}" + ("" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]")


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


def plan(rows: "Sequence[Planned]", run: Path) -> None:
    """Print what a command would do in a run, how long that takes here, and the disk it needs."""
    from echojax import devices, text_table

    if not rows:
        click.echo(f"Nothing is to be trained: {run} has it")
        return
    table = [["to do", "number", "steps", "disk", "time"]]
    for row in rows:
        steps = f"{row.steps:,}" if row.steps else "-"
        disk = size(row.size) if row.size else "-"
        table.append([row.kind, f"{row.number:,}", steps, disk, duration(row.seconds)])
    whole = sum(row.seconds for row in rows)
    kept = size(sum(row.size for row in rows))
    table.append(["in all", "", "", kept, f"{duration(whole)} ({whole / 3600:.2f} h)"])
    click.echo(text_table.plain(table))
    click.echo(
        f"Times are estimates for this machine ({devices.described()}), as busy as it is now: a "
        "few real steps and frames of each kind were timed, compiled and warm, and multiplied by "
        "their number. Reading data, the tables and the report are not in them."
    )
    click.echo(f"Nothing was written; the run would be {run}")


def blocks(every: "Sequence[Block]") -> None:
    """Print headings, paragraphs and tables; figures and what is folded away are left out."""
    from echojax import text_table
    from echojax.report.blocks import Box, Heading, Paragraph, Table, pieces

    for block in every:
        if isinstance(block, Heading):
            click.echo(f"\n{block.text}")
        elif isinstance(block, Paragraph):
            click.echo("\n" + _wrapped("".join(pieces(block.words))))
        elif isinstance(block, Box):
            blocks(block.blocks)
        elif isinstance(block, Table):
            rows = [["".join(pieces(cell)) for cell in row] for row in (block.head, *block.rows)]
            if block.caption:
                click.echo(f"\n{block.caption}")
            click.echo(text_table.plain(rows))


def _wrapped(text: str) -> str:
    """Lines no longer than the terminal, nor than can be read."""
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    return textwrap.fill(text, width, break_on_hyphens=False)


def findings(run: "Material") -> None:
    """Print what enhancement changes, and the answer as the report has it."""
    from echojax.studies.diagnosis.answer import answer
    from echojax.studies.diagnosis.sections import gains

    protocols = {row.protocol: None for row in run.mean_gain}
    blocks([gains.mean_table(run, protocol) for protocol in protocols])
    blocks([*_notes(run), *answer(run)])


def _notes(run: "Material") -> "list[Paragraph]":
    """What a report says on top, to beware of."""
    from echojax.report.blocks import Paragraph
    from echojax.studies.diagnosis.sections import top

    return [b for b in top.banner(run) if isinstance(b, Paragraph) and b.kind == "note"]


def transfer(rows: "Sequence[Row]", *, markdown: bool = False) -> None:
    """Print how a classifier did on the frames of a dataset."""
    from echojax import text_table
    from echojax.studies.diagnosis.transfer import cells

    click.echo((text_table.markdown if markdown else text_table.plain)(cells(rows)))
