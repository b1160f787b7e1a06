"""What a network does along the sector's edge, seeing the black around it or the sector continued.

    python benchmarks/sector_rim.py DIR WEIGHTS... [--frames 20]

DIR is a CAMUS folder, WEIGHTS are .safetensors files. Frames are reduced by the network's factor
and brought back, so that the truth is known. Printed are means over frames: PSNR (dB) in the sector
and in the band of 4 pixels within its edge, and how many gray levels brighter than the frame that
band is, and the band of 4 pixels around the sector.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

import tfds_camus
from echojax import devices, text_table
from echojax.inference.enhance import Interpolation, Network, enhance
from echojax.inference.surround import enhance_ultrasound, surrounded
from echojax.models.generator import Generator
from echojax.weights import networks
from tfds_camus.files import read_frame

BAND = 4  # pixels
HEAD = ("PSNR sector", "PSNR rim", "rim brighter by", "around brighter by")


def frames(folder: Path, number: int) -> Iterator[np.ndarray]:
    """Some frames of a CAMUS folder that show a sector on black, evenly spread."""
    every = tfds_camus.scan(folder).frames
    for k in np.linspace(0, len(every) - 1, min(number, len(every))).round().astype(int):
        frame, _ = read_frame(every[k].image)
        if surrounded(frame, 0, 255) is None:
            print(f"{every[k].key}: no sector on black is found")
            continue
        yield frame


def figures(frame: np.ndarray, result: np.ndarray) -> np.ndarray:
    """The four figures of a frame that was brought back."""
    mask = surrounded(frame, 0, 255)
    error = result.astype(float) - frame
    rim = mask & (distance_transform_edt(mask) <= BAND)
    around = ~mask & (distance_transform_edt(~mask) <= BAND)
    return np.array(
        [_psnr(error[mask]), _psnr(error[rim]), error[rim].mean(), error[around].mean()]
    )


def _psnr(error: np.ndarray) -> float:
    return 20 * np.log10(255) - 10 * np.log10(np.mean(error**2))


def table(folder: Path, weights: list[Path], number: int) -> list[list[str]]:
    """The means over frames, a row for every way to bring them back."""
    nets = {path.stem: Network(networks.load(path, Generator)) for path in weights}
    scales = sorted({net.scale for net in nets.values()})
    found: dict[str, list[np.ndarray]] = {}
    for frame in frames(folder, number):
        how = {"mode": "restore", "low": 0, "high": 255}
        results = {
            f"bicubic x{scale}": enhance(frame, Interpolation("bicubic", scale), **how)
            for scale in scales
        }
        for name, net in nets.items():
            results[f"{name}, black around"] = enhance(frame, net, **how)
            results[f"{name}, continued"] = enhance_ultrasound(frame, net, **how)
        for name, result in results.items():
            found.setdefault(name, []).append(figures(frame, result))
    rows = [
        [f"{name} ({len(each)})", *(f"{value:.2f}" for value in np.mean(each, axis=0))]
        for name, each in found.items()
    ]
    return [["way (frames)", *HEAD], *rows]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=20)
    given = parser.parse_args()
    devices.start()
    print(text_table.markdown(table(given.folder, given.weights, given.frames)))
