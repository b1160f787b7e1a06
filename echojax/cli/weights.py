"""Commands about files of weights: convert, info, list, fetch."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echojax.cli import options, printing

if TYPE_CHECKING:
    from echojax.weights.convert import Converted

_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
_GRAY = click.option("--gray", is_flag=True, help="Make a network of gray images of one of RGB.")


@click.group("weights")
def weights() -> None:
    """Convert, look into and fetch trained weights."""


@options.command("convert")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The .safetensors file to write.  [default: the name of FILE, in this folder]",
)
@_GRAY
@_OVERWRITE
def convert(file: Path, out: Path | None, gray: bool, overwrite: bool) -> None:
    """Make one .safetensors file that is complete in itself.

    FILE is a PyTorch checkpoint (.pth, .pt, .pth.tar), read without PyTorch and without executing
    anything, a .safetensors file with PyTorch's names, the NumPy file (.npz) of a MobileNetV2 whose
    BatchNorm is folded into its convolutions, or the folder of a training's Orbax
    checkpoints (RUN/sr/srresnet/patient/fold0). A model card is written beside it.
    """
    from echojax.weights import convert as conversion

    stem = file.name.split(".")[0]
    out = out or Path(f"{stem}-gray.safetensors" if gray else f"{stem}.safetensors")
    _check_free(out, overwrite)
    if file.is_dir():
        from echojax.training.checkpoints import network_of

        model, card = network_of(file)
        _save(conversion.of_network(model, card, gray=gray), out)
    else:
        _save(conversion.convert(file, gray=gray), out)


@options.command("info")
@click.argument("file", type=click.Path(path_type=Path))
@options.as_json
def info(file: Path, as_json: bool) -> None:
    """Show which network a file of weights holds, and what is known of it.

    --json prints file, format, layout (whose names the tensors have; null if nobody's we know),
    network (its settings, as text), the numbers of tensors and parameters, notes, metadata (what a
    file of ours says besides) and problem (why it cannot be used; null if it can).
    """
    from echojax.weights.convert import inspect

    found = inspect(file)
    if as_json:
        printing.as_json({"file": file, **dataclasses.asdict(found)})
    else:
        click.echo(found.as_text())


@options.command("list")
def list_() -> None:
    """List the public checkpoints that can be fetched."""
    from echojax.weights.catalogue import CHECKPOINTS, converted

    for name, checkpoint in CHECKPOINTS.items():
        kept = [
            str(file) for gray in (False, True) if (file := converted(name, gray=gray)).is_file()
        ]
        click.echo(f"{name:<14}{checkpoint.what}")
        click.echo(f"{'':<14}{checkpoint.source}; licence: {checkpoint.licence}")
        click.echo(f"{'':<14}{', '.join(kept) or 'not fetched'}")


@options.command("fetch")
@click.argument("name")
@_GRAY
@click.option("--mirror", metavar="URL", help="Folder to fetch from: http, https or file.")
@click.option("--sha256", help="Hash to check instead of the known one.")
@_OVERWRITE
def fetch(name: str, gray: bool, mirror: str | None, sha256: str | None, overwrite: bool) -> None:
    """Download a public checkpoint, check and convert it.

    NAME is one of `echojax weights list`. Both files are kept in ECHOJAX_WEIGHTS (default
    ~/.cache/echojax/weights); a download that broke off goes on.
    """
    from echojax import download
    from echojax.errors import InputError
    from echojax.weights import catalogue
    from echojax.weights import convert as conversion

    known = catalogue.checkpoint(name)
    if gray and not known.gray:
        able = ", ".join(each.name for each in catalogue.CHECKPOINTS.values() if each.gray)
        raise InputError(f"{name}: cannot be made one of gray images; --gray is for {able}")
    out = catalogue.converted(name, gray=gray)
    if out.is_file() and not overwrite:
        click.echo(f"There already: {out}")
        return
    raw = catalogue.cache_dir() / known.file
    if overwrite:
        raw.unlink(missing_ok=True)
    url = download.mirrored(known.url, mirror)
    download.download(url, raw, sha256=sha256 or known.expected_hash)
    try:
        found = conversion.convert(raw, gray=gray)
    except InputError as error:
        raise InputError(f"{error}; --overwrite downloads it again") from error
    _save(found, out, {"title": known.what, "licence": known.licence, "origin": known.source})


def _check_free(out: Path, overwrite: bool) -> None:
    from echojax.errors import InputError
    from echojax.weights import networks

    if out.suffix != ".safetensors":
        raise InputError(f"{out}: expected a name that ends in .safetensors")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: is there already; pass --overwrite to replace it")
    networks.check_page(out)


def _save(found: "Converted", out: Path, more: dict[str, str] | None = None) -> None:
    from echojax.weights import kinds, networks

    networks.save(found.model, out, {**(more or {}), **found.card})
    click.echo(f"{found.layout}: {kinds.summary(found.model)}")
    for note in found.notes:
        click.echo(f"- {note}")
    click.echo(f"Written: {out}")


for _command in (convert, info, list_, fetch):
    weights.add_command(_command)
