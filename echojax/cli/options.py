"""What commands have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from echojax import presets


class Command(click.Command):
    """A command that knows --debug; `echojax.cli.main` acts on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the command."""
        super().__init__(*args, **kwargs)
        debug = click.Option(
            ["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."
        )
        self.params.append(debug)


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
    "--dry-run", is_flag=True, help="Say what would be trained, and write nothing."
)


def run_options(function: Callable[..., None]) -> Callable[..., None]:
    """Decorator: the options of every command that works in a run directory."""
    for option in reversed(_RUN_OPTIONS):
        function = option(function)
    return function
