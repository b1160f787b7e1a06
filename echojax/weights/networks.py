"""The only door between networks and files of weights.

A file is complete in itself: it says which network it belongs to, and what else is known of it (its
card). Checkpoints of PyTorch are converted on the way.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax import nnx

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.models.generator import Generator
from echojax.weights import by_name, converted, kinds, model_card, safetensors_file


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
    safetensors_file.save(by_name.arrays(model), path, {**kinds.describe(model), **card})
    enlarges = isinstance(model, Generator)
    page = model_card.markdown(
        path.name, kinds.summary(model), model_card.shown(card), enlarges=enlarges
    )
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


def load(path: Path, kind: type = nnx.Module) -> Any:
    """Make the network of a file and fill it.

    Args:
        path: the file, ours or a public checkpoint.
        kind: what it must be: a class of network, or `Generator`.

    Returns:
        A network of that kind.

    Raises:
        InputError: no such file, a network that is unknown or of another kind, or tensors that do
            not fit what the file says of itself; all of them are named.
    """
    file = converted.ours(path)
    model = kinds.build(safetensors_file.metadata(file), path)
    if not isinstance(model, kind):
        wanted = "network that enlarges" if kind is Generator else kind.__name__
        raise InputError(f"{path}: holds a {type(model).__name__}; expected a {wanted}")
    by_name.fill(model, safetensors_file.tensors(file), path)
    return model


def card(path: Path) -> dict[str, str]:
    """What a file says of its network beside its settings, sorted by key.

    Raises:
        InputError: no such file, or no weights of a network that is known.
    """
    return kinds.beside(safetensors_file.metadata(converted.ours(path)))
