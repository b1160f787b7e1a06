"""One configuration: TOML in, `--set key=value` over it, errors that name the key."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from echojax.errors import InputError
from echojax.vocabulary import (
    QUALITIES,
    SIDES,
    TASKS,
    VIEWS,
    Enhancement,
    Mode,
    Protocol,
    Quality,
    QualityOrNone,
    Side,
    Task,
    View,
)


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("a convolution keeps the size of an image only if its own is odd")
    return size


Kernel = Annotated[int, Field(ge=1), AfterValidator(_odd)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _no_repetition(cls, value: Any) -> Any:
        if isinstance(value, tuple) and len(set(value)) < len(value):
            raise ValueError("names something twice")
        return value


class DataConfig(_Section):
    """Which frames."""

    dir: Path = Field(Path("data"), description="where `echojax prepare` put the dataset")
    views: tuple[View, ...] = Field(VIEWS, min_length=1, description="views to use")


class SuperResolutionConfig(_Section):
    """The generator and its training (x4, gray): SRResNet, and SRGAN that starts from it."""

    blocks: int = Field(16, ge=1, description="residual blocks")
    channels: int = Field(64, ge=1, description="channels of the trunk")
    first_kernel: Kernel = Field(9, description="size of the first convolution")
    last_kernel: Kernel = Field(9, description="size of the last convolution")
    bias: bool = Field(False, description="bias in convolutions before a BatchNorm")
    activation: Literal["none", "clip", "tanh"] = Field("none", description="of the output")
    init: str = Field(
        "interpolation",
        description='"interpolation", "random", a .safetensors file or a name of `echojax weights '
        "list`; the latter two bring their own blocks, channels, kernels, bias and activation",
    )
    quality: tuple[QualityOrNone, ...] = Field(
        ("good",), min_length=1, description="frames to learn from"
    )
    images: str = Field("div2k", description="natural images that --stage pretrain learns from")
    crop: int = Field(96, ge=16, multiple_of=4, description="side of a high-resolution crop")
    batch: int = Field(16, ge=1)
    steps: int = Field(20_000, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="constant, or cosine down to zero after a short warm-up"
    )
    gan_steps: int = Field(20_000, ge=1, description="of SRGAN, after those of SRResNet")
    gan_learning_rate: float = Field(
        1e-4, gt=0, description="of both networks; a tenth of it in the second half"
    )
    perceptual: str = Field(
        "vgg19",
        description='what SRGAN compares: "vgg19" features, a .safetensors file of VGG19, '
        'or "none" for pixels',
    )
    adversarial: float = Field(1e-3, ge=0, description="weight of the adversarial loss")
    discriminator_width: int = Field(64, ge=1, description="channels of its first convolution")
    average: float = Field(
        0.999, ge=0, lt=1, description="largest decay of the average over SRGAN's steps"
    )
    evaluate_every: int = Field(1000, ge=1, description="steps between PSNR and SSIM")
    evaluate_frames: int = Field(16, ge=1, description="held-out frames they are measured on")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _can_start(self) -> "SuperResolutionConfig":
        if self.init == "interpolation" and self.activation == "tanh":
            raise ValueError(
                'sr.activation "tanh" cannot start as interpolation; set sr.init="random"'
            )
        return self


class ClassifierConfig(_Section):
    """ResNet-18 and its training."""

    size: int = Field(224, ge=32, description="side of the square input")
    width: int = Field(64, ge=1, description="channels of the first stage; 64 is ResNet-18")
    init: str = Field(
        "random",
        description='"random", "imagenet" (resnet18, as fetched), "simulated" (what `echojax '
        "pretrain-classifier` left here), or a .safetensors file",
    )
    batch: int = Field(16, ge=1)
    epochs: int = Field(10, ge=1)
    learning_rate: float = Field(1e-4, gt=0)


class PretrainConfig(_Section):
    """Pretraining of the classifier, both labels at once; the network is [classifier]'s."""

    batch: int = Field(32, ge=1)
    epochs: int = Field(20, ge=1)
    learning_rate: float = Field(1e-3, gt=0, description="at its highest, after a short warm-up")
    augment: float = Field(
        1.0, ge=0, le=2, description="strength of the changes to every frame; 0 for none"
    )
    seed: int = Field(0, ge=0)


class StudyConfig(_Section):
    """What is compared, and how frames are split."""

    protocols: tuple[Protocol, ...] = Field(("patient",), min_length=1)
    tasks: tuple[Task, ...] = Field(TASKS, min_length=1)
    train: tuple[Quality, ...] = Field(QUALITIES, min_length=1)
    test: tuple[Quality, ...] = Field(QUALITIES, min_length=1)
    sr: tuple[Enhancement, ...] = Field(("none", "bicubic", "srresnet"), min_length=1)
    modes: tuple[Mode, ...] = Field(
        ("upscale", "restore"),
        min_length=1,
        description="upscale: the frame four times larger; restore: reduced by 4, brought back",
    )
    sr_on: tuple[Side, ...] = Field(SIDES, min_length=1)
    enhance: tuple[Quality, ...] = Field(
        ("poor",), min_length=1, description="strata that are enhanced"
    )
    parts: int = Field(
        5, ge=2, description="frames or patients are cut into; one tests, 1/5 = 20 %"
    )
    folds: int = Field(5, ge=1, description="how many of the parts get their turn as the test part")
    seeds: int = Field(3, ge=1, description="trainings of every classifier")
    split_seed: int = Field(0, ge=0, description="of balancing and splitting")
    keep_classifiers: bool = Field(True, description="keep the trained weights (45 MB each)")
    note: str = Field("", description="shown on top of the report")

    @model_validator(mode="after")
    def _folds_exist(self) -> "StudyConfig":
        if self.folds > self.parts:
            raise ValueError(f"study.folds is {self.folds}, but there are {self.parts} study.parts")
        return self


class Config(_Section):
    """Everything a run depends on."""

    data: DataConfig = DataConfig()
    sr: SuperResolutionConfig = SuperResolutionConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    pretrain: PretrainConfig = PretrainConfig()
    study: StudyConfig = StudyConfig()

    def to_toml(self) -> str:
        """The configuration as TOML, every key present."""
        return tomli_w.dumps(self.model_dump(mode="json"))


# What may change between a run and its continuation without making its results a mixture.
_FREE = {
    "data.dir",
    *(f"sr.{key}" for key in ("images", "evaluate_every", "evaluate_frames", "save_every")),
    *(f"study.{key}" for key in ("protocols", "tasks", "train", "test", "sr", "modes", "sr_on")),
    *(f"study.{key}" for key in ("enhance", "folds", "seeds", "keep_classifiers", "note")),
}
# What matters to SRGAN alone.
_ADVERSARIAL = {
    f"sr.{key}"
    for key in (
        "gan_steps",
        "gan_learning_rate",
        "perceptual",
        "adversarial",
        "discriminator_width",
        "average",
    )
}
# What matters to a pretraining of the classifier alone, and what it shares with a study.
_PRETRAINING = {f"pretrain.{key}" for key in PretrainConfig.model_fields}
_SHARED = {"data.views", "classifier.size", "classifier.width", "classifier.init"}


def load(
    file: Path | None = None, overrides: Sequence[str] = (), data_dir: Path | None = None
) -> Config:
    """Read a configuration.

    Args:
        file: a TOML file, or None for the defaults.
        overrides: `key=value` texts as given to `--set`; values are TOML, or plain strings.
        data_dir: overrides `data.dir`.

    Raises:
        InputError: no such file, not TOML, an unknown key (the closest is named), a bad value.
    """
    values = {} if file is None else _read(file)
    for text in overrides:
        _override(values, text)
    if data_dir is not None:
        values.setdefault("data", {})["dir"] = str(data_dir)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        places = [e["loc"] for e in errors]
        # An error of a list beside one of its entries says nothing more.
        told = [e for e in errors if not any(_within(p, e["loc"]) for p in places)]
        raise InputError("; ".join(_explain(e, file, overrides) for e in told)) from error


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


def keys() -> list[str]:
    """Every key there is, as section.key."""
    sections = Config.model_fields.items()
    return [f"{name}.{key}" for name, section in sections for key in _fields(section.annotation)]


def _fields(section: Any) -> list[str]:
    return list(section.model_fields)


def _explain(error: Any, file: Path | None, overrides: Sequence[str]) -> str:
    key, value = ".".join(str(part) for part in error["loc"][:2]), error["input"]
    if error["type"] == "extra_forbidden" and isinstance(value, dict) and value:
        key = f"{key}.{next(iter(value))}"
    given = {text.partition("=")[0].strip() for text in overrides}
    origin = "--set" if file is None or key in given else str(file)
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, keys(), n=1, cutoff=0.0)
        return f"{origin}: unknown key {key}; did you mean {close[0]}?"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "tuple_type":
        message = f"a list is expected, as in ['{value}']"
    if not key:
        return f"{origin}: {message}"
    return f"{origin}: {key} = {value!r}: {message[0].lower()}{message[1:]}"


def differences(
    stored: Config,
    asked: Config,
    *,
    srgan: bool = True,
    pretrained: bool = True,
    study: bool = True,
) -> list[str]:
    """Keys, with both values, in which two configurations would give different results.

    Args:
        stored: of a run.
        asked: for its continuation.
        srgan: whether the run has trained an SRGAN; the settings of that do not matter otherwise.
        pretrained: the same of a pretraining of the classifier.
        study: whether it has anything else than that; unless it has, only the settings of the
            pretraining matter to one.
    """
    free = _FREE | (set() if srgan else _ADVERSARIAL) | (set() if pretrained else _PRETRAINING)
    if pretrained and not study:
        free = set(keys()) - _PRETRAINING - _SHARED
    found = []
    for key in keys():
        section, name = key.split(".")
        old, new = (getattr(getattr(c, section), name) for c in (stored, asked))
        if key not in free and old != new:
            found.append(f"{key} was {old!r}, now {new!r}")
    return found
