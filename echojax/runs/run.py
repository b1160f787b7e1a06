"""A run directory: what was asked (config.toml), where (environment.json), what happened (log)."""

import csv
import datetime
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import jax

from echojax import __version__, config
from echojax.errors import InputError
from echojax.files import written_whole

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

_LOG_COLUMNS = ("time", "job", "step", "metric", "value")
_START = "classifier start"  # in environment.json
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


@dataclass(frozen=True)
class Run:
    """An open run directory; make one with `open_run`."""

    path: Path
    config: config.Config

    @property
    def predictions(self) -> Path:
        """The table of all predictions."""
        return self.path / "predictions.csv"

    @cached_property
    def _events(self) -> "SummaryWriter":
        from tensorboardX import SummaryWriter  # only needed once something is logged

        return SummaryWriter(str(self.path / "events"), flush_secs=30)

    def log(self, job: str, step: int, **metrics: float) -> None:
        """Add metrics of a step of a job to log.csv and to the TensorBoard events."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        target = self.path / "log.csv"
        new = not target.exists()
        with target.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(_LOG_COLUMNS)
            writer.writerows((now, job, step, name, f"{v:.6g}") for name, v in metrics.items())
        for name, value in metrics.items():
            self._events.add_scalar(f"{job}/{name}", value, step)


def check_run(path: Path, asked: config.Config, *, resume: bool, overwrite: bool) -> None:
    """See whether a run directory may be used as asked, without touching it.

    Raises:
        InputError: it exists and neither flag is given, it is no run, or the run to go on with
            was made with other settings (all of them are named).
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / "config.toml").is_file():
        raise InputError(f"{path}: not a run directory (it has no config.toml)")
    if overwrite:
        return
    if not resume:
        raise InputError(
            f"{path}: the run exists already; pass --resume to go on with it, --overwrite to "
            "replace it, or choose another --run"
        )
    different = config.differences(
        config.load(path / "config.toml"),
        asked,
        srgan=(path / "sr" / "srgan").exists(),
        pretrained=(path / "classifier").exists(),
        study=any((path / name).exists() for name in ("sr", "classifiers", "predictions.csv")),
    )
    if different:
        raise InputError(
            f"{path}: cannot go on with this run, its settings differ: {'; '.join(different)}; "
            "use another --run, or --overwrite to start again"
        )


def open_run(
    path: Path,
    asked: config.Config,
    *,
    dataset: str,
    start: str | None = None,
    resume: bool,
    overwrite: bool,
) -> Run:
    """Make or enter a run directory; an existing one is emptied only with `overwrite`.

    Args:
        path: the directory.
        asked: the configuration.
        dataset: fingerprint of the frames.
        start: hash of what classifiers start from; None if none will be trained.
        resume: go on with an existing run.
        overwrite: replace an existing run.

    Raises:
        InputError: as `check_run`, or the run to go on with was made with other frames, or its
            classifiers started from other weights.
    """
    check_run(path, asked, resume=resume, overwrite=overwrite)
    if overwrite and path.exists():
        shutil.rmtree(path)
    environment = _environment() | {"dataset": dataset}
    started = {} if start is None else {_START: start}
    record = path / "environment.json"
    if record.exists():
        # Results are of the environment that they were made in; later ones are only added.
        first = json.loads(record.read_text())
        if first["dataset"] != dataset:
            raise InputError(
                f"{path}: this run was made with other frames than {asked.data.dir} holds now; "
                "use another --run or --data-dir"
            )
        if start is not None and first.get(_START, start) != start:
            raise InputError(
                f"{path}: classifiers of this run started from other weights than "
                f"classifier.init = {asked.classifier.init!r} names now; bring that file back, use "
                "another --run, or --overwrite to start again"
            )
        later = "{started} {command} ({commit}, jax {jax}, {devices})".format(**environment)
        resumed = "; ".join(text for text in (first.get("resumed"), later) if text)
        environment = first | {"resumed": resumed}
    environment |= started
    with written_whole(path / "config.toml") as file:
        file.write_text(asked.to_toml())
    with written_whole(record) as file:
        file.write_text(json.dumps(environment, indent=2) + "\n")
    return Run(path, asked)


def _environment() -> dict[str, str]:
    devices = jax.devices()
    return {
        "command": " ".join(["echojax", *sys.argv[1:]]),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": sys.version.split()[0],
        "echojax": __version__,
        **{name: metadata.version(name) for name in _PACKAGES},
        "platform": devices[0].platform,
        "devices": f"{len(devices)} x {devices[0].device_kind}",
    }


def _commit() -> str:
    """Commit of the checkout that is running; "unknown" for an installed package."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
