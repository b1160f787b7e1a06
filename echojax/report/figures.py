"""What the figures of every report share: the canvas, its style, colours, and panels of frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from echojax.vocabulary import ENHANCEMENTS

Image = NDArray[Any]

# Okabe and Ito's colours, which people with any common colour blindness can tell apart.
QUALITY_COLOURS = {"good": "#009E73", "medium": "#E69F00", "poor": "#D55E00"}
_ENHANCEMENT_COLOURS = {
    "none": "#666666",
    "bicubic": "#8C8C8C",
    "srresnet": "#0072B2",
    "srgan": "#CC79A7",
}
_SPARE_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#F0E442")
_ENHANCEMENT_LABELS = {"srresnet": "SRResNet", "srgan": "SRGAN"}

INK = "#222222"
SOFT = "#777777"
EMPTY = "#F4F4F4"
CENTRE: Any = {"ha": "center", "va": "center"}
_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "text.color": INK,
    "legend.frameon": False,
    "hatch.linewidth": 0.9,
}


def enhancement_label(name: str) -> str:
    """How an enhancement is called in print."""
    return _ENHANCEMENT_LABELS.get(name, name)


def enhancement_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each enhancement, in reading order; unknown ones get a spare colour, last."""
    distinct = set(names)
    spare = {
        name: _SPARE_COLOURS[i % len(_SPARE_COLOURS)]
        for i, name in enumerate(sorted(distinct.difference(ENHANCEMENTS)))
    }
    known = {name: _ENHANCEMENT_COLOURS[name] for name in ENHANCEMENTS if name in distinct}
    return known | spare


@contextmanager
def canvas(path: Path, width: float, height: float) -> Iterator[Figure]:
    """An empty figure, size in inches, saved at the end; no global state of pyplot is touched."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160, format="png")


def show(axes: Axes, image: Image, **settings: Any) -> None:
    """Draw a gray image, values 0 to 255, without ticks or frame."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, **settings)
    bare(axes)


def absent(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    bare(axes)
    axes.set_facecolor(EMPTY)
    axes.set_box_aspect(1)
    axes.text(0.5, 0.5, text, **CENTRE, color=SOFT, transform=axes.transAxes)


def bare(axes: Axes) -> None:
    """Take ticks and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
