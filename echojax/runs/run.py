"""A run directory: what was asked (config.toml), where (environment.json), what happened (log)."""

import csv
import datetime
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from echojax import config, session
from echojax.config import C, DataConfig
from echojax.errors import InputError
from echojax.files import command, written_whole
from echojax.runs import contents, lock, log
from echojax.runs.job import Job, Record
from echojax.version import __version__

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

_LAYOUT = "2"  # of a run directory; runs of 0.1.0 say none, and have no records of their jobs
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


@dataclass(frozen=True)
class Run:
    """A run directory."""

    path: Path

    @property
    def predictions(self) -> Path:
        """The table of all predictions."""
        return self.path / "predictions.csv"

    @property
    def thumbnails(self) -> Path:
        """The table of what needs no network, beside the predictions."""
        return self.path / "thumbnails.csv"

    @property
    def manipulation(self) -> Path:
        """The table of how far enhancements move frames."""
        return self.path / "manipulation.csv"

    @property
    def overlaps(self) -> Path:
        """The table of what masks in a study measure, beside those of experts."""
        return self.path / "overlaps.csv"

    @property
    def segmentation(self) -> Path:
        """The table of how well masks agree with those of experts."""
        return self.path / "segmentation.csv"

    @property
    def masks(self) -> Path:
        """The folder of the masks that networks gave frames of others."""
        return self.path / "masks"

    def job(self, name: str, record: Record) -> Job:
        """A job of this run; nothing is written."""
        return Job(self.path, name, record, partial(self._log, name))

    @cached_property
    def _events(self) -> "SummaryWriter":
        from tensorboardX import SummaryWriter  # only needed once something is logged

        return SummaryWriter(str(self.path / "events"), flush_secs=30)

    def _log(self, job: str, step: int, **metrics: float) -> None:
        """Add metrics of a step of a job to log.csv and to the TensorBoard events."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        target = self.path / log.NAME
        new = not target.exists()
        with target.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(log.COLUMNS)
            writer.writerows((now, job, step, name, f"{v:.6g}") for name, v in metrics.items())
        for name, value in metrics.items():
            self._events.add_scalar(f"{job}/{name}", value, step)


@dataclass(frozen=True)
class Request(Generic[C]):
    """A run that was asked for and can be looked at; nothing on disk has changed yet."""

    run: Run
    config: C
    resume: bool
    overwrite: bool

    def begin(self, jobs: Iterable[Job] = ()) -> Run:
        """Make or enter the run directory; an existing one is emptied only with `overwrite`.

        It is this process's own until that ends, or `lock.release`.

        Args:
            jobs: what may be there already, and would be gone on with.

        Raises:
            InputError: a job was begun with other settings, data or files; another process is at
                work there; or it would be emptied and holds what no run made.
        """
        path = self.run.path
        if self.overwrite and path.exists():
            lock.hold(path)
            contents.clear(path)
        for job in jobs:
            job.check()
        lock.hold(path)
        environment = _environment()
        record = path / contents.ENVIRONMENT
        if record.exists():
            # Results are of the environment that they were made in; later ones are only added.
            first = json.loads(record.read_text())
            later = "{started} {command} ({commit}, jax {jax}, {devices})".format(**environment)
            resumed = "; ".join(text for text in (first.get("resumed"), later) if text)
            environment = first | {"resumed": resumed}
        with written_whole(path / "config.toml") as file:
            file.write_text(self.config.to_toml())
        with written_whole(record) as file:
            file.write_text(json.dumps(environment, indent=2) + "\n")
        return self.run


def request(
    model: type[C],
    *,
    file: Path | None = None,
    overrides: Iterable[str] = (),
    data_dir: Path | None = None,
    run: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Request[C]:
    """Read a configuration and look at the run directory.

    Args:
        model: the sections of the configuration.
        file: configuration; when going on with a run, its own by default.
        overrides: `key=value` texts.
        data_dir: overrides `data.dir`.
        run: run directory, by default runs/<name of the configuration file>.
        resume: go on with an existing run.
        overwrite: replace an existing run.

    Raises:
        InputError: bad configuration, or a run directory that may not be used so.
    """
    path, file = _place(run, file, resume=resume, overwrite=overwrite)
    settings = config.load(model, file, tuple(overrides), data_dir)
    session.log.info("run directory: %s; configuration: %s", path, file or "the defaults")
    data = settings.data.model_copy(update={"dir": _found(settings.data.dir, path)})
    settings = settings.model_copy(update={"data": data})
    return Request(Run(path), settings, resume, overwrite)


def _place(
    run: Path | None, file: Path | None, *, resume: bool, overwrite: bool
) -> tuple[Path, Path | None]:
    """The run directory, which may be used, and the configuration file."""
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other; pass one of them")
    path = run or Path("runs", file.stem if file else "default")
    check_run(path, resume=resume, overwrite=overwrite)
    stored = path / "config.toml"
    return path, stored if file is None and resume and stored.is_file() else file


def preview(
    *,
    file: Path | None = None,
    overrides: Iterable[str] = (),
    data_dir: Path | None = None,
    run: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """The data directory and the values of a run that is asked for, arguments as of `request`.

    It needs no model of the configuration, whose import takes seconds; unknown keys are not found.

    Raises:
        InputError: as `request`.
    """
    path, file = _place(run, file, resume=resume, overwrite=overwrite)
    values = config.read(file, tuple(overrides), data_dir)
    data = values.get("data")
    named = data.get("dir") if isinstance(data, dict) else None
    return _found(Path(str(named or DataConfig().dir)), path), values


def _found(folder: Path, run: Path) -> Path:
    """A folder as named, or else, of a run that is there, of that name beside or above it.

    So a run finds its frames from wherever it is gone on with.
    """
    if folder.exists() or not (run / "config.toml").is_file():
        return folder
    there = (above / folder for above in run.resolve().parents)
    return next((each for each in there if each.is_dir()), folder)


def check_run(path: Path, *, resume: bool, overwrite: bool) -> None:
    """See whether a run directory may be used as asked, without touching it.

    Raises:
        InputError: it exists and neither flag is given; it is no run, or one of a version whose
            runs keep no record of what they were made from; another process is at work there; or it
            would be emptied and holds what no run made.
    """
    if not path.exists() or (
        path.is_dir() and all(each.name == lock.NAME for each in path.iterdir())
    ):
        return
    if not (path / "config.toml").is_file():
        raise InputError(f"{path}: not a run directory (it has no config.toml)")
    if overwrite or resume:
        lock.check(path)
    if overwrite:
        contents.check(path)
        return
    if not resume:
        raise InputError(
            f"{path}: the run exists already; pass --resume to go on with it, --overwrite to "
            "replace it, or choose another --run"
        )
    record = path / contents.ENVIRONMENT
    told = json.loads(record.read_text()) if record.is_file() else {}
    if told.get("layout") != _LAYOUT:
        raise InputError(
            f"{path}: made by echojax {told.get('echojax', 'of an unknown version')}, whose runs "
            "do not record what each job was made from, so they cannot be gone on with; "
            "`echojax report` still reads it; use another --run, or --overwrite to start again"
        )


def _environment() -> dict[str, str]:
    from echojax import devices  # takes seconds, and a request that is refused needs none

    return {
        "command": command(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": sys.version.split()[0],
        "echojax": __version__,
        "layout": _LAYOUT,
        **{name: metadata.version(name) for name in _PACKAGES},
        "platform": devices.used()[0].platform,
        "devices": devices.described(),
    }


def _commit() -> str:
    """Commit of the checkout that is running; "unknown" for an installed package."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
