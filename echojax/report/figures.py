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

Image = NDArray[Any]

# People with any common colour blindness can tell these apart (most are Okabe and Ito's); a marker
# goes with each, for gray print.
QUALITY_STYLES = {"good": ("#009E73", "o"), "medium": ("#7A5195", "s"), "poor": ("#B5410B", "^")}
_ENHANCEMENT_STYLES = {
    "none": ("#666666", "."),
    "bicubic": ("#8C8C8C", "s"),
    "lanczos": ("#56B4E9", "v"),
    "srresnet": ("#0072B2", "o"),
    "srgan": ("#CC79A7", "D"),
    "blur": ("#000000", "P"),
    "clahe": ("#009E73", "^"),
    "normalize": ("#E69F00", "X"),
    "nlmeans": ("#D55E00", "<"),
    "restorer": ("#5E3C99", "*"),
    "degrade": ("#8C510A", ">"),
}
_SPARE_STYLES = (
    ("#1B7837", "p"),
    ("#B2182B", "h"),
    ("#2166AC", "d"),
    ("#4D4D4D", "8"),
    ("#B8860B", "H"),
)
_ENHANCEMENT_LABELS = {
    "srresnet": "SRResNet",
    "srgan": "SRGAN",
    "lanczos": "Lanczos",
    "clahe": "CLAHE",
    "nlmeans": "non-local means",
}

BESIDE = {".svg": "Date", ".pdf": "CreationDate"}  # formats, and what dates a file of each
WIDTH = 9.0  # inches, of every figure of data, so that letters have one size
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
    "svg.hashsalt": "echojax",
    "pdf.fonttype": 42,
}


def enhancement_label(name: str) -> str:
    """How an enhancement is called in print."""
    return _ENHANCEMENT_LABELS.get(name, name)


def enhancement_styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each enhancement; one without its own gets a spare one, last."""
    distinct = set(names)
    spare = {
        name: _SPARE_STYLES[i % len(_SPARE_STYLES)]
        for i, name in enumerate(sorted(distinct.difference(_ENHANCEMENT_STYLES)))
    }
    return {n: style for n, style in _ENHANCEMENT_STYLES.items() if n in distinct} | spare


@contextmanager
def canvas(path: Path, width: float, height: float) -> Iterator[Figure]:
    """An empty figure, size in inches, saved at the end as PNG and, beside it, SVG and PDF.

    No global state of pyplot is touched.

    Args:
        path: of the PNG file.
        width: inches.
        height: inches.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160)
        figure.set_layout_engine("none")  # it is laid out now, which takes as long as to draw
        for suffix, dated in BESIDE.items():
            # Without a date: a report that is built again is the same.
            figure.savefig(path.with_suffix(suffix), dpi=160, metadata={dated: None})


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
