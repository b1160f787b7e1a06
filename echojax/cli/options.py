"""What commands have in common."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from echojax import presets, session
from echojax.session import KINDS


class Device(click.ParamType):
    """A kind of device, or the number of one."""

    name = "device"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands in the help."""
        del param, ctx
        return "[" + "|".join((*KINDS, "N")) + "]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Words that a shell offers."""
        del ctx, param
        return [CompletionItem(kind) for kind in KINDS if kind.startswith(incomplete)]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the word."""
        text = str(value).lower()
        if text not in KINDS and not text.isdecimal():
            self.fail(f"{value!r} is none of {', '.join(KINDS)} and no number", param, ctx)
        return text


def _kept(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep an option for `Command.invoke`; commands need not know of it."""
    context.meta[f"{__name__}.{option.name}"] = value


def _common(name: str, text: str, **more: Any) -> click.Option:
    return click.Option([name], expose_value=False, callback=_kept, help=text, **more)


_COMMON = (
    _common(
        "--device",
        "What to compute on; N counts the devices there are from 0.  [default: all of them]",
        type=Device(),
    ),
    _common("--quiet", "Leave out progress and notes; results and errors remain.", is_flag=True),
    _common("--verbose", "Say which devices, files and programs are used.", is_flag=True),
    click.Option(
        ["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."
    ),
)


class Command(click.Command):
    """A command with the options that every command has.

    `echojax.cli.main` acts on --debug.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the command."""
        super().__init__(*args, **kwargs)
        self.params.extend(_COMMON)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it as loud, and on the device, as asked."""
        quiet, verbose, device = (
            ctx.meta.get(f"{__name__}.{name}") for name in ("quiet", "verbose", "device")
        )
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other", ctx)
        level: session.Level = "quiet" if quiet else "verbose" if verbose else "normal"
        with session.asked(level, device or ""):
            return super().invoke(ctx)


def command(name: str) -> Callable[[Callable[..., None]], Command]:
    """Decorator: a function becomes the command `name`."""
    return click.command(name, cls=Command, context_settings={"show_default": True})


data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    envvar="ECHOJAX_DATA_DIR",
    help="Where prepared datasets are kept.",
)


class _Configuration(click.Path):
    """A configuration by its name or its path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(presets.find(str(value)), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        named = [CompletionItem(name) for name in presets.names() if name.startswith(incomplete)]
        return named or super().shell_complete(ctx, param, incomplete)


_RUN_OPTIONS = (
    click.option(
        "--config",
        "file",
        type=_Configuration(dir_okay=False, path_type=Path),
        metavar="NAME|FILE",
        help=f"A configuration: {', '.join(presets.names())}, or a file of your own (TOML).",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set one key, as in --set sr.steps=500; repeatable.",
    ),
    click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="ECHOJAX_DATA_DIR",
        help="Where prepared datasets are kept.  [default: data.dir of the configuration]",
    ),
    click.option(
        "--run",
        type=click.Path(file_okay=False, path_type=Path),
        help="Run directory.  [default: runs/<name of the configuration>]",
    ),
    click.option("--resume", is_flag=True, help="Go on with an existing run."),
    click.option("--overwrite", is_flag=True, help="Replace an existing run."),
)

dry_run = click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be done, how long it takes on this machine, and the disk it needs; "
    "a few steps of each kind are timed, and nothing is written.",
)


inputs = click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON only.")


def check(given: Mapping[str, Any], *, dry_run: bool, images: bool = False) -> None:
    """See that a run may be worked in and its data are there, before anything slow is imported.

    Args:
        given: the options of `run_options`.
        dry_run: whether nothing is to be written.
        images: whether natural images are needed, instead of echo frames.

    Raises:
        UsageError: --dry-run is given with --overwrite.
        InputError: the run directory may not be used so, or no data are prepared.
    """
    if dry_run and given["overwrite"]:
        raise click.UsageError("--dry-run looks at what the run has; leave out --overwrite")
    from echojax.data import there
    from echojax.runs.run import preview

    folder, values = preview(**given)
    if not images:
        there.camus(folder)
    elif isinstance(section := values.get("sr", {}), dict):
        there.images(folder, str(section.get("images", there.DIV2K)))


def run_options(function: Callable[..., None]) -> Callable[..., None]:
    """Decorator: the options of every command that works in a run directory."""
    for option in reversed(_RUN_OPTIONS):
        function = option(function)
    return function
