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

from echojax import config
from echojax.errors import InputError

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

_LOG_COLUMNS = ("time", "job", "step", "metric", "value")
_PACKAGES = ("echojax", "jax", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


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


def stored_config(path: Path) -> config.Config:
    """The configuration a run was made with.

    Raises:
        InputError: the directory is not a run.
    """
    if not (path / "config.toml").is_file():
        raise InputError(f"{path}: not a run directory (it has no config.toml)")
    return config.load(path / "config.toml")


def check_run(
    path: Path, asked: config.Config, *, resume: bool, overwrite: bool, hint: str = "--resume"
) -> None:
    """See whether a run directory may be used as asked, without touching it.

    Raises:
        InputError: it exists and neither flag is given, it is no run, or the run to go on with
            was made with other settings (all of them are named).
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    stored = stored_config(path)
    if resume:
        different = config.differences(stored, asked)
        if different:
            raise InputError(
                f"{path}: cannot go on with this run, its settings differ: {'; '.join(different)}; "
                "use another --run, or --overwrite to start again"
            )
    elif not overwrite:
        raise InputError(
            f"{path}: the run exists already; pass {hint} to go on with it, --overwrite to replace "
            "it, or choose another --run"
        )


def open_run(path: Path, asked: config.Config, *, resume: bool, overwrite: bool) -> Run:
    """Make or enter a run directory; an existing one is emptied only with `overwrite`.

    Raises:
        InputError: as `check_run`.
    """
    check_run(path, asked, resume=resume, overwrite=overwrite)
    if overwrite and not resume and path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.toml").write_text(asked.to_toml())
    (path / "environment.json").write_text(json.dumps(_environment(), indent=2) + "\n")
    return Run(path, asked)


def _environment() -> dict[str, str]:
    devices = jax.devices()
    return {
        "command": " ".join(["echojax", *sys.argv[1:]]),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": sys.version.split()[0],
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
