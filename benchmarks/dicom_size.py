"""How large enlarged frames are in DICOM: uncompressed, as RLE and as JPEG 2000 without loss.

    python benchmarks/dicom_size.py DIR [--frames 3]

DIR is a CAMUS folder. Frames are enlarged four times by bicubic interpolation, as gray and as RGB.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.pixels import get_encoder
from pydicom.uid import RLELossless

import tfds_camus
from echojax import text_table
from echojax.inference.enhance import Interpolation, enhance
from echojax.media import dicom_lossless
from tfds_camus.files import read_frame


def header(frame: np.ndarray) -> Dataset:
    """What is said of the pixels of a frame."""
    made = Dataset()
    made.Rows, made.Columns = frame.shape[:2]
    made.SamplesPerPixel = frame.size // (made.Rows * made.Columns)
    made.PhotometricInterpretation = "RGB" if made.SamplesPerPixel == 3 else "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.PixelRepresentation = 8, 8, 0
    return made


def sizes(frame: np.ndarray) -> dict[str, tuple[int, float]]:
    """Bytes of a frame and seconds of the processor, by the way it is written."""
    made = header(frame)
    rle = get_encoder(RLELossless)
    ways = {
        "uncompressed": frame.tobytes,
        "RLE": lambda: rle.encode(
            frame.tobytes(),
            encoding_plugin="pydicom",
            rows=made.Rows,
            columns=made.Columns,
            samples_per_pixel=made.SamplesPerPixel,
            photometric_interpretation=made.PhotometricInterpretation,
            planar_configuration=0,
            bits_allocated=8,
            bits_stored=8,
            pixel_representation=0,
            number_of_frames=1,
        ),
        "JPEG 2000": lambda: b"".join(dicom_lossless.encapsulated(made, [frame])),
    }
    found = {}
    for name, way in ways.items():
        started = time.process_time()
        found[name] = len(way()), time.process_time() - started
    return found


def table(folder: Path, number: int) -> list[list[str]]:
    """Megabytes a frame and seconds a frame, a row for every way."""
    every = tfds_camus.scan(folder).frames
    rows = [["written as", "MB a frame", "share", "seconds a frame"]]
    for kind in ("gray", "RGB"):
        found = []
        for k in np.linspace(0, len(every) - 1, number).round().astype(int):
            frame, _ = read_frame(every[k].image)
            large = enhance(frame, Interpolation("bicubic", 4), mode="upscale", low=0, high=255)
            found.append(sizes(large if kind == "gray" else np.repeat(large[..., None], 3, -1)))
        plain = np.mean([each["uncompressed"][0] for each in found])
        for name in found[0]:
            size, seconds = np.mean([each[name] for each in found], axis=0)
            rows.append(
                [f"{kind}, {name}", f"{size / 1e6:.2f}", f"{size / plain:.1%}", f"{seconds:.2f}"]
            )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=3)
    given = parser.parse_args()
    print(text_table.markdown(table(given.folder, given.frames)))
