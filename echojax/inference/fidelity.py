"""PSNR and SSIM of x4 super-resolution on a folder of images, by the literature's protocol.

An image is cut to a multiple of four, reduced, brought back, and compared with what it was, both
rounded to 8 bit. Colour images are compared on the Y of YCbCr, gray ones as they are, without the
four outermost pixels (Ledig et al., CVPR 2017, section 3.1).

A network of one channel is given the full-range luma of a colour image, while the chroma is
interpolated, and its Y is taken from the RGB image that results, as from any other network's. Y
spans 219 of 255 levels: the same error counts 1.32 dB less on it than on full-range luma.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from echojax import text_table
from echojax.data import image_files
from echojax.errors import InputError
from echojax.inference import enhance
from echojax.inference.enhance import SCALE
from echojax.metrics import psnr, ssim, y_channel
from echojax.models.generator import Generator
from echojax.progress import bar
from echojax.resize import Method, enlarge

BORDER = SCALE  # pixels at every edge that do not count
_SMALLEST = 20  # pixels: less its border, SSIM's window of 11 fits

PROTOCOL = {
    "scale": SCALE,
    "degradation": "antialiased bicubic (Keys, a = -0.5), rounded to 8 bit",
    "channel": "Y of YCbCr (ITU-R BT.601, 16-235); gray images as they are",
    "border": BORDER,
    "size": f"cut to a multiple of {SCALE}",
    "rounding": "8 bit",
    "ssim": "Gaussian window 11x11, sigma 1.5",
}
_TITLES = {"sr": "Network", "bicubic": "Bicubic", "lanczos": "Lanczos"}

Enlarger = Callable[[np.ndarray], np.ndarray]
"""From a float32 image (rows, columns, 1 or 3) in [0, 1] to one SCALE times larger."""


class Score(NamedTuple):
    """How close an image is to its reference; psnr in dB, inf if they are identical."""

    psnr: float
    ssim: float


@dataclass(frozen=True)
class Report:
    """Scores of every image (by file name) and every way to enlarge it ("sr", "bicubic" ...)."""

    images: dict[str, dict[str, Score]]

    @property
    def mean(self) -> dict[str, Score]:
        """Scores averaged over the images."""
        every = list(self.images.values())
        return {
            name: Score(*np.mean([scores[name] for scores in every], axis=0).tolist())
            for name in every[0]
        }

    def as_json(self) -> dict[str, Any]:
        """All of it for `json.dumps`; an infinite PSNR, which JSON lacks, is None."""
        return {
            "images": {name: _as_json(scores) for name, scores in self.images.items()},
            "mean": _as_json(self.mean),
            "protocol": PROTOCOL,
        }

    def as_markdown(self) -> str:
        """A Markdown table and a line on the protocol."""
        return f"{text_table.markdown(self._cells())}\n\n{_caption()}"

    def as_text(self) -> str:
        """A table for a terminal and a line on the protocol."""
        return f"{text_table.plain(self._cells())}\n\n{_caption()}"

    def _cells(self) -> list[list[str]]:
        rows = {**self.images, "mean": self.mean}
        header = ["Image", *(f"{_TITLES[name]} (dB / SSIM)" for name in self.mean)]
        return [header] + [
            [name, *(f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores.values())]
            for name, scores in rows.items()
        ]


def _as_json(scores: dict[str, Score]) -> dict[str, dict[str, float | None]]:
    return {
        name: {"psnr": score.psnr if np.isfinite(score.psnr) else None, "ssim": score.ssim}
        for name, score in scores.items()
    }


def _caption() -> str:
    return (
        f"x{SCALE}: {PROTOCOL['degradation']}; {PROTOCOL['channel']}; "
        f"without a border of {BORDER} pixels."
    )


def evaluate(folder: Path, model: Generator | None = None) -> Report:
    """Measure a network, and bicubic and Lanczos enlargement beside it.

    Args:
        folder: whose images (not those of its subfolders) are the references.
        model: a x4 generator of one or three channels; without one only the other two are
            measured.

    Raises:
        InputError: no images, a damaged one, or one smaller than 20 pixels.
    """
    files = image_files.find(folder)
    ways = enlargers(model)
    images = {}
    with bar("Measuring", len(files)) as progress:
        for path in files:
            images[path.name] = _scores(path, ways)
            progress.advance()
    return Report(images)


def enlargers(model: Generator | None) -> dict[str, Enlarger]:
    """What `evaluate` compares, by the names it goes by in a report."""
    ways = {"bicubic": _interpolation("bicubic"), "lanczos": _interpolation("lanczos")}
    return ways if model is None else {"sr": _network(model), **ways}


def _interpolation(method: Method) -> Enlarger:
    return lambda image: enlarge(image, SCALE, method)


def _network(model: Generator) -> Enlarger:
    # Not continued by a mirror image: published figures have zeros around the image.
    return lambda image: enhance.joined(model, image, step=1)


def _scores(path: Path, ways: dict[str, Enlarger]) -> dict[str, Score]:
    image = image_files.read(path)
    rows, columns = (n // SCALE * SCALE for n in image.shape[:2])
    if min(rows, columns) < _SMALLEST:
        raise InputError(
            f"{path}: {image.shape[0]}x{image.shape[1]} pixels; at least {_SMALLEST} a side are "
            "needed, leave it out"
        )
    high = enhance.as_float(image[:rows, :columns].reshape(rows, columns, -1))
    low = _rounded(enhance.degrade(high))
    reference = _measured(high)
    scores = {}
    for name, way in ways.items():
        result = _measured(_rounded(way(low)))
        scores[name] = Score(psnr(reference, result), ssim(reference, result))
    return scores


def _rounded(image: np.ndarray) -> np.ndarray:
    """As an 8-bit file would hold it."""
    return (np.round(image.clip(0, 1) * 255) / 255).astype(np.float32)


def _measured(image: np.ndarray) -> np.ndarray:
    """The channel that counts, without the border: (rows, columns)."""
    inside = image[BORDER:-BORDER, BORDER:-BORDER]
    return y_channel(inside) if image.shape[-1] == 3 else inside[..., 0]
