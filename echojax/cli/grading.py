"""The command of the grading study."""

from pathlib import Path
from typing import Any

import click

from echojax.cli import options, printing


@options.command("grading")
@click.option(
    "--template",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a file for an observer to fill in (frame, region, grade), and nothing else.",
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=10,
    help="Frames in the template.",
)
@options.as_json
@options.dry_run
@options.run_options
def grading(template: Path | None, frames: int, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Grade frames by every method there is, and write a report of what grades are worth.

    Contrast measures need nothing but masks. Networks, automatic masks, enhancements, a diagnosis
    run and people's grades join in where a setting of [grading] names them; the report says what is
    absent and why. An observer's file is CSV: frame as patient0001_2CH_ED, region as "basal left"
    or "basal inferior", grade from 1 (not visible) to 5 (excellent), empty where a region is not
    assessable; an observer goes by the file's name.

    --json prints run, report (the page), answer (its two sentences), absent (what the run lacks,
    and why) and labels (each method against the quality of views: auc, rho, more, with low and
    high).
    """
    if template is not None:
        given["resume"] = not given["overwrite"]
    options.check(given, dry_run=dry_run)
    from echojax.runs.run import request
    from echojax.studies.grading import beside, material, observers, report
    from echojax.studies.grading.config import Config
    from echojax.studies.grading.sections.top import sentences
    from echojax.studies.grading.study import Study

    study = Study.of(request(Config, **given))
    if template is not None:
        number = observers.write_template(template, study.frames.ids, frames)
        click.echo(f"Template of {number} frames: {template}")
        return
    if dry_run:
        printing.plan(study.plan(), study.run.path)
        return
    study.begin()
    study.measure()
    beside.measure(study)
    found = material.gather(study.run.path)
    page = report.write(found)
    if as_json:
        told = {"run": study.run.path, "report": page, "answer": sentences(found)}
        printing.as_json(told | {"absent": found.absent, "labels": found.label})
        return
    for sentence in sentences(found):
        click.echo(sentence)
    for each in found.absent:
        printing.note(f"Not in this run: {each.what} ({each.why})")
    click.echo(f"Report: {page}")
