"""Commands that look at the heart in one's own files: segment, grade."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echojax.cli import options, printing
from echojax.vocabulary import GRADING_METHODS, VIEWS, GradingMethod, View
from echojax.wording import count, one_line

if TYPE_CHECKING:
    from echojax.assessment.places import Job
    from echojax.inference.contrast import Rule
    from echojax.inference.grade_lines import Line

_PIXELS = ("gcnr", "cr")  # methods that need no network


class _Numbers(click.ParamType):
    """Some numbers between commas, all of them positive but perhaps the second."""

    name = "numbers"

    def __init__(self, least: int, most: int, example: str, *, signed: bool = False) -> None:
        """Say how many there may be, how they look, and whether the second may be negative."""
        self._lengths, self._example, self._signed = range(least, most + 1), example, signed

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        try:
            numbers = tuple(float(number) for number in str(value).split(","))
        except ValueError:
            numbers = ()
        positive = numbers[:1] + numbers[2:] if self._signed else numbers
        finite = all(map(math.isfinite, numbers))
        if len(numbers) not in self._lengths or not finite or min(positive) <= 0:
            self.fail(f"{str(value)!r}: expected {self._example}", param, ctx)
        return numbers


_out = click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder for what is made; folders of INPUT keep their structure in it.",
)
_spacing = click.option(
    "--spacing",
    type=_Numbers(1, 2, "positive numbers, as in 0.3 or 0.154,0.308 (rows, columns)"),
    metavar="MM[,MM]",
    help="Millimetres between rows and between columns.  [default: what files state]",
)
_overwrite = click.option("--overwrite", is_flag=True, help="Replace files that are there.")


def _both(spacing: tuple[float, ...] | None) -> tuple[float, float] | None:
    return None if spacing is None else (spacing[0], spacing[-1])


def _file(weights: str) -> Path:
    from echojax.errors import InputError

    file = Path(weights).expanduser()
    if not file.is_file():
        raise InputError(f"{file}: no such weights file")
    return file


def _planned(
    inputs: tuple[Path, ...],
    out: Path,
    tables: tuple[str, ...],
    *,
    mask: bool,
    overlay: bool,
    overwrite: bool,
) -> "list[Job]":
    """What is to be done, after a look at what is there already."""
    from echojax.assessment import places
    from echojax.media import folders

    jobs = places.plan(inputs, out)
    made = [file for job in jobs for file in job.files(mask=mask, overlay=overlay)]
    made += [out / table for table in tables]
    places.check_free(made, [job.source for job in jobs], overwrite=overwrite)
    for line in folders.left_alone(inputs, out):
        printing.note(line)
    return jobs


def _write(path: Path, rows: "list[Any]") -> None:
    from echojax.report import tables

    tables.write(path, rows[0]._fields, (row._asdict() for row in rows))


@options.command("segment")
@options.inputs
@_out
@click.option(
    "--weights", metavar="FILE", required=True, help="A network, as train-segmenter leaves it."
)
@click.option(
    "--mirror", is_flag=True, help="Ask about the mirror image too: twice the time, calmer edges."
)
@click.option("--overlay", is_flag=True, help="Draw the masks over the frames, as PNG or MP4.")
@_spacing
@options.as_json
@_overwrite
def segment(
    inputs: tuple[Path, ...],
    out: Path,
    weights: str,
    mirror: bool,
    overlay: bool,
    spacing: tuple[float, ...] | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Find the left ventricle, its wall and the left atrium in apical views.

    INPUT is a file or a folder of files, as for `echojax enhance`. Masks go to OUT and lie where
    the pixels do that they are of: NIfTI, MetaImage and TIFF stay what they are, DICOM becomes a
    segmentation object that refers to its source, another image a PNG, a clip NIfTI. Labels are 1
    left ventricle, 2 myocardium, 3 left atrium.

    OUT/measures.csv has areas and the length of the left ventricle for every frame, in mm where a
    file states the spacing of its pixels or --spacing does, else in pixels. OUT/volumes.csv has
    biplane volumes and the ejection fraction of P where the files P_2CH_ED, P_2CH_ES, P_4CH_ED and
    P_4CH_ES are among INPUT.

    A file that cannot be done is named at the end, the others are done; the exit code is 1 then.
    """
    file = _file(weights)
    jobs = _planned(
        inputs,
        out,
        ("measures.csv", "volumes.csv"),
        mask=True,
        overlay=overlay,
        overwrite=overwrite,
    )
    from echojax.assessment.segmenting import Segmenting

    described = f"segmented by {file.stem} (echojax)"
    segmenter = _segmenter(file, mirror=mirror)
    work = Segmenting(segmenter, described, _both(spacing), overlay)
    measured, volumes, failures = work.run(jobs, printing.note)
    if measured:
        _write(out / "measures.csv", list(measured))
    if volumes:
        _write(out / "volumes.csv", list(volumes))
    if as_json:
        found = {"weights": file, "measures": measured, "volumes": volumes, "failed": failures}
        printing.as_json(found)
    elif measured:
        done = len({row.file for row in measured})
        frames = count(len(measured), "frame")
        click.echo(one_line(f"{done} of {len(jobs)} segmented, {frames}: {out}"))
        for row in volumes:
            click.echo(
                one_line(
                    f"{row.person}: EDV {row.edv:.0f} ml, ESV {row.esv:.0f} ml, EF {row.ef:.0f} %"
                )
            )
    printing.failures(failures, len(jobs), "segmented")


def _segmenter(file: Path, *, mirror: bool = False) -> Any:
    from echojax import devices
    from echojax.inference.segment import Segmenter

    devices.start()
    return Segmenter.load(file, mirror=mirror)


@options.command("grade")
@options.inputs
@_out
@click.option(
    "--method",
    type=click.Choice(GRADING_METHODS),
    help="end-to-end: a network sees the frame and grades. coherence: a network tells how coherent "
    "echoes were. gcnr, cr: contrast of region and cavity, without a network.  [default: that of "
    "--weights; cr without]",
)
@click.option("--weights", metavar="FILE", help="A network, as train-grader or train-coherence.")
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Masks, as `echojax segment` writes them: a file for a single INPUT, or a folder in which "
    "that of a.dcm is called a_mask, a_gt or a. One mask may serve all of a clip.",
)
@click.option("--segmenter", metavar="FILE", help="A network that makes the masks.")
@click.option("--view", type=click.Choice(VIEWS), help="Names regions: basal septal, not left.")
@click.option(
    "--rule",
    type=click.Choice(["literature", "arqee"]),
    default="literature",
    help="literature: contrast as it defines it, inside the sector, regions by arc length in mm. "
    "arqee: contrast and regions as the public program has them, in squares of 256 pixels.",
)
@click.option(
    "--line",
    type=_Numbers(2, 3, "SLOPE,INTERCEPT[,SPREAD], as in 0.06,0.44,0.8", signed=True),
    metavar="SLOPE,INTERCEPT[,SPREAD]",
    help="Your own line, measure = SLOPE * grade + INTERCEPT, for gcnr, cr and coherence; SPREAD "
    "is the standard deviation of grades about it, of which an interval of 95 % is made.",
)
@click.option(
    "--overlay/--no-overlay", default=True, help="Draw grades over the frames, as PNG or MP4."
)
@click.option(
    "--measures", is_flag=True, help="Write contrasts.csv too: level, CR, CNR and gCNR of regions."
)
@_spacing
@options.as_json
@_overwrite
def grade(
    inputs: tuple[Path, ...],
    out: Path,
    method: GradingMethod | None,
    weights: str | None,
    masks: Path | None,
    segmenter: str | None,
    view: View | None,
    rule: "Rule",
    line: tuple[float, ...] | None,
    overlay: bool,
    measures: bool,
    spacing: tuple[float, ...] | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Grade the image quality of the left ventricle's wall, region by region.

    INPUT is a file or a folder of files, as for `echojax enhance`: apical views, the probe on top.
    The wall has six regions, the mitral annulus two. Grades are 1 not visible, 2 poor, 3 ok, 4 good
    and 5 excellent, with everything between.

    OUT/grades.csv has a line for every region of every frame: the grade, its word, and an interval
    where the error of the method is known; or "not assessable" and the reason. A region has no
    grade if less than half of it lies in the sector, or if the mask cannot be divided.

    Where regions are, a mask says: --masks or --segmenter. gcnr, cr and coherence need one;
    end-to-end grades without, and then draws nothing, unless its network gives masks itself
    (regional_quality.network = "pooled"). In a clip, points that divide the wall are averaged over
    five frames.

    gcnr, cr and coherence become grades by lines that were fitted to the grades of simulated
    frames, known from their physics, with errors of about one grade; --rule arqee has the lines
    that the authors of arqee fitted to cardiologists' grades. Both put regions of real frames
    beyond 1 or 5, where they are cut off: take them as an order, not as a cardiologist's words. No
    grade of this program was compared with a cardiologist's.

    A file that cannot be done is named at the end, the others are done; the exit code is 1 then.
    """
    method = method or (None if weights else "cr")
    _check(method, inputs, weights, masks, segmenter)
    files = {name: _file(each) for name, each in (("w", weights), ("s", segmenter)) if each}
    from echojax.assessment.masks import Folder

    folder = masks is not None and masks.is_dir()
    jobs = _planned(
        inputs,
        out,
        ("grades.csv", *(["contrasts.csv"] if measures else [])),
        mask=False,
        overlay=overlay,
        overwrite=overwrite,
    )
    if masks is not None and not folder and len(jobs) > 1:
        raise click.UsageError(f"--masks {masks} is one file for {len(jobs)}; pass a folder")
    from echojax.assessment import methods
    from echojax.assessment.grading import Grading

    if files:
        from echojax import devices

        devices.start()
    chosen = methods.chosen(method, files.get("w"), rule, _line(line))
    segment_by = _segmenter(files["s"]) if "s" in files else chosen.segment
    if chosen.scorer.needs_mask and masks is None and segment_by is None:
        raise click.UsageError(
            f"{chosen.name} needs regions; pass --masks FILE|DIR or --segmenter FILE"
        )
    find = None
    if masks is not None:
        where = Folder(masks) if folder else None
        find = lambda job: masks if where is None else where.of(job.source, job.name)  # noqa: E731
    work = Grading(
        chosen.scorer,
        chosen.name,
        chosen.title,
        find,
        segment_by if masks is None else None,
        view,
        _both(spacing),
        overlay,
        rule,
        measures,
    )
    rows, contrasts, failures = work.run(jobs, printing.note)
    for table, lines in (("grades.csv", rows), ("contrasts.csv", contrasts)):
        if lines:
            _write(out / table, list(lines))
    if as_json:
        found = {"method": chosen.title, "grades": rows, "contrasts": contrasts}
        printing.as_json({**found, "failed": failures})
    elif rows:
        click.echo(chosen.title)
        printing.grades(rows)
        click.echo(one_line(f"Every region of every frame: {out / 'grades.csv'}"))
    printing.failures(failures, len(jobs), "graded")


def _check(
    method: GradingMethod | None,
    inputs: tuple[Path, ...],
    weights: str | None,
    masks: Path | None,
    segmenter: str | None,
) -> None:
    from echojax.errors import InputError

    for path in (*inputs, *([] if masks is None else [masks])):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    if method in _PIXELS and weights:
        raise click.UsageError(f"{method} needs no network; leave --weights out")
    if method is not None and method not in _PIXELS and not weights:
        raise click.UsageError(f"{method} needs a network; pass --weights FILE")
    if masks is not None and segmenter:
        raise click.UsageError("--masks and --segmenter both say where regions are; pass one")
    if method not in (None, "end-to-end") and masks is None and not segmenter:
        raise click.UsageError(f"{method} needs regions; pass --masks FILE|DIR or --segmenter FILE")


def _line(given: tuple[float, ...] | None) -> "Line | None":
    from echojax.inference.grade_lines import Line

    if given is None:
        return None
    slope, intercept, *spread = given
    return Line(slope, intercept, "a line of your own", *spread)
