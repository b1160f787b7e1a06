"""Reading CAMUS's files: NIfTI and MetaImage frames, and the cfg beside them."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

QUALITIES = ("good", "medium", "poor")
SEXES = ("F", "M")
# What gzip and nibabel raise for files that are cut off, altered, or something else altogether.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    nibabel.filebasedimages.ImageFileError,
    nibabel.spatialimages.HeaderDataError,
    nibabel.wrapstruct.WrapStructError,
)
LABELS = (0, 1, 2, 3)  # background, LV cavity, myocardium, left atrium


class CamusError(Exception):
    """A CAMUS folder or file that cannot be used: what is wrong, where, what was expected."""


@dataclass(frozen=True)
class Info:
    """What a cfg file says of one patient and view; None where it says nothing."""

    quality: str | None = None
    sex: str | None = None
    age: float | None = None
    ef: float | None = None
    subject: str | None = None


def read_info(path: Path) -> Info:
    """Read `Info_{view}.cfg`.

    Returns:
        quality in lower case, sex F or M, age in years, EF in percent (`EF` in the NIfTI release,
        `LVef` in the challenge release), and `Subject`, the name of a person who has several
        folders.

    Raises:
        CamusError: an ImageQuality or number that cannot be understood.
    """
    fields = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
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
    )


def _number(path: Path, fields: dict[str, str], key: str) -> float | None:
    text = fields.get(key, "").rstrip("%")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise CamusError(f"{short(path)}: {key} is {text!r}; expected a number") from None


def read_frame(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    """Read a frame or a mask, upright: rows are depth, the probe is at the top.

    Returns:
        uint8 array (rows, columns) and the spacing of rows and columns in mm.

    Raises:
        CamusError: the file is truncated, not two-dimensional, or holds values outside 0-255.
    """
    array, spacing = _read_mhd(path) if path.suffix == ".mhd" else _read_nifti(path)
    if array.ndim != 2:
        raise CamusError(f"{short(path)}: has shape {array.shape}; expected one 2-D frame")
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
    mask, _ = read_frame(path)
    if mask.shape != image_shape:
        raise CamusError(
            f"{short(path)}: mask is {_size(mask.shape)} but its image is {_size(image_shape)} "
            "(rows x columns); expected the same size"
        )
    unknown = sorted(set(np.unique(mask).tolist()) - set(LABELS))
    if unknown:
        raise CamusError(f"{short(path)}: labels {unknown}; expected only {list(LABELS)}")
    return mask


def _read_nifti(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    try:
        # Unpacked whole: nibabel stops before gzip's checksum, and would pass on wrong pixels.
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        array = np.asarray(image.dataobj)
    except _DAMAGE as error:
        raise CamusError(
            f"{short(path)}: cannot be read as NIfTI, probably truncated "
            f"({_first_line(error)}); download it again"
        ) from error
    lateral, depth = (float(zoom) for zoom in image.header.get_zooms()[:2])
    # nibabel gives (lateral, depth[, 1]); no flip is needed beside the transposition.
    return _drop_third(array).T, (depth, lateral)


def _read_mhd(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    import SimpleITK  # takes 0.3 s that users of the NIfTI release need not wait for

    lines = (line.partition("=") for line in path.read_text(errors="replace").splitlines())
    header = {key.strip(): value.strip() for key, _, value in lines}
    raw = path.parent / header.get("ElementDataFile", "")
    if not raw.is_file():
        raise CamusError(
            f"{short(path)}: its data file {raw.name} is missing; download it again or put it "
            "beside the header"
        )
    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise CamusError(
            f"{short(path)}: cannot be read as MetaImage, probably truncated; download it again"
        ) from error
    array = SimpleITK.GetArrayFromImage(image)  # ([1,] rows, columns)
    columns, rows = image.GetSpacing()[:2]
    return array[0] if array.ndim == 3 and len(array) == 1 else array, (rows, columns)


def _drop_third(array: np.ndarray) -> np.ndarray:
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def short(path: Path) -> str:
    """The last two parts of a path, enough to find a file in a CAMUS folder."""
    return "/".join(path.parts[-2:])
