"""Handing a network over: one file that is complete in itself, and a page about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echojax.files import written_whole
from echojax.models.generator import Generator
from echojax.weights import networks


def hand_over(model: Any, path: Path, card: Mapping[str, str]) -> None:
    """Write a network as one file, and its model card beside it as Markdown.

    Args:
        model: the network.
        path: a .safetensors file; the card has its name with .md.
        card: what else to say of the network: title, data, steps, PSNR and SSIM, licence.
    """
    networks.save(model, path, card)
    with written_whole(path.with_suffix(".md")) as aside:
        aside.write_text(_markdown(model, path.name, card), encoding="utf-8")


def _markdown(model: Any, name: str, card: Mapping[str, str]) -> str:
    rows = {"network": networks.summary(model), **card}
    rows.pop("title", None)
    table = "\n".join(
        f"| {key} | {' '.join(value.split()).replace('|', '/')} |"
        for key, value in rows.items()
        if value
    )
    warning = "Research software, not a medical device"
    if isinstance(model, Generator):
        warning += ": enlarged frames may show detail that was never there"
    return (
        f"# {card.get('title', name)}\n\n| | |\n|---|---|\n{table}\n\n"
        f"`echojax weights info {name}` shows the same. {warning}.\n"
    )
