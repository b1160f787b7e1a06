"""What every prepared dataset shares: made aside, put in place when whole, read without noise."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from echojax.errors import InputError


@dataclass(frozen=True)
class LeftOut:
    """A file that was not taken into the dataset, and why."""

    file: str
    why: str


def check_replaceable(target: Path, source: Path, *, overwrite: bool) -> None:
    """See that a dataset may be put at `target`: only another one, never the source, is replaced.

    Raises:
        InputError: something else is there, or a dataset that must not be overwritten.
    """
    if not target.exists():
        return
    if source.resolve().is_relative_to(target.resolve()):
        raise InputError(
            f"{source}: lies where the dataset would go ({target}); choose another --data-dir"
        )
    if not any(target.glob("*/dataset_info.json")):
        raise InputError(f"{target}: is not a prepared dataset; choose another --data-dir")
    if not overwrite:
        raise InputError(
            f"{target}: there is a dataset already; pass --overwrite to replace it or choose "
            "another --data-dir"
        )


def make_data_dir(data_dir: Path) -> None:
    """Make the folder of datasets, if it is missing.

    Raises:
        InputError: it is a file.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{data_dir}: is a file; choose a folder with --data-dir") from None


@contextlib.contextmanager
def made_aside(data_dir: Path, name: str) -> Iterator[Path]:
    """Give a folder to make `name` in; it takes its place in `data_dir` if the block succeeds.

    Args:
        data_dir: where datasets go; made if it is missing.
        name: of the dataset's folder in `data_dir`, as "camus" or "images/div2k".

    Raises:
        InputError: `data_dir` is a file.
    """
    target = data_dir / name
    make_data_dir(data_dir)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=data_dir) as aside:
        yield Path(aside)
        if target.exists():
            # Only set aside, and deleted with the folder, once the new one is in its place.
            target.rename(Path(aside, "old"))
        target.parent.mkdir(exist_ok=True)
        Path(aside, name).rename(target)


@contextlib.contextmanager
def tfds_quiet() -> Iterator[None]:
    """Keep TFDS's own bars and notices out of ours, and off standard output."""
    tfds.disable_progress_bar()
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def opened(folder: Path) -> Any:
    """TFDS's builder of a prepared dataset, as `there` finds it."""
    with tfds_quiet():
        return tfds.builder_from_directory(folder)
