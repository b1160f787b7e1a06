"""The command that serves a live page: demo."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echojax.cli import options, printing
from echojax.vocabulary import GRADING_METHODS, MODES, VIEWS, GradingMethod, Mode, View

if TYPE_CHECKING:
    from echojax.assessment.methods import Method
    from echojax.demo.sight import Enhance

_PIXELS = (None, "gcnr", "cr")  # methods that need no network


@options.command("demo")
@click.option(
    "--weights",
    metavar="FILE",
    help="A network that enhances, as train-sr or train-restorer leaves it, or the name of a "
    "fetched one (srresnet-x4).  [default: bicubic interpolation, x4]",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    help="upscale: larger by the network's factor; restore: reduced by it and brought back, "
    "which takes a sixteenth of the time. A restorer has no mode.  [default: upscale]",
)
@click.option("--segmenter", metavar="FILE", help="A network that finds the wall, for its grades.")
@click.option("--grader", metavar="FILE", help="A network, as train-grader or train-coherence.")
@click.option(
    "--method",
    type=click.Choice(GRADING_METHODS),
    help="As of `echojax grade`.  [default: that of --grader; cr without]",
)
@click.option("--view", type=click.Choice(VIEWS), help="Names regions: basal septal, not left.")
@click.option(
    "--clip",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A recording that is played in a loop; without it the page has cameras alone.",
)
@click.option(
    "--longest",
    type=click.IntRange(min=32),
    default=480,
    help="Larger frames are reduced until their longer side has so many pixels.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8700, help="0 for any free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    help="With any other than this machine's own, everybody who reaches it sees the frames, "
    "unencrypted; and browsers show cameras to no such page.",
)
def demo(
    weights: str | None,
    mode: Mode | None,
    segmenter: str | None,
    grader: str | None,
    method: GradingMethod | None,
    view: View | None,
    clip: Path | None,
    longest: int,
    port: int,
    host: str,
) -> None:
    """Show a clip or a camera in the browser, graded and enhanced, as it goes.

    The page has two halves: the original with the grades of its regions, and the enhanced frame;
    beside them frames a second, latency, and what the time is spent on. Frames come from --clip
    (any recording that `echojax enhance` reads), from the webcam, or from a frame grabber, which
    browsers show as a camera; the page lets you choose. A camera's picture should show the sector
    and little else: what is around it is not cut off.

    Grades by contrast or coherence need a mask of every frame, so --segmenter; without, frames are
    only enhanced, and the page says why. Points that divide the wall are averaged with those of the
    frames just before. When the program is slower than the source, frames are left out.

    Frames never leave the machine: the page is served to it alone, asks nothing of any other, and
    nothing is kept. It needs an extra: pip install 'echojax[demo]'.
    """
    _check(method, grader, mode, weights)
    from echojax.demo import frames, server

    server.check_installed()
    files = {
        name: _file(name, file)
        for name, file in (("--segmenter", segmenter), ("--grader", grader))
        if file
    }
    from echojax import devices
    from echojax.demo.server import Page
    from echojax.demo.sight import Sight
    from echojax.inference.regions import REGIONS, names
    from echojax.report.grade_colours import legend

    devices.start()
    enhance, enhancement = _enhance(weights, mode)
    grading, reason = _grading(method, files.get("--grader"), "--segmenter" in files)
    segment = None
    if grading is not None and "--segmenter" in files:
        from echojax.inference.segment import Segmenter

        segment = Segmenter.load(files["--segmenter"])
    sight = Sight(enhance, None if grading is None else grading.scorer, segment)
    facts: dict[str, Any] = {
        "method": "" if grading is None else grading.title,
        "reason": reason,
        "enhancement": enhancement,
        "regions": REGIONS if view is None else names(view),
        "legend": [] if grading is None else [(word, colour.hex) for word, colour in legend()],
        "longest": longest,
        "clip": None,
    }
    played = None
    if clip is not None:
        played = frames.read(clip, longest)
        facts["clip"] = played.name
        if not played.whole:
            printing.note(f"{clip}: its first {len(played.levels):,} frames are played")
    with server.listen(host, port) as listener:
        printing.note("Compiling")
        sight.stream()(frames.example(longest) if played is None else played.at(0))
        page = Page(sight, facts, longest, played, server.is_local(host))
        click.echo(f"{server.address(listener)} shows the page; Ctrl-C ends it.")
        _tell(reason, local=page.local)
        _run(page, listener)


def _check(
    method: GradingMethod | None, grader: str | None, mode: Mode | None, weights: str | None
) -> None:
    if method in ("gcnr", "cr") and grader:
        raise click.UsageError(f"{method} needs no network; leave --grader out")
    if method not in _PIXELS and not grader:
        raise click.UsageError(f"{method} needs a network; pass --grader FILE")
    if mode is not None and weights is None:
        raise click.UsageError("--mode is of a network; pass --weights")


def _file(option: str, name: str) -> Path:
    from echojax.errors import InputError

    file = Path(name).expanduser()
    if not file.is_file():
        raise InputError(f"{option} {file}: no such weights file")
    return file


def _enhance(weights: str | None, mode: Mode | None) -> "tuple[Enhance, str]":
    """What enhances, and its name for the page."""
    from echojax.demo import sight

    if weights is None:
        return sight.bicubic, f"bicubic interpolation, x{sight.SCALE}"
    from echojax.inference.enhance import Network
    from echojax.models.generator import Generator
    from echojax.weights import catalogue, networks

    file = catalogue.locate(weights)
    model: Generator = networks.load(file, Generator)
    if model.scale == 1:
        if mode is not None:
            raise click.UsageError(
                f"{weights} is a restorer, which keeps the size; leave --mode out"
            )
        return sight.network(Network(model), "filter"), f"{file.stem}, a restorer"
    way = {"upscale": f"x{model.scale}", "restore": f"x{model.scale} smaller and back"}
    return sight.network(
        Network(model), mode or "upscale"
    ), f"{file.stem}, {way[mode or 'upscale']}"


def _grading(
    method: GradingMethod | None, grader: Path | None, masks: bool
) -> "tuple[Method | None, str]":
    """What grades; or nothing, and why."""
    from echojax.assessment import methods

    chosen = methods.chosen(
        method or (None if grader else "cr"), grader, rule="literature", line=None
    )
    if chosen.scorer.needs_mask and not masks:
        return None, f"no grades, since {chosen.name} needs a mask of every frame: --segmenter FILE"
    return chosen, ""


def _tell(reason: str, *, local: bool) -> None:
    if reason:
        printing.note(reason[0].upper() + reason[1:])
    if local:
        printing.note("Frames never leave this machine, and none is kept.")
    else:
        printing.note("Everybody who reaches this address sees the frames, unencrypted.")


def _run(page: Any, listener: Any) -> None:
    from echojax.demo import server
    from echojax.stopping import Stopped

    try:
        server.server(page).run([listener])
    except KeyboardInterrupt as error:
        number = getattr(error, "signum", signal.SIGINT)
        raise Stopped("the page is served no longer", number) from None
