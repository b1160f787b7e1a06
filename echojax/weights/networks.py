"""The only door between networks and files of weights.

A file is complete in itself: it says which network it belongs to, and what else is known of it (its
card). A new network is a file in `models` and a line in `KINDS`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from flax import nnx
from pydantic import TypeAdapter

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.models.generator import Generator
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.vgg import VGG19, VGG19Settings
from echojax.session import log
from echojax.weights import by_name, model_card, safetensors_file


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
LEARNED_FROM = "learned from"  # key of a card: hashes of all frames that a network has seen
NOT_SHOWN = (LEARNED_FROM,)  # values that are long and for programs
MAX_BLOCKS = 128  # making a network takes a tenth of a second for each
MAX_CHANNELS = 65_536


def describe(model: Any) -> dict[str, str]:
    """Metadata that a file must carry for `load` to make the network again."""
    name = next(name for name, kind in KINDS.items() if type(model) is kind.network)
    settings = dataclasses.asdict(model.settings)
    return {"model": name, **{key: str(value) for key, value in settings.items()}}


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


def save(model: Any, path: Path, card: Mapping[str, str] | None = None) -> None:
    """Write a network as one file that `load` understands, and a page about it beside it.

    Args:
        model: the network.
        path: a .safetensors file; the page has its name with .md.
        card: what else to say of it: title, data, steps, PSNR and SSIM, licence.

    Raises:
        InputError: as `check_page`.
    """
    check_page(path)
    card = card or {}
    safetensors_file.save(by_name.arrays(model), path, {**describe(model), **card})
    enlarges = isinstance(model, Generator)
    page = model_card.markdown(path.name, summary(model), shown(card), enlarges=enlarges)
    with written_whole(_page(path)) as aside:
        aside.write_text(page, encoding="utf-8")


def check_page(path: Path) -> None:
    """See that the page beside a file to be written would replace no other text.

    Raises:
        InputError: there is a page, and it is not one about such a file.
    """
    page = _page(path)
    if page.exists() and not (
        page.is_file()
        and model_card.written_here(page.read_text(encoding="utf-8", errors="replace"), path.name)
    ):
        raise InputError(
            f"{page}: is there, is not about {path.name}, and would be replaced by a page that is; "
            "choose another name"
        )


def _page(path: Path) -> Path:
    return path.with_suffix(".md")


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
            f"{source}: does not say which network it belongs to; convert it first: "
            f"echojax weights convert {source} -o OUT.safetensors"
        )
    kind = KINDS[name]
    given = {key: value for key, value in metadata.items() if key in _fields(kind)}
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
        if type(value) is not int:
            continue
        if not 1 <= value <= (MAX_BLOCKS if field.name == "blocks" else MAX_CHANNELS):
            raise ValueError(f"{field.name} is {value}")
        if "kernel" in field.name and value % 2 == 0:
            raise ValueError(f"{field.name} is {value}, an even number")


def load(path: Path, kind: type = nnx.Module) -> Any:
    """Make the network of a file and fill it.

    Args:
        path: the file.
        kind: what it must be: a class of network, or `Generator`.

    Returns:
        A network of that kind.

    Raises:
        InputError: no such file, no weights of ours, a network of another kind, or tensors that do
            not fit what the file says of itself; all of them are named.
    """
    model = build(safetensors_file.metadata(path), path)
    if not isinstance(model, kind):
        wanted = "network that enlarges" if kind is Generator else kind.__name__
        raise InputError(f"{path}: holds a {type(model).__name__}; expected a {wanted}")
    by_name.fill(model, safetensors_file.tensors(path), path)
    log.info("weights: %s (%s)", path, type(model).__name__)
    return model


def card(path: Path) -> dict[str, str]:
    """What a file says of its network beside its settings, sorted by key.

    Raises:
        InputError: no such file, or not safetensors.
    """
    told = safetensors_file.metadata(path)
    kind = KINDS.get(told.get("model", ""))
    fields = {"model", *_fields(kind)} if kind else ()
    # Safetensors keeps metadata in no order.
    return {key: told[key] for key in sorted(told) if key not in fields}


def shown(card: Mapping[str, str]) -> dict[str, str]:
    """What of a card is for people to read."""
    return {key: value for key, value in card.items() if key not in NOT_SHOWN}
