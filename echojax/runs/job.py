"""One training or evaluation in a run: where it lies, what it was made from, what it left."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.runs import log
from echojax.version import __version__

CHECKPOINTS = "checkpoints"  # folder of a job in training
_RECORD = "job.json"


@dataclass(frozen=True)
class Record:
    """Everything that decides what comes out of a job.

    Attributes:
        settings: keys of its configuration, as `section.key`, and what it was told otherwise.
        data: fingerprints of what it learns from or is asked about.
        files: sha256 of every file that it starts from, or the word used instead of one.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def differences(self, asked: "Record") -> list[str]:
        """What differs from what is asked for now, a phrase each."""
        found = [
            f"{key} was {self.settings.get(key)!r}, now {asked.settings.get(key)!r}"
            for key in {**self.settings, **asked.settings}
            if self.settings.get(key) != asked.settings.get(key)
        ]
        found += [
            f"{what} are others than then"
            for what in {**self.data, **asked.data}
            if self.data.get(what) != asked.data.get(what)
        ]
        found += [
            f"{key} was {_short(self.files.get(key))}, now {_short(asked.files.get(key))}"
            for key in {**self.files, **asked.files}
            if self.files.get(key) != asked.files.get(key)
        ]
        return found


def _short(start: str | None) -> str:
    return f"a file with hash {start[:12]}" if start and len(start) == 64 else repr(start)


@dataclass(frozen=True)
class Job:
    """A job of a run; `Run.job` makes it, and nothing is on disk before `begin`.

    Attributes:
        run: the run directory.
        name: its folder in there, as "sr/srresnet/patient/fold0".
        record: what it is made from.
        log: called as `log(step, **metrics)`.
    """

    run: Path
    name: str
    record: Record
    log: Callable[..., None]

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.run / self.name

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints of a training under way."""
        return self.path / CHECKPOINTS

    @property
    def file(self) -> Path:
        """What a training hands over: the network, beside its folder."""
        return network_file(self.path)

    @property
    def done(self) -> bool:
        """Whether the network was handed over."""
        return self.file.is_file()

    @property
    def _record(self) -> Path:
        return self.path / _RECORD

    def check(self) -> None:
        """See that the job, where it was begun, was begun as it is asked for now.

        Raises:
            InputError: it was not; every difference is named.
        """
        if not self._record.is_file():
            return
        try:
            kept = json.loads(self._record.read_text(encoding="utf-8"))
            begun = Record(kept["settings"], kept["data"], kept["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._record}: is no record of a job ({error}); --overwrite starts again"
            ) from error
        # As JSON has it: tuples are lists there.
        different = begun.differences(Record(**json.loads(json.dumps(asdict(self.record)))))
        if different:
            raise InputError(
                f"{self.path}: cannot be gone on with: {'; '.join(different)}; undo that, use "
                "another --run, or --overwrite to start again"
            )

    def begin(self) -> None:
        """Write down what the job is made from; one that was begun already is left as it is.

        Raises:
            InputError: as `check`.
        """
        self.check()
        if self._record.is_file():
            return
        with written_whole(self._record) as file:
            text = json.dumps({"echojax": __version__, **asdict(self.record)}, indent=2)
            file.write_text(text + "\n", encoding="utf-8")

    def logged(self) -> set[str]:
        """Names of all that was logged of it."""
        return {row.metric for row in log.read(self.run / log.NAME) if row.job == self.name}

    def rewind(self, step: int) -> None:
        """Forget what was logged after a step, as it is about to be done again."""
        log.rewind(self.run / log.NAME, self.name, step)


def begun(folder: Path) -> bool:
    """Whether the job of a folder was begun."""
    return (folder / _RECORD).is_file()


def network_file(folder: Path) -> Path:
    """The file that the job of a folder hands its network over in."""
    return folder.with_name(f"{folder.name}.safetensors")
