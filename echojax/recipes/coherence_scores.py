"""How near predicted coherence comes to that of held-out persons, inside the sector.

Beside two controls that need no network: the frame blurred as much as suits coherence best, its
gray levels mapped by a line; and the mean of coherence at each depth. Both are fitted on the frames
that the network learns from.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from echojax.data.frames import Frames
from echojax.data.source import evenly
from echojax.inference.coherence import predict
from echojax.metrics import psnr, ssim
from echojax.models.unet import UNet
from echojax.training.loop import Evaluator

WAYS = {"": "predicted", "_blurred": "blurred B-mode", "_depth": "mean of the depth"}
_SIGMAS = 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0  # pixels at 256
_USUAL = 256
_FITTED_ON = 64  # frames
_ASK = 8


class Controls(NamedTuple):
    """Frames, and how they are shown to the network.

    Attributes:
        learned: what controls are fitted on.
        held_out: what is measured.
        frames: how many of them.
        shown: gives frames, coherence and sector as uint8 (n, size, size, 3).
    """

    learned: Frames
    held_out: Frames
    frames: int
    shown: Callable[[Frames], np.ndarray]


def evaluator(controls: Controls, every: int) -> Evaluator:
    """Similarity, relative error and PSNR inside the sector, and the same of controls."""

    @functools.cache
    def measured() -> np.ndarray:
        chosen = evenly(len(controls.held_out), controls.frames)
        return controls.shown(controls.held_out.take(chosen))

    @functools.cache
    def references() -> dict[str, float]:
        chosen = evenly(len(controls.learned), _FITTED_ON)
        known, maps = controls.shown(controls.learned.take(chosen)), measured()
        found = {"_blurred": blurred(known, maps), "_depth": of_depth(known, maps)}
        return {
            f"{name}{way}": value
            for way, images in found.items()
            for name, value in scores(maps, images).items()
        }

    def measure(model: UNet) -> dict[str, float]:
        maps = measured()
        frames = maps[..., 0].astype(np.float32) / 255
        parts = [predict(model, frames[n : n + _ASK]) for n in range(0, len(frames), _ASK)]
        return scores(maps, np.concatenate(parts))

    return Evaluator(measure, every, references)


def scores(maps: np.ndarray, found: Iterable[np.ndarray]) -> dict[str, float]:
    """Means over frames of what was found of them.

    Args:
        maps: uint8 (n, size, size, 3): frame, coherence, sector.
        found: coherence, (size, size) in [0, 1] each.

    Returns:
        `ssim_sector`, `psnr_sector` in dB, and `relative_error`: summed absolute errors over summed
        coherence, in percent.
    """
    rows = []
    for own, image in zip(maps, found, strict=True):
        truth, inside = own[..., 1].astype(np.float32) / 255, own[..., 2] > 127
        error = np.abs(image - truth)[inside].sum() / truth[inside].sum()
        answer = np.where(inside, image, truth)
        rows.append((ssim(truth, answer, inside), psnr(truth, image, inside), 100 * error))
    names = ("ssim_sector", "psnr_sector", "relative_error")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def blurred(known: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Frames of `maps` blurred and mapped by the line that are best on `known`: (n, size, size)."""
    from scipy.ndimage import gaussian_filter

    def blur(these: np.ndarray, sigma: float) -> np.ndarray:
        frames = these[..., 0].astype(np.float32) / 255
        pixels = sigma * these.shape[1] / _USUAL
        return np.stack([gaussian_filter(frame, pixels) for frame in frames])

    def line(sigma: float) -> tuple[float, np.ndarray]:
        levels = blur(known, sigma)[known[..., 2] > 127]
        truth = known[..., 1][known[..., 2] > 127] / 255
        fitted = np.polyfit(levels, truth, 1)
        return float(np.mean((np.polyval(fitted, levels) - truth) ** 2)), fitted

    tried = {sigma: line(sigma) for sigma in _SIGMAS}
    best = min(tried, key=lambda sigma: tried[sigma][0])
    return np.polyval(tried[best][1], blur(maps, best)).clip(0, 1)


def of_depth(known: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Mean coherence of `known` at the depth of each pixel, for each of `maps`.

    Depth is what it is in frames as simulated, from the middle of the upper edge; the square that
    frames are brought to is taken as it is.
    """
    size = maps.shape[1]
    along = np.arange(size)
    depth = np.hypot(along[:, None], along[None] - size / 2).astype(int)
    inside = known[..., 2] > 127
    where = np.broadcast_to(depth, inside.shape)[inside]
    number = np.bincount(where, minlength=2 * size)
    total = np.bincount(where, known[..., 1][inside] / 255, minlength=2 * size)
    mean = total / np.maximum(number, 1)
    return np.broadcast_to(mean[depth], maps.shape[:3])


def told(found: Mapping[str, float]) -> dict[str, str]:
    """What a card says of the scores."""
    return {
        f"{name}, held-out persons": f"SSIM {found[f'ssim_sector{way}']:.3f}, relative error "
        f"{found[f'relative_error{way}']:.1f} %, PSNR {found[f'psnr_sector{way}']:.1f} dB "
        "inside the sector"
        for way, name in WAYS.items()
        if f"ssim_sector{way}" in found
    }
