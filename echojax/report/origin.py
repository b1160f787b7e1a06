"""What a run directory says of its own making: what was asked for, and where it was made."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from echojax.errors import InputError
from echojax.files import without_places
from echojax.report.blocks import (
    Block,
    Code,
    Details,
    Heading,
    Listing,
    Paragraph,
    Table,
    Words,
    absent,
    pieces,
)

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True)
class Origin:
    """A run directory with the text of its `config.toml` and the pairs of `environment.json`."""

    path: Path
    config: str
    environment: dict[str, str]

    @property
    def name(self) -> str:
        """The run's name, and that of the folder it lies in: many a run is called "run"."""
        return "/".join(self.path.resolve().parts[-2:])

    def has(self, section: str) -> bool:
        """Whether the configuration has a section; not, where it is no TOML."""
        try:
            return section in tomllib.loads(self.config)
        except tomllib.TOMLDecodeError:
            return False

    def settings(self, section: str, model: type[Settings]) -> Settings:
        """What the run was asked for; keys of another version of echojax are passed over.

        Args:
            section: a section of the configuration; an absent one gives the defaults.
            model: what it is read as.

        Raises:
            InputError: the section cannot be understood; names the file.
        """
        file = self.path / "config.toml"
        try:
            asked = tomllib.loads(self.config).get(section, {})
            known = {key: value for key, value in asked.items() if key in model.model_fields}
            return model.model_validate(known)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{file}: cannot be read as TOML ({error})") from error
        except (AttributeError, ValidationError) as error:
            raise InputError(f"{file}: [{section}] cannot be understood ({error})") from error


def read(run: Path) -> Origin:
    """Read the origin of a run directory, which may lack `environment.json`.

    Raises:
        InputError: `run` is no run directory, or its environment cannot be understood.
    """
    config = run / "config.toml"
    if not config.is_file():
        raise InputError(f"{run}: no config.toml, so this is no run directory")
    return Origin(run, config.read_text(encoding="utf-8"), _environment(run / "environment.json"))


def section(origin: Origin, sources: Words, command: str) -> list[Block]:
    """How a report was made: files, environment, configuration, and how to build it again.

    Args:
        origin: of the run.
        sources: what was computed from, words that go on from "Computed from".
        command: what rebuilds the report when the run's directory follows it.
    """
    environment: Block = absent("environment.json is not in this run.")
    if origin.environment:
        environment = Table(["environment", ""], sorted(origin.environment.items()))
    # A report travels: it names the run as seen from where the command was given, or by name.
    here, home = origin.path.resolve(), Path.cwd()
    where = here.relative_to(home).as_posix() if here.is_relative_to(home) else here.name
    return [
        Heading("How this was made"),
        Paragraph(
            (
                "Computed from ",
                *pieces(sources),
                "; the numbers are in ",
                Code("tables/"),
                ", the images in ",
                Code("figures/"),
                ". All of it is rebuilt by ",
                Code(f"{command} {where}"),
                ".",
            )
        ),
        environment,
        Details("Configuration", [Listing(without_places(origin.config))]),
    ]


def _environment(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: expected a JSON object ({error})") from error
