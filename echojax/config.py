"""Configurations: TOML in, `--set key=value` over it, errors that name the key.

A recipe and a study each have a model of their own, made of sections; `load` reads any of them.
"""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from echojax.errors import InputError
from echojax.files import from_here
from echojax.vocabulary import VIEWS, View

FREE = "free"
"""Marks a key (`Annotated[int, FREE]`) that may change between a job and its continuation: it does
not change what comes out, or a job records what it names (frames, a file) by a hash."""


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("a convolution keeps the size of an image only if its own is odd")
    return size


Kernel = Annotated[int, Field(ge=1), AfterValidator(_odd)]


class Section(BaseModel):
    """Keys that belong together; unknown ones, infinities and repetitions are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _no_repetition(cls, value: Any) -> Any:
        if isinstance(value, tuple) and len(set(value)) < len(value):
            raise ValueError("names something twice")
        return value


class DataConfig(Section):
    """Which frames."""

    dir: Path = Field(Path("data"), description="where `echojax prepare` put the dataset")
    views: tuple[View, ...] = Field(VIEWS, min_length=1, description="views to use")


class Configuration(Section):
    """What a run depends on; a recipe's or study's own adds its sections."""

    data: DataConfig = DataConfig()

    def to_toml(self) -> str:
        """The configuration as TOML, every key present; paths in the work folder as from there."""
        return tomli_w.dumps(_from_here(self.model_dump(mode="json")))


def _from_here(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _from_here(value)
        if isinstance(value, dict)
        else from_here(value)
        if isinstance(value, str)
        else value
        for key, value in values.items()
    }


C = TypeVar("C", bound=Configuration)


def recorded(section: Section, name: str, kind: type[Section] | None = None) -> dict[str, Any]:
    """The keys of a section that decide what comes out of a job, as `name.key` -> value.

    Args:
        section: the section.
        name: it goes by in a file.
        kind: a class it inherits from, to record the keys of that alone.
    """
    fields = (kind or type(section)).model_fields
    values = section.model_dump(mode="json")
    return {f"{name}.{key}": values[key] for key, f in fields.items() if FREE not in f.metadata}


def load(
    model: type[C],
    file: Path | None = None,
    overrides: Sequence[str] = (),
    data_dir: Path | None = None,
) -> C:
    """Read a configuration.

    Args:
        model: its sections.
        file: a TOML file, or None for the defaults.
        overrides: `key=value` texts as given to `--set`; values are TOML, or plain strings.
        data_dir: overrides `data.dir`.

    Raises:
        InputError: no such file, not TOML, an unknown key (the closest is named), a bad value.
    """
    values = read(file, overrides, data_dir)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        places = [e["loc"] for e in errors]
        # An error of a list beside one of its entries says nothing more.
        told = [e for e in errors if not any(_within(p, e["loc"]) for p in places)]
        raise InputError("; ".join(_explain(e, model, file, overrides) for e in told)) from error


def read(
    file: Path | None, overrides: Sequence[str] = (), data_dir: Path | None = None
) -> dict[str, Any]:
    """The values of a configuration, not looked at yet; arguments as for `load`.

    Raises:
        InputError: no such file, not TOML, or an override that is none.
    """
    values = {} if file is None else _read(file)
    for text in overrides:
        _override(values, text)
    if data_dir is not None:
        values.setdefault("data", {})["dir"] = str(data_dir)
    return values


def _within(place: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such configuration file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file}: cannot be read as TOML ({error})") from error


def _override(values: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise InputError(f"--set {text}: expected section.key=value, as in --set sr.steps=100")
    for part in parts[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {text}: {part} is not a section")
    try:
        values[parts[-1]] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        values[parts[-1]] = value.strip()


def keys(model: type[Configuration]) -> list[str]:
    """Every key of a configuration, as section.key."""
    sections = model.model_fields.items()
    return [f"{name}.{key}" for name, section in sections for key in _fields(section.annotation)]


def _fields(section: Any) -> list[str]:
    return list(section.model_fields)


def _explain(
    error: Any, model: type[Configuration], file: Path | None, overrides: Sequence[str]
) -> str:
    key, value = ".".join(str(part) for part in error["loc"][:2]), error["input"]
    if error["type"] == "extra_forbidden" and isinstance(value, dict) and value:
        key = f"{key}.{next(iter(value))}"
    given = {text.partition("=")[0].strip() for text in overrides}
    origin = "--set" if file is None or key in given else str(file)
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, keys(model), n=1, cutoff=0.0)
        return f"{origin}: unknown key {key}; did you mean {close[0]}?"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "tuple_type":
        message = f"a list is expected, as in ['{value}']"
    if not key:
        return f"{origin}: {message}"
    return f"{origin}: {key} = {value!r}: {message[0].lower()}{message[1:]}"
