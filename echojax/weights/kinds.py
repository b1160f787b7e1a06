"""The networks that files of weights can hold, and what a file says of its own.

A new network is a file in `models` and a line in `KINDS`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from flax import nnx
from pydantic import TypeAdapter

from echojax.errors import InputError
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.region_head import Pooled, PooledSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.unet import UNet, UNetSettings
from echojax.models.vgg import VGG19, VGG19Settings


class Kind(NamedTuple):
    """A network and its settings."""

    network: Callable[..., Any]
    settings: Any


KINDS = {
    "srresnet": Kind(SRResNet, SRResNetSettings),
    "msrresnet": Kind(MSRResNet, MSRResNetSettings),
    "resnet18": Kind(ResNet18, ResNetSettings),
    "vgg19": Kind(VGG19, VGG19Settings),
    "mobilenetv2": Kind(MobileNetV2, MobileNetV2Settings),
    "unet": Kind(UNet, UNetSettings),
    "pooled": Kind(Pooled, PooledSettings),
}
MAX_BLOCKS = 128  # making a network takes a tenth of a second for each
MAX_CHANNELS = 65_536


def describe(model: Any) -> dict[str, str]:
    """Metadata that a file must carry for `load` to make the network again."""
    name = next(name for name, kind in KINDS.items() if type(model) is kind.network)
    settings = dataclasses.asdict(model.settings)
    return {"model": name, **{key: _text(value) for key, value in settings.items()}}


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def empty(name: str, settings: Any) -> Any:
    """A network without numbers in it yet, which takes no time to make."""
    return nnx.eval_shape(lambda: KINDS[name].network(settings, rngs=nnx.Rngs(0)))


def summary(model: Any) -> str:
    """A network in a line: its settings where they differ from the defaults, and its size."""
    settings = model.settings
    told = [type(model).__name__]
    told += [
        f"{field.name} {getattr(settings, field.name)}"
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != field.default
    ]
    parameters = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
    return f"{', '.join(told)}; {parameters:,} parameters"


def build(metadata: Mapping[str, str], source: Path) -> Any:
    """The network that metadata describes, without numbers in it yet.

    Args:
        metadata: as `describe` makes it; may say more.
        source: the file it is from, named in errors.

    Raises:
        InputError: it describes no network of ours.
    """
    name = metadata.get("model", "")
    if name not in KINDS:
        raise InputError(
            f"{source}: does not say which network it belongs to; known here are {', '.join(KINDS)}"
        )
    kind = KINDS[name]
    lists = {f.name for f in dataclasses.fields(kind.settings) if isinstance(f.default, tuple)}
    given: dict[str, Any] = {
        key: value.split() if key in lists else value
        for key, value in metadata.items()
        if key in _fields(kind)
    }
    try:
        settings = TypeAdapter(kind.settings).validate_python(given)
        _check_sizes(settings)
        return empty(name, settings)
    except ValueError as error:  # pydantic's, or that of a network which cannot be
        first = str(error).partition("\n")[0]
        raise InputError(
            f"{source}: what it says of its network makes no sense ({first})"
        ) from error


def _fields(kind: Kind) -> set[str]:
    return {field.name for field in dataclasses.fields(kind.settings)}


def _check_sizes(settings: Any) -> None:
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, tuple) and len(value) > MAX_BLOCKS:
            raise ValueError(f"{field.name} has {len(value)} entries")
        for size in value if isinstance(value, tuple) else (value,):
            if type(size) is int:
                _check_size(field.name, size)


def _check_size(name: str, value: int) -> None:
    if not 1 <= value <= (MAX_BLOCKS if name == "blocks" else MAX_CHANNELS):
        raise ValueError(f"{name} is {value}")
    if "kernel" in name and value % 2 == 0:
        raise ValueError(f"{name} is {value}, an even number")


def beside(metadata: Mapping[str, str]) -> dict[str, str]:
    """What metadata says beside a network's settings, sorted by key: its card."""
    kind = KINDS.get(metadata.get("model", ""))
    fields = {"model", *_fields(kind)} if kind else ()
    # Safetensors keeps metadata in no order.
    return {key: metadata[key] for key in sorted(metadata) if key not in fields}
