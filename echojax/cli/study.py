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
@options.run_options
def evaluate(
    train: str, test: str, sr: str, task: str | None, sr_on: str | None, **given: Any
) -> None:
    """Print the accuracy of one cell of the study.

    What is missing is trained; what the run already has is used, with no need for --resume.
    """
    from echojax.runs.run import request
    from echojax.studies.diagnosis.cells import cells_of
    from echojax.studies.diagnosis.config import Config
    from echojax.studies.diagnosis.study import Study

    given["resume"] = not given["overwrite"]
    study = Study.of(request(Config, **given))
    settings = study.config.study
    tasks = settings.tasks if task is None else (task,)
    cells = cells_of(settings, tasks, train, test, sr, sr_on)
    study.begin(cells)
    study.run_cells(cells)
    printing.accuracies(study.run.predictions, cells)


@options.command("matrix")
@options.dry_run
@options.run_options
def matrix(dry_run: bool, **given: Any) -> None:
    """Run the whole study and write its report.

    Both tasks, every training and test quality, every enhancement on the sides that it is to be
    done to, over all folds and seeds of the configuration.
    """
    from echojax.runs.run import request
    from echojax.studies.diagnosis import examples, report
    from echojax.studies.diagnosis.cells import all_cells
    from echojax.studies.diagnosis.config import Config
    from echojax.studies.diagnosis.study import Study

    study = Study.of(request(Config, **given))
    cells = all_cells(study.config.study)
    if dry_run:
        printing.plan(study, cells)
        return
    study.begin(cells)
    study.run_cells(cells)
    examples.save(study)
    page = report.build(study.run.path)
    printing.accuracies(study.run.predictions, [cell for cell in cells if cell.sr == "none"])
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
    from echojax.studies.diagnosis.report import build

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
@click.option("--markdown", is_flag=True, help="Print a Markdown table only.")
def evaluate_classifier(weights: str, data_dir: Path, markdown: bool) -> None:
    """Measure a trained classifier on every frame of a dataset.

    Accuracy of each task, overall, for each quality and for each class (its recall), with 95 %
    intervals that know that frames of a patient are alike. Meant for a dataset that the classifier
    did not learn from, as real frames after simulated ones.
    """
    from echojax import devices
    from echojax.config import DataConfig
    from echojax.data import camus
    from echojax.studies.diagnosis import leaks, transfer

    devices.start()
    classifier, file = transfer.load(weights)
    frames = camus.open_frames(DataConfig(dir=data_dir))
    rows = transfer.evaluate(classifier, frames, devices.data_mesh())
    printing.transfer(rows, markdown=markdown)
    known = leaks.seen(file, frames)
    if known:
        note = f"Note: the classifier learned from {known} of the {len(frames)} frames"
        click.echo(note, err=True)
