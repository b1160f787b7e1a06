"""Small valid files of every reader, and ways to damage them."""

import gzip
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import nibabel
import numpy as np
import SimpleITK
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

_FRAMES, _ROWS, _COLUMNS = 3, 16, 24
_TEXT = (".mhd", ".cfg")
_WORDS = (
    *("", "0", "-1", "2", "3", "9" * 9, "9" * 20, "1e308", "nan", "inf", "-0.5", "True", "False"),
    *("/etc/passwd", "../a.raw", "LIST", "LOCAL", "1 1 1", "99999 99999 1", "MET_DOUBLE"),
    *("MET_CHAR", "MET_STRING", "1 " * 50_000, "0 " * 9, "x" * 100_000, "\0"),
)
_EXTREMES = (
    *(struct.pack(f"{order}{kind}", value) for order in "<>" for kind in "fd" for value in
      (float("nan"), float("inf"), -1e30, 1e-30)),
    *(bytes([value]) * width for value in (0, 255) for width in (1, 2, 4, 8)),
    *(struct.pack(f"{order}{kind}", value) for order in "<>" for kind, value in
      (("h", 32767), ("i", 2**31 - 1), ("i", 100_000), ("H", 40_000), ("q", 2**62))),
)  # fmt: skip


def write(folder: Path, reader: str) -> Path:
    """Write a valid file of a reader, and what belongs to it; gives the file that is opened."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = READERS[reader]
    path = folder / f"a{suffix}"
    frames = np.random.default_rng(0).integers(0, 256, (_FRAMES, _ROWS, _COLUMNS), np.uint8)
    if reader == "camus cfg":
        path.write_text("ED: 1\nSex: F\nAge: 56\nImageQuality: Good\nEF: 54\nSubject: p1\n")
    elif reader.startswith("camus"):
        _nifti(path, frames[0]) if suffix == ".nii.gz" else _metaimage(path, frames[:1])
    elif reader.startswith("deep"):
        deep = np.stack([frames[0]] * 3, axis=2).astype(np.uint16) * 200
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(deep, isVector=True), str(path))
    elif suffix in (".png", ".jpg", ".tif", ".gif", ".bmp", ".webp"):
        several = {"save_all": True, "append_images": [Image.fromarray(f) for f in frames[1:]]}
        options = several if suffix in (".tif", ".gif") else {}
        Image.fromarray(frames[0]).save(path, dpi=(100, 100), **options)
    elif suffix in (".nii", ".nii.gz"):
        _nifti(path, frames)
    elif suffix in (".mhd", ".mha"):
        _metaimage(path, frames, packed="packed" in reader)
    elif suffix == ".dcm":
        _dicom(path, frames, _SYNTAXES[reader])
    else:
        _clip(path, frames)
    return path


_SYNTAXES = {
    "dicom": ExplicitVRLittleEndian,
    "dicom rle": RLELossless,
    "dicom jpeg": JPEGBaseline8Bit,
    "dicom deflated": DeflatedExplicitVRLittleEndian,
}
READERS = {
    "png": ".png",
    "deep png": ".png",
    "jpeg": ".jpg",
    "tiff": ".tif",
    "deep tiff": ".tif",
    "bmp": ".bmp",
    "webp": ".webp",
    "gif": ".gif",
    "nifti": ".nii",
    "nifti gz": ".nii.gz",
    "mhd": ".mhd",
    "mha": ".mha",
    "mha packed": ".mha",
    **dict.fromkeys(_SYNTAXES, ".dcm"),
    "avi": ".avi",
    "mp4": ".mp4",
    "mov": ".mov",
    "mkv": ".mkv",
    "camus nifti": ".nii.gz",
    "camus mhd": ".mhd",
    "camus cfg": ".cfg",
}


def _nifti(path: Path, frames: np.ndarray) -> None:
    image = nibabel.Nifti1Image(frames.T, np.diag([-0.3, -0.15, 1, 1]))
    image.set_qform(image.affine, 1)
    nibabel.save(image, path)


def _metaimage(path: Path, frames: np.ndarray, *, packed: bool = False) -> None:
    image = SimpleITK.GetImageFromArray(frames)
    image.SetSpacing((0.3, 0.15, 1.0))
    image.SetMetaData("PatientName", "patient0001")
    SimpleITK.WriteImage(image, str(path), useCompression=packed)


def _dicom(path: Path, frames: np.ndarray, syntax: str) -> None:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "2.25.1"
    made.StudyInstanceUID, made.SeriesInstanceUID = "2.25.2", "2.25.3"
    made.PatientName, made.Modality = "Doe^Jane", "US"
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.PhotometricInterpretation, made.SamplesPerPixel = "MONOCHROME2", 1
    made.NumberOfFrames, (made.Rows, made.Columns) = len(frames), frames.shape[1:]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelSpacing = [0.2, 0.3]
    region = Dataset()
    region.RegionSpatialFormat, region.PhysicalDeltaX, region.PhysicalDeltaY = 1, 0.04, 0.02
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 2, 2
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 20, 12
    made.SequenceOfUltrasoundRegions = [region]
    made.add_new("PixelData", "OW", frames.tobytes())
    if syntax == RLELossless:
        made.compress(RLELossless, generate_instance_uid=False)
    elif syntax == JPEGBaseline8Bit:
        made.PixelData = encapsulate([_jpeg(frame) for frame in frames])
        made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = syntax
    made.save_as(path, enforce_file_format=True)


def _jpeg(frame: np.ndarray) -> bytes:
    packed = BytesIO()
    Image.fromarray(frame).save(packed, "JPEG")
    return packed.getvalue()


def _clip(path: Path, frames: np.ndarray) -> None:
    codec, pixels = ("mjpeg", "yuvj420p") if path.suffix == ".avi" else ("libx264", "yuv420p")
    # The same bytes every time: Matroska otherwise draws a number of its own.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = _ROWS, _COLUMNS, pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "gray")))
        container.mux(stream.encode(None))


def damage(content: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """One mutation of a file's content; what is packed or summed is so again half of the time."""
    if suffix == ".nii.gz" and rng.random() < 0.6:
        return gzip.compress(_damaged(gzip.decompress(content), rng), compresslevel=1, mtime=0)
    if suffix in (*_TEXT, ".mha") and rng.random() < 0.6:
        return _reworded(content, rng)
    if suffix == ".png" and rng.random() < 0.6:
        return _summed(_extreme(bytearray(content[:60]), rng)[:60] + content[60:])
    return _damaged(content, rng)


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    way: Callable[[bytearray, np.random.Generator], bytes]
    way = (_flipped, _cut, _extreme, _extreme, _moved)[rng.integers(5)]
    return bytes(way(bytearray(content), rng))


def _flipped(content: bytearray, rng: np.random.Generator) -> bytes:
    for place in rng.integers(0, len(content), rng.integers(1, 17)):
        content[place] ^= 1 << rng.integers(8)
    return content


def _cut(content: bytearray, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def _extreme(content: bytearray, rng: np.random.Generator) -> bytes:
    """Numbers of the header, which is mostly in front, made extreme."""
    for _ in range(rng.integers(1, 4)):
        number = _EXTREMES[rng.integers(len(_EXTREMES))]
        limit = min(len(content), 600) if rng.random() < 0.8 else len(content)
        place = int(rng.integers(limit))
        content[place : place + len(number)] = number
    return content


def _moved(content: bytearray, rng: np.random.Generator) -> bytes:
    """A piece left out, or put where another is."""
    start, end, place = (int(each) for each in rng.integers(0, len(content), 3))
    start, end = sorted((start, min(end, start + 64)))
    piece = content[start:end]
    if rng.random() < 0.5:
        return content[:start] + content[end:]
    return content[:place] + piece * int(rng.integers(1, 4)) + content[place:]


def _reworded(content: bytes, rng: np.random.Generator) -> bytes:
    """One or two values of `key = value` lines replaced."""
    lines = content.split(b"\n")
    sign = b" = " if b" = " in content else b": "
    for _ in range(rng.integers(1, 3)):
        fields = [number for number, line in enumerate(lines[:20]) if sign in line] or [0]
        number = fields[rng.integers(len(fields))]
        key = lines[number].split(sign)[0]
        lines[number] = key + sign + _WORDS[rng.integers(len(_WORDS))].encode()
    return b"\n".join(lines)


def _summed(content: bytes) -> bytes:
    """A PNG with the checksums of its chunks made right, or its decoder would look no further."""
    parts, place = [content[:8]], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunk = content[place + 4 : place + 8 + length]
        parts += [content[place : place + 4], chunk, struct.pack(">I", zlib.crc32(chunk))]
        place += 12 + length
    return b"".join(parts)
