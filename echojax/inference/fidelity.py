"""PSNR and SSIM of super-resolution, by the literature's protocol.

An image is cut to a multiple of the scale, reduced, brought back, and compared with what it was,
both rounded to 8 bit. Colour images are compared on the Y of YCbCr, gray ones as they are, without
as many of the outermost pixels as the scale (Ledig et al., CVPR 2017, section 3.1).

A network of one channel is given the full-range luma of a colour image, while the chroma is
interpolated, and its Y is taken from the RGB image that results, as from any other network's. Y
spans 219 of 255 levels: the same error counts 1.32 dB less on it than on full-range luma.

The black around an echo frame's sector is restored perfectly by anything; so figures inside the
sector stand beside those of the whole frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from echojax import text_table
from echojax.data import image_files
from echojax.errors import InputError
from echojax.inference.enhance import Enlarger, Interpolation, Network, as_float, degrade
from echojax.inference.sector import sector
from echojax.metrics import psnr, ssim, y_channel
from echojax.models.generator import Generator
from echojax.progress import bar

_SMALLEST = 12  # pixels a side less its border: SSIM's window of 11 fits
_TITLES = {"sr": "Network", "bicubic": "Bicubic", "lanczos": "Lanczos"}


class Score(NamedTuple):
    """How close an image is to its reference; psnr in dB, inf if they are identical.

    The last two count the pixels inside the sector alone; nan where that was not asked for.
    """

    psnr: float
    ssim: float
    psnr_sector: float = float("nan")
    ssim_sector: float = float("nan")

    def named(self) -> dict[str, float]:
        """What was measured, by name."""
        return {name: value for name, value in self._asdict().items() if not np.isnan(value)}


def score(image: np.ndarray, by: Enlarger, *, inside: bool = False) -> Score:
    """How close an image comes to itself when it is reduced and brought back.

    Args:
        image: uint8 (rows, columns) or (rows, columns, 3), of at least `smallest(by.scale)` pixels
            a side.
        by: what brings it back.
        inside: whether to measure inside the sector of an echo frame, too.
    """
    scale = by.scale
    rows, columns = (n // scale * scale for n in image.shape[:2])
    high = as_float(image[:rows, :columns].reshape(rows, columns, -1))
    result = np.empty_like(high)
    for piece in by.pieces(_rounded(degrade(high, scale))):
        result[piece.rows, piece.columns] = piece.values
    reference, restored = (_measured(each, scale) for each in (high, _rounded(result)))
    found = Score(psnr(reference, restored), ssim(reference, restored))
    if not inside:
        return found
    mask = sector(image[:rows, :columns])[scale:-scale, scale:-scale]
    return found._replace(
        psnr_sector=psnr(reference, restored, mask), ssim_sector=ssim(reference, restored, mask)
    )


def quality(frames: Sequence[np.ndarray], by: Enlarger, *, inside: bool) -> dict[str, float]:
    """Mean `score` of some images (at least one), by name."""
    return _mean([score(frame, by, inside=inside) for frame in frames]).named()


def _mean(scores: Sequence[Score]) -> Score:
    return Score(*np.mean(scores, axis=0).tolist())


def smallest(scale: int) -> int:
    """The shortest side of an image that can be measured, pixels."""
    return _SMALLEST + 2 * scale


@dataclass(frozen=True)
class Report:
    """Scores of every image (by file name) and every way to enlarge it ("sr", "bicubic" ...)."""

    images: dict[str, dict[str, Score]]
    scale: int

    @property
    def mean(self) -> dict[str, Score]:
        """Scores averaged over the images."""
        every = list(self.images.values())
        return {name: _mean([scores[name] for scores in every]) for name in every[0]}

    def as_json(self) -> dict[str, Any]:
        """All of it for `json.dumps`; an infinite PSNR, which JSON lacks, is None."""
        return {
            "images": {name: _as_json(scores) for name, scores in self.images.items()},
            "mean": _as_json(self.mean),
            "protocol": protocol(self.scale),
        }

    def as_markdown(self) -> str:
        """A Markdown table and a line on the protocol."""
        return f"{text_table.markdown(self._cells())}\n\n{self._caption()}"

    def as_text(self) -> str:
        """A table for a terminal and a line on the protocol."""
        return f"{text_table.plain(self._cells())}\n\n{self._caption()}"

    def _cells(self) -> list[list[str]]:
        rows = {**self.images, "mean": self.mean}
        header = ["Image"]
        for name, found in self.mean.items():
            header.append(f"{_TITLES[name]} (dB / SSIM)")
            header += [f"{_TITLES[name]}, inside"] * ("psnr_sector" in found.named())
        return [header] + [
            [name, *(text for found in scores.values() for text in _texts(found))]
            for name, scores in rows.items()
        ]

    def _caption(self) -> str:
        told = protocol(self.scale)
        inside = any("psnr_sector" in found.named() for found in self.mean.values())
        return (
            f"x{self.scale}: {told['degradation']}; {told['channel']}; without a border of "
            f"{told['border']} pixels." + " Inside: inside the sector alone." * inside
        )


def _texts(found: Score) -> list[str]:
    texts = [f"{found.psnr:.2f} / {found.ssim:.4f}"]
    if "psnr_sector" in found.named():
        texts.append(f"{found.psnr_sector:.2f} / {found.ssim_sector:.4f}")
    return texts


def protocol(scale: int) -> dict[str, Any]:
    """How is measured, in words, for a file of results."""
    return {
        "scale": scale,
        "degradation": "antialiased bicubic (Keys, a = -0.5), rounded to 8 bit",
        "channel": "Y of YCbCr (ITU-R BT.601, 16-235); gray images as they are",
        "border": scale,
        "size": f"cut to a multiple of {scale}",
        "rounding": "8 bit",
        "ssim": "Gaussian window 11x11, sigma 1.5",
    }


def _as_json(scores: dict[str, Score]) -> dict[str, dict[str, float | None]]:
    return {
        way: {name: value if np.isfinite(value) else None for name, value in found.named().items()}
        for way, found in scores.items()
    }


def evaluate(
    folder: Path, model: Generator | None = None, *, scale: int = 4, inside: bool = False
) -> Report:
    """Measure a network, and bicubic and Lanczos enlargement beside it.

    Args:
        folder: whose images (not those of its subfolders) are the references.
        model: a generator of one or three channels; without one only the other two are measured.
        scale: how many times smaller, where there is no network that says it.
        inside: whether to measure inside the sector of echo frames, too.

    Raises:
        InputError: no images, a damaged one, or one that is too small.
    """
    files = image_files.find(folder)
    ways = enlargers(model, scale)
    images = {}
    with bar("Measuring", len(files)) as progress:
        for path in files:
            images[path.name] = _scores(path, ways, inside)
            progress.advance()
    return Report(images, next(iter(ways.values())).scale)


def enlargers(model: Generator | None, scale: int = 4) -> dict[str, Enlarger]:
    """What `evaluate` compares, by the names it goes by in a report."""
    if model is None:
        return {
            "bicubic": Interpolation("bicubic", scale),
            "lanczos": Interpolation("lanczos", scale),
        }
    # Not continued by a mirror image: published figures have zeros around the image.
    return {"sr": Network(model, step=1), **enlargers(None, model.scale)}


def _scores(path: Path, ways: dict[str, Enlarger], inside: bool) -> dict[str, Score]:
    image = image_files.read(path)
    least = smallest(next(iter(ways.values())).scale)
    if min(image.shape[:2]) < least:
        raise InputError(
            f"{path}: {image.shape[0]}x{image.shape[1]} pixels; at least {least} a side are "
            "needed, leave it out"
        )
    if inside and image.ndim == 3:
        raise InputError(f"{path}: a colour image; a sector is looked for in gray frames only")
    return {name: score(image, way, inside=inside) for name, way in ways.items()}


def _rounded(image: np.ndarray) -> np.ndarray:
    """As an 8-bit file would hold it."""
    return (np.round(image.clip(0, 1) * 255) / 255).astype(np.float32)


def _measured(image: np.ndarray, border: int) -> np.ndarray:
    """The channel that counts, without the border: (rows, columns)."""
    kept = image[border:-border, border:-border]
    return y_channel(kept) if image.shape[-1] == 3 else kept[..., 0]
