"""Commands about data: simulate, prepare, inspect."""

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from echojax.cli import options
from echojax.wording import count, one_line

if TYPE_CHECKING:
    from echojax.data.summary import Range, Summary


@options.command("simulate")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--patients", type=click.IntRange(min=1), default=500, help="Number of patients.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Same seed, same frames.")
@click.option(
    "--size",
    type=int,
    help="Height of a frame in pixels.  [default: 0.308 mm a pixel, as in CAMUS]",
)
@click.option(
    "--frames",
    type=click.IntRange(min=2),
    metavar="N",
    help="Also write sequences of N frames from ED to ES, with masks.",
)
@click.option(
    "--grades",
    type=click.Choice(["camus", "each"]),
    default="camus",
    help="camus: one quality a view, in CAMUS's proportions. each: every patient in good, medium "
    "and poor, the same heart pixel by pixel; three ids, one person.",
)
@click.option(
    "--coherence",
    is_flag=True,
    help="Receive element by element: coherence beside each frame, and grades of regions.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes to use, one patient each at a time.  [default: one for each CPU, at most 16, "
    "fewer for few patients]",
)
@click.option(
    "--preview",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Draw frames of each view, phase and quality; OUT may be left out. A PNG that is there "
    "is replaced.",
)
@click.option("--overwrite", is_flag=True, help="Replace a folder simulated before.")
@options.dry_run
@click.pass_context
def simulate(
    context: click.Context,
    out: Path | None,
    patients: int,
    seed: int,
    size: int | None,
    frames: int | None,
    grades: str,
    coherence: bool,
    workers: int | None,
    preview: Path | None,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Make a CAMUS-like folder of simulated frames.

    OUT has the layout of CAMUS's NIfTI release: both views, both phases, masks, cfg files with
    quality labels, and splits. Every other command treats it as it would the real thing. Beside
    the cfg files, simulation.json tells each patient's anatomy and what spoils its frames.

    \b
    A look at what it makes:      echojax simulate --preview frames.png
    As many patients as CAMUS:    echojax simulate data/simulated
    With motion, small frames:    echojax simulate OUT --patients 20 --size 256 --frames 20
    Each heart in each quality:   echojax simulate OUT --patients 20 --grades each
    To learn grading from:        echojax simulate OUT --patients 200 --size 256 --coherence
    """  # noqa: D301 (click knows a paragraph to leave as it is by the character itself)
    if out is None and preview is None:
        raise click.UsageError(
            "nothing to make; name a folder OUT for a dataset, or --preview PNG for a look"
        )
    given = [
        f"--{name}"
        for name in ("patients", "size", "frames", "grades", "coherence", "workers", "overwrite")
        if context.get_parameter_source(name) != ParameterSource.DEFAULT
    ]
    if dry_run and out is None:
        raise click.UsageError("--dry-run is of a dataset; name a folder OUT")
    if out is None and given:
        raise click.UsageError(
            f"{', '.join(given)}: of no use to a preview alone; name a folder OUT for a dataset"
        )
    from echojax import devices

    devices.start()
    settings: dict[str, Any] = {
        "seed": seed,
        "size": size,
        "frames": frames,
        "grades": grades,
        "coherence": coherence,
    }
    if dry_run:
        _plan(patients, workers=workers, **settings)
        return
    if preview is not None:
        from echojax.simulate.preview import check_destination

        devices.cpu()
        check_destination(preview)
    if out is not None:
        _simulate(
            out,
            patients=patients,
            workers=workers,
            overwrite=overwrite,
            **settings,
        )
    if preview is not None:
        from echojax.simulate.preview import draw_preview

        draw_preview(preview, seed)
        click.echo(f"Frames of each view, phase and quality in {preview}")


def _plan(patients: int, **settings: Any) -> None:
    from echojax import wording
    from echojax.simulate.dataset import cost

    found = cost(patients=patients, **settings)
    people, seconds = count(patients, "patient"), wording.duration(found.seconds)
    processes = f"{found.workers} process" + "es" * (found.workers > 1)
    click.echo(f"{people}: {seconds}, {wording.size(found.size)} on disk, in {processes}")
    click.echo(
        "The time is an estimate for this machine, as busy as it is now: a few patients were "
        "simulated aside, and thrown away. Nothing was written."
    )


def _simulate(
    out: Path, *, patients: int, frames: int | None, grades: str, **settings: Any
) -> None:
    from echojax.progress import bar
    from echojax.simulate.dataset import simulate as simulate_dataset
    from echojax.simulate.patient import FOLDERS

    started = time.monotonic()
    with bar("Simulating patients", patients) as progress:
        simulate_dataset(
            out,
            patients=patients,
            frames=frames,
            grades=grades,
            progress=progress.advance,
            **settings,
        )
    shown = patients * FOLDERS[grades] * 2 * (2 if frames is None else frames)
    rate = shown / (time.monotonic() - started)
    people = count(patients, "patient")
    click.echo(f"{shown} simulated frames of {people} in {out} ({rate:.1f} frames per second)")
    click.echo(f"Next: echojax prepare camus --from {shlex.quote(str(out))}")


@click.group("prepare")
def prepare() -> None:
    """Build a dataset from a folder of files."""


@options.command("camus")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help="A CAMUS release in either layout, its folder or the zip file as downloaded; or a "
    "simulated folder.",
)
@options.data_dir
@click.option("--skip-bad", is_flag=True, help="Leave bad files out instead of stopping.")
@click.option("--overwrite", is_flag=True, help="Replace a dataset prepared before.")
def prepare_camus(source: Path, data_dir: Path, skip_bad: bool, overwrite: bool) -> None:
    """Build the CAMUS dataset and count what is in it.

    Both releases are recognised: NIfTI (database_nifti) and MetaImage (training, testing). Of a zip
    file, what is needed is unpacked aside and deleted again.
    """
    from echojax.data.camus import prepare as prepare_dataset
    from echojax.data.summary import summarize

    prepare_dataset(source, data_dir, skip_bad=skip_bad, overwrite=overwrite)
    summary = summarize(data_dir)
    _print_counts(summary)
    _print_left_out(summary)
    click.echo(f"Prepared in {data_dir / 'camus'}")


@options.command("images")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder of images, searched recursively.",
)
@click.option("--name", required=True, help="What to call them, as in --set sr.images=NAME.")
@options.data_dir
@click.option("--skip-bad", is_flag=True, help="Leave bad files out instead of stopping.")
@click.option("--overwrite", is_flag=True, help="Replace images prepared before.")
def prepare_images(
    source: Path, name: str, data_dir: Path, skip_bad: bool, overwrite: bool
) -> None:
    """Build a dataset of natural images, for `train-sr --stage pretrain`.

    PNG, JPEG, TIFF, BMP and WebP files are cut into parts that are quick to read.
    """
    from echojax.data.natural import prepare as prepare_dataset

    found = prepare_dataset(source, data_dir, name, skip_bad=skip_bad, overwrite=overwrite)
    click.echo(found.as_text())


@options.command("div2k")
@options.data_dir
@click.option("--mirror", metavar="URL", help="Folder to fetch from: http, https or file.")
@click.option("--overwrite", is_flag=True, help="Replace what was prepared before.")
def prepare_div2k(data_dir: Path, mirror: str | None, overwrite: bool) -> None:
    """Download DIV2K's 800 training images (3.5 GB) and build a dataset of them."""
    from echojax.data.div2k import prepare_div2k as prepare_dataset

    click.echo(prepare_dataset(data_dir, mirror=mirror, overwrite=overwrite).as_text())


prepare.add_command(prepare_camus)
prepare.add_command(prepare_div2k)
prepare.add_command(prepare_images)


@options.command("inspect")
@options.data_dir
@options.as_json
def inspect(data_dir: Path, as_json: bool) -> None:
    """Show what a prepared dataset holds, and what is odd about it.

    --json prints patients and ids (how many), graded (persons shown in every quality), simulated
    (frames of nobody), coherence and regions_graded (frames that have them), counts (frames by
    view, phase and quality), duplicates (pairs of ids), left_out (file and why) and remarks.
    """
    from echojax.data import there

    there.camus(data_dir)
    from echojax.data.summary import summarize

    summary = summarize(data_dir)
    if as_json:
        click.echo(json.dumps(summary.as_json(), indent=2))
        return
    _print_counts(summary)
    under = "" if summary.ids == summary.patients else f" under {summary.ids} ids"
    click.echo(f"Patients       {summary.patients}{under}")
    if summary.graded:
        click.echo(f"In each grade  {count(summary.graded, 'patient')}")
    frames = sum(n for of in summary.counts.values() for row in of.values() for n in row.values())
    click.echo(f"Simulated      {_part(summary.simulated, frames)}")
    click.echo(f"Rows           {_span(summary.rows)} pixels")
    click.echo(f"Columns        {_span(summary.columns)} pixels")
    click.echo(f"Largest value  {_span(summary.brightest)} of 255")
    spacings = ", ".join(f"{rows:g} x {columns:g}" for rows, columns in summary.spacing[:4])
    more = f" and {len(summary.spacing) - 4} more" if len(summary.spacing) > 4 else ""
    click.echo(f"Spacing        {spacings}{more} mm (rows x columns)")
    click.echo(f"Masks          {summary.masks}")
    if summary.coherence or summary.regions_graded:
        click.echo(f"Coherence      {_part(summary.coherence, frames)}")
        click.echo(f"Region grades  {_part(summary.regions_graded, frames)}")
    if summary.duplicates:
        pairs = ", ".join(f"{one} = {other}" for one, other in summary.duplicates)
        click.echo(one_line(f"One recording under two ids: {pairs}"))
    else:
        click.echo("No recording occurs under two ids")
    _print_left_out(summary)
    for remark in summary.remarks:
        click.echo(f"Remark: {remark}")


def _print_counts(summary: "Summary") -> None:
    columns = ("good", "medium", "poor", "unlabelled")
    click.echo("View Phase" + "".join(f"{name.capitalize():>12}" for name in (*columns, "total")))
    totals = dict.fromkeys((*columns, "total"), 0)
    for view, phases in summary.counts.items():
        for phase, counts in phases.items():
            row = {**counts, "total": sum(counts.values())}
            totals = {name: totals[name] + row[name] for name in totals}
            click.echo(f"{view:<5}{phase:<5}" + "".join(f"{row[name]:>12}" for name in totals))
    click.echo("All       " + "".join(f"{number:>12}" for number in totals.values()))
    if totals["unlabelled"]:
        click.echo(f"{totals['unlabelled']} frames have no quality; they are in no stratum.")


def _print_left_out(summary: "Summary") -> None:
    if not summary.left_out:
        click.echo("Nothing was left out")
        return
    click.echo(f"Left out: {len(summary.left_out)}")
    for entry in summary.left_out:
        click.echo(f"  {one_line(f'{entry.file}: {entry.why}')}")


def _part(some: int, every: int) -> str:
    return {0: "no frame", every: "every frame"}.get(some, f"{some} of {every} frames")


def _span(values: "Range") -> str:
    return f"{values.minimum:g} to {values.maximum:g}, median {values.median:g}"
