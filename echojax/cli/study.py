"""Commands of the study: eval, matrix, report, compare; and evaluate-classifier, beside it."""

from pathlib import Path
from typing import Any

import click

from echojax.cli import options, printing
from echojax.vocabulary import ENHANCEMENTS, QUALITIES, SIDES, TASKS


@options.command("eval")
@click.option("--train", type=click.Choice(QUALITIES), required=True, help="Quality to train on.")
@click.option("--test", type=click.Choice(QUALITIES), required=True, help="Quality to test on.")
@click.option("--sr", type=click.Choice(ENHANCEMENTS), default="none", help="Enhancement.")
@click.option("--task", type=click.Choice(TASKS), help="What to tell apart.  [default: both]")
@click.option(
    "--sr-on",
    type=click.Choice(SIDES),
    help="Which side is enhanced.  [default: the sides whose quality is in study.enhance]",
)
@options.as_json
@options.dry_run
@options.run_options
def evaluate(
    train: str,
    test: str,
    sr: str,
    task: str | None,
    sr_on: str | None,
    as_json: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Print the accuracy of one cell of the study.

    What is missing is trained; what the run already has is used, with no need for --resume. Where
    study.outcomes names dice or ef, and no --task is given, the cell's segmenters are asked too.

    --json prints run and cells; each of cells has protocol, task, train, test, sr, mode, sr_on,
    accuracy, low and high (its 95 % interval, null without one), chance (share of the more frequent
    class), all from 0 to 1, and the numbers of frames, patients, folds and seeds. Of segmenters,
    masks has outcome (dice, from 0 to 1, of all structures and of each; ef_error, in points),
    value, low and high, the numbers counted (frames or patients) and unmeasured (answers).
    """
    given["resume"] = not given["overwrite"]
    options.check(given, dry_run=dry_run)
    from echojax.runs.run import request
    from echojax.studies.diagnosis import accuracies, asking, mask_outcomes, plan
    from echojax.studies.diagnosis.cells import SEGMENTATION, cells_of
    from echojax.studies.diagnosis.config import Config
    from echojax.studies.diagnosis.study import Study

    study = Study.of(request(Config, **given))
    settings = study.config.study
    tasks: list[str] = [task] if task else []
    if task is None:
        tasks += settings.tasks if "accuracy" in settings.outcomes else ()
        tasks += [SEGMENTATION] if settings.segments else []
    cells = cells_of(settings, tasks, train, test, sr, sr_on)
    if dry_run:
        printing.plan(plan.of_study(study, cells), study.run.path)
        return
    study.begin(cells)
    asking.run_cells(study, cells)
    rows = accuracies.of_cells(study.run.predictions, cells)
    masks = mask_outcomes.of_cells(study.run.overlaps, cells)
    if as_json:
        told: dict[str, Any] = {"run": study.run.path, "cells": printing.cells_as_json(rows)}
        if masks:
            told["masks"] = printing.masks_as_json(masks)
        printing.as_json(told)
        return
    if rows or not masks:
        printing.accuracies(rows)
    printing.masks(masks)


@options.command("matrix")
@options.as_json
@options.dry_run
@options.run_options
def matrix(as_json: bool, dry_run: bool, **given: Any) -> None:
    """Run the whole study and write its report.

    Both tasks, every training and test quality, every enhancement on the sides that it is to be
    done to, over all folds and seeds of the configuration. With --set
    'study.outcomes=["accuracy","dice","ef"]' segmenters are trained for the same matrix, and their
    masks compared with those of experts.

    --json prints run, report (the page), answer (its two sentences), notes (what to beware of),
    cells (as `echojax eval --json`), gains (of cells with enhancement: accuracy before, points
    gained with points_low and points_high, p), mean_gains (of each method and mode: points, and
    bicubic_points, over bicubic interpolation) and primary (networks against bicubic interpolation:
    points with low and high, holm, the adjusted p, and finding, a word); of segmenters also masks
    (as `echojax eval --json`) and mask_mean_gains (of each outcome, method, mode and side: change
    and bicubic_change, in points).
    """
    options.check(given, dry_run=dry_run)
    from echojax.runs.run import request
    from echojax.studies.diagnosis import asking, examples, material, plan, report
    from echojax.studies.diagnosis.cells import all_cells, mask_cells
    from echojax.studies.diagnosis.config import Config
    from echojax.studies.diagnosis.study import Study

    study = Study.of(request(Config, **given))
    cells = [*all_cells(study.config.study), *mask_cells(study.config.study)]
    if dry_run:
        printing.plan(plan.of_study(study, cells), study.run.path)
        return
    study.begin(cells)
    asking.run_cells(study, cells)
    examples.save(study)
    found = material.gather(study.run.path)
    page = report.write(found)
    if as_json:
        told = {"run": study.run.path, "report": page, **printing.findings_as_json(found)}
        printing.as_json(told)
        return
    printing.accuracies(row for row in found.accuracy if row.cell.sr == "none")
    printing.masks([row for row in found.masks.rows if row.cell.sr == "none"])
    printing.findings(found)
    click.echo(f"Report: {page}")


@options.command("report")
@click.option(
    "--run",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Run directory.",
)
def report(run: Path) -> None:
    """Rebuild tables, figures and report from what a run has on disk."""
    from echojax.report import origin
    from echojax.studies.diagnosis import report as diagnosis
    from echojax.studies.grading import report as grading

    build = grading.build if origin.read(run).has("grading") else diagnosis.build
    click.echo(f"Report: {build(run)}")


@options.command("compare")
@click.argument(
    "runs",
    metavar="RUN RUN...",
    nargs=-1,
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write Markdown to a file instead.",
)
def compare(runs: tuple[Path, ...], markdown: bool, output: Path | None) -> None:
    """Show accuracies and primary gains of runs side by side, and which settings differ.

    Differences are from the first run, in points, with an interval where both runs were trained
    with two seeds at least.
    """
    from echojax.files import written_whole
    from echojax.report import markdown as as_markdown
    from echojax.studies.diagnosis.comparison import compare as side_by_side

    blocks = side_by_side(runs)
    text = as_markdown.document(blocks, Path())
    if output is not None:
        with written_whole(output) as file:
            file.write_text(text, encoding="utf-8")
        click.echo(f"Comparison: {output}")
    elif markdown:
        click.echo(text, nl=False)
    else:
        printing.blocks(blocks)


@options.command("evaluate-classifier")
@click.option(
    "--weights",
    metavar="FILE",
    required=True,
    help='A file of pretrain-classifier, "simulated" for that in runs/pretrain-classifier, or the '
    "folder of a run's classifier (RUN/classifiers/PROTOCOL/TASK/.../seedN).",
)
@options.data_dir
@options.as_json
@click.option("--markdown", is_flag=True, help="Print a Markdown table only.")
def evaluate_classifier(weights: str, data_dir: Path, as_json: bool, markdown: bool) -> None:
    """Measure a trained classifier on every frame of a dataset.

    Accuracy of each task, overall, for each quality and for each class (its recall), with 95 %
    intervals that know that frames of a patient are alike. Meant for a dataset that the classifier
    did not learn from, as real frames after simulated ones.

    --json prints weights, learned_from (how many of the frames the classifier learned from) and
    results; each of results has task, on (all frames, or those of a quality or class), the numbers
    of frames and patients, and accuracy and area (under the ROC curve), each with value, low and
    high (its 95 % interval), from 0 to 1, null where there is none.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    from echojax.data import there

    there.camus(data_dir)
    from echojax import devices
    from echojax.config import DataConfig
    from echojax.data import camus
    from echojax.recipes import learned_from
    from echojax.studies.diagnosis import transfer

    devices.start()
    classifier, file = transfer.load(weights)
    frames = camus.open_frames(DataConfig(dir=data_dir))
    rows = transfer.evaluate(classifier, frames, devices.data_mesh())
    known = int(learned_from.seen(file, frames).sum())
    if as_json:
        printing.as_json({"weights": file, "learned_from": known, "results": rows})
        return
    printing.transfer(rows, markdown=markdown)
    if known:
        note = f"Note: the classifier learned from {known} of the {len(frames)} frames"
        printing.note(note)
