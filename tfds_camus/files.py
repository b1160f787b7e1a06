"""Reading CAMUS's files: frames, masks and coherence, and the cfg beside them."""

import gzip
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from tfds_camus.errors import CamusError, short, shown
from tfds_camus.mhd import read_mhd

QUALITIES = ("good", "medium", "poor")
SEXES = ("F", "M")
_LARGEST = 1 << 28  # bytes that a file may unpack to, a hundred times CAMUS's largest frame
_LONGEST = 1 << 16  # bytes of a cfg file
_SPACING = 0.01, 10  # mm; what lies outside is no ultrasound, or not in mm
LABELS = (0, 1, 2, 3)  # background, LV cavity, myocardium, left atrium
REGIONS = 8  # of the wall, that are graded
_GRADES = 1, 5


@dataclass(frozen=True)
class Info:
    """What a cfg file says of one patient and view; None where it says nothing."""

    quality: str | None = None
    sex: str | None = None
    age: float | None = None
    ef: float | None = None
    subject: str | None = None
    grades_ed: tuple[float, ...] | None = None
    grades_es: tuple[float, ...] | None = None


def read_info(path: Path) -> Info:
    """Read `Info_{view}.cfg`.

    Returns:
        quality in lower case, sex F or M, age in years, EF in percent (`EF` in the NIfTI release,
        `LVef` in the challenge release), `Subject`, the name of a person who has several folders,
        and grades 1 to 5 of the wall's eight regions in either phase (`RegionGradesED`,
        `RegionGradesES`), NaN for one that cannot be assessed.

    Raises:
        CamusError: an ImageQuality, number or grade that cannot be understood.
    """
    fields = {}
    for line in _text(path).splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields[key.strip()] = value.strip()
    quality = fields.get("ImageQuality", "").lower() or None
    if quality is not None and quality not in QUALITIES:
        raise CamusError(
            f"{short(path)}: ImageQuality is {fields['ImageQuality']!r}; "
            "expected Good, Medium or Poor"
        )
    sex = fields.get("Sex")
    return Info(
        quality=quality,
        sex=sex if sex in SEXES else None,
        age=_number(path, fields, "Age"),
        ef=_number(path, fields, "EF" if "EF" in fields else "LVef"),
        subject=fields.get("Subject") or None,
        grades_ed=_grades(path, fields, "RegionGradesED"),
        grades_es=_grades(path, fields, "RegionGradesES"),
    )


def _number(path: Path, fields: dict[str, str], key: str) -> float | None:
    text = fields.get(key, "").rstrip("%")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if math.isinf(number):  # NaN, as unknown, is fine
        raise CamusError(f"{short(path)}: {key} is {text[:40]!r}; expected a number")
    return number


def _grades(path: Path, fields: dict[str, str], key: str) -> tuple[float, ...] | None:
    text = fields.get(key, "")
    if not text:
        return None
    low, high = _GRADES
    try:
        grades = tuple(float(word) for word in text.split())
    except ValueError:
        grades = ()
    if len(grades) != REGIONS or not all(low <= g <= high or math.isnan(g) for g in grades):
        raise CamusError(
            f"{short(path)}: {key} is {text[:80]!r}; expected {REGIONS} numbers from {low} to "
            f"{high}, or nan"
        )
    return grades


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise CamusError(f"{short(path)}: cannot be read ({error.strerror})") from error
    if len(content) > _LONGEST:
        raise CamusError(f"{short(path)}: over {_LONGEST} bytes; expected a few lines")
    return content.decode("utf-8", errors="replace")


def read_frame(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    """Read a frame or a mask, upright: rows are depth, the probe is at the top.

    Returns:
        uint8 array (rows, columns) and the spacing of rows and columns in mm.

    Raises:
        CamusError: the file is truncated, not two-dimensional, of a spacing that is not physical,
            or holds values outside 0-255.
    """
    array, spacing = read_mhd(path) if path.suffix == ".mhd" else _read_nifti(path)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "iuf":
        raise CamusError(
            f"{short(path)}: has shape {array.shape}; expected one 2-D frame of numbers"
        )
    low, high = _SPACING
    if not all(low <= step <= high for step in spacing):  # NaN included
        rows, columns = spacing
        raise CamusError(
            f"{short(path)}: a pixel of {rows:g} x {columns:g} mm; expected {low} to {high} mm"
        )
    # Integers are often stored as float32, resampled labels not even as whole numbers.
    rounded = np.round(array)
    if not np.isfinite(rounded).all() or rounded.min() < 0 or rounded.max() > 255:
        raise CamusError(
            f"{short(path)}: values from {array.min():g} to {array.max():g}; expected 0 to 255"
        )
    return rounded.astype(np.uint8), spacing


def read_mask(path: Path, image_shape: tuple[int, ...]) -> np.ndarray:
    """Read the mask of an image: uint8 (rows, columns), labels 0 to 3.

    Raises:
        CamusError: as `read_frame`, or the shape is not the image's, or another label occurs.
    """
    mask = _beside(path, image_shape, "mask")
    unknown = sorted(set(np.unique(mask).tolist()) - set(LABELS))
    if unknown:
        raise CamusError(f"{short(path)}: labels {unknown}; expected only {list(LABELS)}")
    return mask


def read_coherence(path: Path, image_shape: tuple[int, ...]) -> np.ndarray:
    """Read the coherence of an image: uint8 (rows, columns), 255 where echoes are in phase.

    Raises:
        CamusError: as `read_frame`, or the shape is not the image's.
    """
    return _beside(path, image_shape, "coherence")


def _beside(path: Path, image_shape: tuple[int, ...], what: str) -> np.ndarray:
    found, _ = read_frame(path)
    if found.shape != image_shape:
        raise CamusError(
            f"{short(path)}: {what} is {_size(found.shape)} but its image is {_size(image_shape)} "
            "(rows x columns); expected the same size"
        )
    return found


def _read_nifti(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    try:
        # Unpacked whole: nibabel stops before gzip's checksum, and would pass on wrong pixels.
        content = _unpacked(path)
        image = nibabel.Nifti1Image.from_bytes(content)
        stored: Any = image.dataobj
        claimed = stored.offset + math.prod(map(int, stored.shape)) * stored.dtype.itemsize
        if claimed > len(content):  # nibabel would make room for them before it looks
            raise ValueError(f"{len(content)} bytes of {claimed}")
        array = np.asarray(image.dataobj)
        lateral, depth = (float(zoom) for zoom in image.header.get_zooms()[:2])
    except (CamusError, MemoryError):
        raise
    except Exception as error:  # on damaged files nibabel raises nearly every type there is
        raise CamusError(
            f"{short(path)}: cannot be read as NIfTI, probably truncated "
            f"({shown(error) or type(error).__name__}); download it again"
        ) from error
    # nibabel gives (lateral, depth[, 1]); no flip is needed beside the transposition.
    return _drop_third(array).T, (depth, lateral)


def _unpacked(path: Path) -> bytes:
    pieces, size = [], 0
    with path.open("rb") as packed, gzip.open(packed) as file:
        while piece := file.read(1 << 20):
            size += len(piece)
            if size > _LARGEST:
                raise CamusError(f"{short(path)}: unpacks to over {_LARGEST} bytes; no CAMUS frame")
            pieces.append(piece)
    return b"".join(pieces)


def _drop_third(array: np.ndarray) -> np.ndarray:
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
