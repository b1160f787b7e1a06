"""Commands that use a trained generator: enhance, evaluate-sr."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echojax.cli import options, printing
from echojax.vocabulary import GENERATORS, MODES, Mode
from echojax.wording import one_line

if TYPE_CHECKING:
    from echojax.media import Region
    from echojax.models.generator import Generator

_SCALE = 4  # where no network decides
_GENERATOR = (
    click.option(
        "--weights",
        metavar="FILE",
        help="A file of weights, as train-sr leaves it or PyTorch's (.pth), or the name of a "
        "fetched network (srresnet-x4).",
    ),
    click.option(
        "--run",
        type=click.Path(file_okay=False, path_type=Path),
        help="A run whose generator is used.",
    ),
    click.option(
        "--sr", type=click.Choice(GENERATORS), help="Which one of the run.  [default: srresnet]"
    ),
    click.option("--fold", type=click.IntRange(min=0), help="Of which fold.  [default: 0]"),
)


def _generator_options(function: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_GENERATOR):
        function = option(function)
    return function


def _file(weights: str | None, run: Path | None, sr: str | None, fold: int | None) -> Path | None:
    if run is None and (sr is not None or fold is not None):
        raise click.UsageError("--sr and --fold choose a network of a run; pass --run")
    if weights is not None and run is not None:
        raise click.UsageError("--weights and --run both name a generator; pass one of them")
    if run is not None:
        from echojax.studies.diagnosis import generators

        return generators.find(run, sr or "srresnet", fold or 0)
    if weights is None:
        return None
    from echojax.errors import InputError
    from echojax.weights import catalogue

    file = catalogue.locate(weights)
    if not file.exists():
        raise InputError(f"{file}: no such weights file; `echojax weights list` has public ones")
    return file


def _load(file: Path) -> "Generator":
    from echojax import devices
    from echojax.models.generator import Generator
    from echojax.weights import networks

    devices.start()
    model: Generator = networks.load(file, Generator)
    return model


class _RegionType(click.ParamType):
    """Four numbers: a rectangle of pixels."""

    name = "region"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> "Region":
        from echojax.media import Region

        try:
            top, left, bottom, right = (int(number) for number in str(value).split(","))
        except ValueError:
            top, left, bottom, right = 0, 0, 0, 0
        if not (0 <= top < bottom and 0 <= left < right):
            self.fail(
                f"{str(value)!r}: expected TOP,LEFT,BOTTOM,RIGHT in pixels, as in 40,0,600,800; "
                "BOTTOM and RIGHT are the first row and column outside",
                param,
                ctx,
            )
        return Region(top=top, bottom=bottom, left=left, right=right)


@options.command("enhance")
@options.inputs
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder; for a single INPUT it may be a file.",
)
@_generator_options
@click.option(
    "--mode",
    type=click.Choice(MODES),
    help="upscale: larger by the network's factor; restore: reduced by it and brought back. A "
    "restorer keeps the size and has no mode.  [default: upscale]",
)
@click.option(
    "--compare", is_flag=True, help="Write a picture beside the original and bicubic, too."
)
@click.option(
    "--region",
    type=_RegionType(),
    metavar="TOP,LEFT,BOTTOM,RIGHT",
    help="The ultrasound in every frame, in pixels; what is outside is interpolated, or kept as it "
    "is. BOTTOM and RIGHT are the first row and column outside.  [default: the regions that DICOM "
    "names, else the sector on black if there is one, else the whole frame]",
)
@click.option(
    "--compress",
    is_flag=True,
    help="Write DICOM as JPEG 2000 without loss (beyond 8 bits as RLE), not uncompressed.",
)
@click.option(
    "--anonymize",
    is_flag=True,
    help="Write DICOM without what tells whose it is, by the basic profile of its standard. "
    "Text burnt into the frames stays, and so do file names; other formats are refused.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option(
    "--tile",
    type=click.IntRange(min=64),
    default=384,
    help="Side of a tile in pixels; smaller needs less memory and more time, but a tile is never "
    "smaller than the network's sight (160 for SRResNet).",
)
def enhance(
    inputs: tuple[Path, ...],
    out: Path,
    weights: str | None,
    run: Path | None,
    sr: str | None,
    fold: int | None,
    mode: Mode | None,
    compare: bool,
    region: "Region | None",
    compress: bool,
    anonymize: bool,
    overwrite: bool,
    tile: int,
) -> None:
    """Enlarge or restore images, volumes, DICOM and clips.

    INPUT is a PNG, JPEG, TIFF, BMP, WebP, NIfTI, MetaImage, DICOM, AVI, MP4, MOV, MKV or GIF file,
    or a folder of them, which is searched recursively and keeps its structure; what lies in it
    besides is named and left alone. Formats, bit depth, spacing and frame rate are kept; colour
    images are enlarged by their luminance if the network is gray.

    DICOM keeps all that it says of the patient, unless --anonymize is passed.

    A file that cannot be done is named at the end, the others are done; the exit code is 1 then.
    """
    from echojax.errors import InputError

    missing = next((path for path in inputs if not path.exists()), None)
    if missing is not None:  # before anything slow is imported
        raise InputError(f"{missing}: no such file or folder")
    file = _file(weights, run, sr, fold)
    if file is None:
        raise click.UsageError(
            "which network? Pass --run DIR of a training, or --weights FILE; "
            "`echojax weights list` names public ones"
        )
    from echojax import recordings
    from echojax.inference.enhance import Network
    from echojax.media import folders

    jobs = recordings.plan(inputs, out)
    if not overwrite:
        recordings.check_free(jobs, compare=compare)
    for line in folders.left_alone(inputs, out):
        printing.note(line)
    network = Network(_load(file), tile)
    scale = network.scale
    if scale == 1 and mode is not None:
        raise click.UsageError(f"{file} keeps the size of frames; leave --mode out")
    mode = mode or ("upscale" if scale > 1 else "filter")
    done = {
        "upscale": f"enlarged {scale} times",
        "restore": f"reduced by {scale} and restored",
        "filter": "restored",
    }[mode]
    work = recordings.Work(
        network,
        description=f"{done} by {file.stem} (echojax)",
        mode=mode,
        compare=compare,
        region=region,
        compress=compress,
        anonymize=anonymize,
    )
    failures = work.run(jobs, printing.note)
    if anonymize:
        printing.note(
            "--anonymize leaves text that is burnt into frames, and file names; look before sharing"
        )
    succeeded = len(jobs) - len(failures)
    if succeeded:
        target = jobs[0].target if len(jobs) == 1 else out
        click.echo(one_line(f"{succeeded} of {len(jobs)} enhanced: {target}"))
    printing.failures(failures, len(jobs), "enhanced")


@options.command("evaluate-sr")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_generator_options
@click.option("--sector", is_flag=True, help="Measure in the sector of echo frames, too.")
@options.as_json
@click.option("--markdown", is_flag=True, help="Print a Markdown table only.")
def evaluate_sr(
    folder: Path,
    weights: str | None,
    run: Path | None,
    sr: str | None,
    fold: int | None,
    sector: bool,
    as_json: bool,
    markdown: bool,
) -> None:
    """Measure PSNR and SSIM as the literature does.

    Images are reduced by the network's factor (antialiased bicubic), enlarged again and compared on
    the Y channel, or the gray, without a border as wide as the factor; bicubic and Lanczos
    enlargement stand beside the network, or alone, by 4, without one.

    The black around the sector of an echo frame comes back whatever enlarges it, so that figures
    over the whole frame look better than the ultrasound does: --sector gives those of the
    ultrasound beside them. The sector is the convex hull of all that is not black, small marks left
    out.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    file = _file(weights, run, sr, fold)
    from echojax.errors import InputError
    from echojax.inference import fidelity

    if file is None:
        enlargers = fidelity.interpolations(_SCALE)
    else:
        model = _load(file)
        if model.scale == 1:
            raise InputError(f"{file}: enlarges nothing; its training logged how well it restores")
        enlargers = fidelity.beside_interpolations(model)
    report = fidelity.evaluate(folder, enlargers, sector=sector)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        click.echo(report.as_markdown() if markdown else report.as_text())
