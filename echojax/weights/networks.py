"""Files of weights that are complete in themselves: they say which network they belong to."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from flax import nnx
from pydantic import TypeAdapter, ValidationError

from echojax.errors import InputError
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.vgg import VGG19, VGG19Settings
from echojax.weights import safetensors_file


class Kind(NamedTuple):
    """A network and its settings."""

    network: Callable[..., Any]
    settings: Any


KINDS = {
    "srresnet": Kind(SRResNet, SRResNetSettings),
    "msrresnet": Kind(MSRResNet, MSRResNetSettings),
    "resnet18": Kind(ResNet18, ResNetSettings),
    "vgg19": Kind(VGG19, VGG19Settings),
}
GENERATORS = (SRResNet, MSRResNet)


def describe(model: Any) -> dict[str, str]:
    """Metadata that a file must carry for `load` to make the network again."""
    name = next(name for name, kind in KINDS.items() if type(model) is kind.network)
    settings = dataclasses.asdict(model.settings)
    return {"model": name, **{key: str(value) for key, value in settings.items()}}


def empty(name: str, settings: Any) -> Any:
    """A network without numbers in it yet, which takes no time to make."""
    return nnx.eval_shape(lambda: KINDS[name].network(settings, rngs=nnx.Rngs(0)))


def save(model: Any, path: Path, card: dict[str, str] | None = None) -> None:
    """Write a network as one file that `load` understands.

    Args:
        model: the network.
        path: a .safetensors file.
        card: what else to say of it: data, steps, PSNR, licence.
    """
    safetensors_file.save(model, path, {**describe(model), **(card or {})})


def load(path: Path) -> Any:
    """Make the network of a file and fill it.

    Raises:
        InputError: no such file, no weights of ours, or tensors that do not fit what it says of
            itself; all of them are named.
    """
    metadata = safetensors_file.metadata(path)
    name = metadata.get("model")
    if name not in KINDS:
        raise InputError(
            f"{path}: does not say which network it belongs to; convert it first: "
            f"echojax weights convert {path} -o OUT.safetensors"
        )
    kind = KINDS[name]
    fields = {field.name for field in dataclasses.fields(kind.settings)}
    given = {key: value for key, value in metadata.items() if key in fields}
    try:
        model = empty(name, TypeAdapter(kind.settings).validate_python(given))
    except (ValidationError, ValueError) as error:
        raise InputError(f"{path}: what it says of its network makes no sense ({error})") from error
    safetensors_file.load(model, path)
    return model
