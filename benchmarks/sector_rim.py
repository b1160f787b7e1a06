"""What a network does along the sector's edge, seeing the black around it or the sector continued.

    python benchmarks/sector_rim.py DIR WEIGHTS... [--frames 10]

DIR is a CAMUS folder, WEIGHTS are .safetensors files. Frames are reduced by a network's factor and
enlarged again, so that the truth is known. In frames as they are stored, the sector ends between
one pixel and the next: so it does here after reduction ("sharp"), unless the frame is reduced with
the black around it ("soft").

Of each frame a piece of 64 x 96 reduced pixels is looked at, in the middle of the sector's left
edge. Printed are means over frames: PSNR (dB) in its part of the sector, PSNR in the band of 16
pixels within the edge, and how many gray levels brighter than the truth the band is that lies 8 to
16 pixels from the edge.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

import tfds_camus
from echojax import devices, text_table
from echojax.inference.enhance import Enlarger, Interpolation, Network, enhance, reduced
from echojax.inference.surround import continued, enhance_ultrasound, surrounded
from echojax.models.generator import Generator
from echojax.weights import networks
from tfds_camus.files import read_frame

BAND, RIM = 16, 8  # pixels
ROWS, COLUMNS = 64, 96  # of a piece of the reduced frame
HEAD = ("PSNR, sector", "PSNR, band", "brighter by")


def frames(folder: Path, number: int) -> Iterator[np.ndarray]:
    """Some frames of a CAMUS folder, evenly spread."""
    every = tfds_camus.scan(folder).frames
    for k in np.linspace(0, len(every) - 1, min(number, len(every))).round().astype(int):
        yield read_frame(every[k].image)[0]


def pairs(frame: np.ndarray, scale: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of a frame, by the kind of edge: reduced, the truth, and the sector of the truth."""
    frame = frame[: len(frame) // scale * scale, : frame.shape[1] // scale * scale]
    mask = surrounded(frame, 0, 255)
    if mask is None:
        raise ValueError("no sector on black is found")
    core = binary_erosion(mask, iterations=2)
    small = _reduced(core, scale) > 0.99
    large = small.repeat(scale, 0).repeat(scale, 1)
    sharp = np.where(small, _as_levels(_reduced(continued(frame, core) / 255, scale)), 0)
    top = (len(small) - ROWS) // 2
    left = max(int(np.flatnonzero(small[len(small) // 2])[0]) - COLUMNS // 2, 0)
    piece = slice(top, top + ROWS), slice(left, left + COLUMNS)
    pixels = tuple(slice(scale * each.start, scale * each.stop) for each in piece)
    return {
        "sharp": (sharp.astype(np.uint8)[piece], np.where(large, frame, 0)[pixels], large[pixels]),
        "soft": (
            _as_levels(_reduced(frame / 255, scale))[piece],
            frame[pixels],
            mask[pixels],
        ),
    }


def _reduced(image: np.ndarray, scale: int) -> np.ndarray:
    return reduced(image[..., None].astype(np.float32), scale)[..., 0]


def _as_levels(image: np.ndarray) -> np.ndarray:
    return (255 * image).round().astype(np.uint8)


def figures(result: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> list[float]:
    """The three figures of an enlarged frame."""
    error = result.astype(float) - truth
    depth = distance_transform_edt(mask)
    rim = error[(depth > RIM) & (depth <= BAND)]
    return [_psnr(error[mask]), _psnr(error[mask & (depth <= BAND)]), float(rim.mean())]


def _psnr(error: np.ndarray) -> float:
    return float(20 * np.log10(255) - 10 * np.log10(np.mean(error**2)))


def table(folder: Path, nets: dict[str, Enlarger], number: int) -> list[list[str]]:
    """The means over frames, a row for every edge and way to enlarge."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for frame in frames(folder, number):
        for scale in sorted({net.scale for net in nets.values()}):
            ways = {f"bicubic x{scale}": (enhance, Interpolation("bicubic", scale))}
            for name, net in nets.items():
                if net.scale == scale:
                    ways[f"{name}, black around"] = (enhance, net)
                    ways[f"{name}, continued"] = (enhance_ultrasound, net)
            for edge, (small, truth, mask) in pairs(frame, scale).items():
                for name, (way, enlarger) in ways.items():
                    large = way(small, enlarger, mode="upscale", low=0, high=255)
                    found.setdefault((edge, name), []).append(figures(large, truth, mask))
    rows = [
        [f"{edge}: {name} ({len(each)})", *(f"{value:.2f}" for value in np.mean(each, axis=0))]
        for (edge, name), each in sorted(found.items())
    ]
    return [["edge: way (frames)", *HEAD], *rows]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=10)
    given = parser.parse_args()
    devices.start()
    loaded = {path.stem: Network(networks.load(path, Generator)) for path in given.weights}
    print(text_table.markdown(table(given.folder, loaded, given.frames)))
