"""How well images that are reduced come back: PSNR and SSIM by the literature's protocol.

An image is cut to a multiple of the scale, reduced, brought back, and compared with what it was,
both low resolution and result rounded to 8 bit. Colour images are compared on the Y of YCbCr, gray
ones as they are, without a border as wide as the scale (Ledig et al., CVPR 2017, section 3.1).

A network of one channel is given the full-range luma of a colour image, while the chroma is
interpolated, and its Y is taken from the RGB image that results, as from any other network's. Y
spans 219 of 255 levels: the same error counts 1.32 dB less on it than on full-range luma.

In the sector of an echo frame figures are lower than over the whole frame, whose black surround
every method brings back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from echojax import text_table
from echojax.data import image_files
from echojax.errors import InputError
from echojax.inference.enhance import Enlarger, Interpolation, Network, as_float, degrade, enhance
from echojax.inference.sector import sector as sector_of
from echojax.metrics import SSIM_WINDOW, psnr, ssim, y_channel
from echojax.models.generator import Generator
from echojax.progress import bar
from echojax.wording import one_line

Scores = dict[str, float]
"""psnr in dB (inf if identical) and ssim; psnr_sector and ssim_sector if they are asked for."""

_TITLES = {"sr": "Network", "bicubic": "Bicubic", "lanczos": "Lanczos"}


def scores(image: np.ndarray, enlarger: Enlarger, *, sector: bool = False) -> Scores:
    """Reduce an image, bring it back and compare.

    Args:
        image: uint8 (rows, columns), (rows, columns, 1) or (rows, columns, 3), at least
            `smallest(enlarger.scale)` a side.
        enlarger: what brings it back.
        sector: whether to measure in the sector, too.
    """
    scale = enlarger.scale
    rows, columns = (n // scale * scale for n in image.shape[:2])
    whole = image[:rows, :columns].reshape(rows, columns, -1)
    high = as_float(whole)
    low = _rounded(degrade(high, scale))
    result = _rounded(enhance(low, enlarger, mode="upscale"))
    counted = (slice(scale, -scale),) * 2
    high, result = (_channel(x[counted]) for x in (high, result))
    found = {"psnr": psnr(high, result), "ssim": ssim(high, result)}
    if sector:
        mask = sector_of(whole.max(-1))[counted]
        found |= {"psnr_sector": psnr(high, result, mask), "ssim_sector": ssim(high, result, mask)}
    return found


def _rounded(image: np.ndarray) -> np.ndarray:
    """As an 8-bit file would hold it."""
    return (np.round(image * 255) / 255).astype(np.float32)


def _channel(image: np.ndarray) -> np.ndarray:
    """The one that counts: (rows, columns)."""
    return y_channel(image) if image.shape[-1] == 3 else image[..., 0]


def smallest(scale: int) -> int:
    """Pixels that an image must have a side: SSIM's window fits without the border."""
    return -(-(SSIM_WINDOW + 2 * scale) // scale) * scale


def quality(frames: Sequence[np.ndarray], enlarger: Enlarger, *, sector: bool = False) -> Scores:
    """The scores of frames averaged over them, as training measures a generator.

    Args:
        frames: uint8 (rows, columns), at least one; otherwise as for `scores`.
        enlarger: what brings them back.
        sector: whether to measure in the sector, too.
    """
    return _mean([scores(frame, enlarger, sector=sector) for frame in frames])


def _mean(every: Sequence[Scores]) -> Scores:
    return {name: float(np.mean([each[name] for each in every])) for name in every[0]}


def interpolations(scale: int) -> dict[str, Enlarger]:
    """The controls of every network, by the names they go by in a report."""
    return {method: Interpolation(method, scale) for method in ("bicubic", "lanczos")}


def beside_interpolations(model: Generator) -> dict[str, Enlarger]:
    """A network, as "sr", and its controls."""
    # Not continued by a mirror image: published figures have zeros around the image.
    return {"sr": Network(model, step=1), **interpolations(model.scale)}


@dataclass(frozen=True)
class Report:
    """Scores of every image (by file name) and every enlarger ("sr", "bicubic" ...)."""

    scale: int
    images: dict[str, dict[str, Scores]]

    @property
    def mean(self) -> dict[str, Scores]:
        """Scores averaged over the images."""
        every = list(self.images.values())
        return {name: _mean([each[name] for each in every]) for name in every[0]}

    @property
    def protocol(self) -> dict[str, str | int]:
        """How it was measured."""
        told: dict[str, str | int] = {
            "scale": self.scale,
            "degradation": "antialiased bicubic (Keys, a = -0.5), rounded to 8 bit",
            "channel": "Y of YCbCr (ITU-R BT.601, 16-235); gray images as they are",
            "border": self.scale,
            "size": f"cut to a multiple of {self.scale}",
            "rounding": "8 bit",
            "ssim": f"Gaussian window {SSIM_WINDOW}x{SSIM_WINDOW}, sigma 1.5",
        }
        if self._of_sector:
            told["sector"] = "convex hull of what is brighter than black; SSIM's map averaged in it"
        return told

    def as_json(self) -> dict[str, Any]:
        """All of it for `json.dumps`; an infinite PSNR, which JSON lacks, is None."""
        return {
            "images": {name: _as_json(each) for name, each in self.images.items()},
            "mean": _as_json(self.mean),
            "protocol": self.protocol,
        }

    def as_markdown(self) -> str:
        """A Markdown table and a line on the protocol."""
        return f"{text_table.markdown(self._cells())}\n\n{self._caption()}"

    def as_text(self) -> str:
        """A table for a terminal and a line on the protocol."""
        return f"{text_table.plain(self._cells())}\n\n{self._caption()}"

    @property
    def _of_sector(self) -> bool:
        return any("psnr_sector" in found for found in self.mean.values())

    def _cells(self) -> list[list[str]]:
        columns = {
            f"{_TITLES[name]}{title} (dB / SSIM)": (name, suffix)
            for title, suffix in (("", ""), (", sector", "_sector"))[: 1 + self._of_sector]
            for name in self.mean
        }
        rows = {**self.images, "mean": self.mean}
        return [["Image", *columns]] + [
            [
                one_line(image),
                *(
                    f"{found[name][f'psnr{suffix}']:.2f} / {found[name][f'ssim{suffix}']:.4f}"
                    for name, suffix in columns.values()
                ),
            ]
            for image, found in rows.items()
        ]

    def _caption(self) -> str:
        told = self.protocol
        sector = f"; sector: {told['sector']}" if self._of_sector else ""
        return (
            f"x{self.scale}: {told['degradation']}; {told['channel']}; without a border of "
            f"{self.scale} pixels{sector}."
        )


def _as_json(every: dict[str, Scores]) -> dict[str, dict[str, float | None]]:
    return {
        name: {key: value if np.isfinite(value) else None for key, value in found.items()}
        for name, found in every.items()
    }


def evaluate(folder: Path, enlargers: Mapping[str, Enlarger], *, sector: bool = False) -> Report:
    """Measure on a folder of images.

    Args:
        folder: whose images (not those of its subfolders) are the references.
        enlargers: of one scale, as `interpolations` and `beside_interpolations` make them.
        sector: whether to measure in the sector of echo frames, too.

    Raises:
        InputError: no images, a damaged one, or one that is too small.
    """
    files = image_files.find(folder)
    (scale,) = {enlarger.scale for enlarger in enlargers.values()}
    least, images = smallest(scale), {}
    with bar("Measuring", len(files)) as progress:
        for path in files:
            image = image_files.read(path)
            rows, columns = image.shape[:2]
            if min(rows, columns) < least:
                raise InputError(
                    f"{path}: {rows}x{columns} pixels; at least {least} a side are needed, leave "
                    "it out"
                )
            images[path.name] = {
                name: scores(image, enlarger, sector=sector) for name, enlarger in enlargers.items()
            }
            progress.advance()
    return Report(scale, images)
