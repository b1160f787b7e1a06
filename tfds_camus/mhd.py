"""The challenge release's frames: a .mhd header of text, and its raw bytes beside it.

Read here rather than by ITK, whose reader trusts a header and ends the process over a bad one.
"""

import math
import zlib
from pathlib import Path

import numpy as np

from tfds_camus.errors import CamusError, short, shown

_DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LONGEST = 1 << 16  # bytes of a header
_LARGEST = 1 << 25  # pixels, ten times those of CAMUS's largest frame


def read_mhd(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    """Read one frame: its values, (rows, columns), and the spacing of rows and columns.

    Raises:
        CamusError: the data is missing, truncated or not beside the header, or the header is not
            that of one frame.
    """
    try:
        header = _header(path)
        name = header.get("ElementDataFile", "named in no line")
        raw = path.with_name(Path(name).name or "named in no line")
        if raw.name == name and raw.is_file():
            return _read(header, raw)
    except (ValueError, KeyError, OSError, zlib.error) as error:
        raise CamusError(
            f"{short(path)}: cannot be read as MetaImage, probably truncated ({shown(error)}); "
            "download it again"
        ) from error
    if raw.name != name:
        raise CamusError(
            f"{short(path)}: its data file {name[:80]!r} lies outside its folder; expected one "
            "beside the header"
        )
    raise CamusError(
        f"{short(path)}: its data file {shown(raw.name)} is missing; download it again or put "
        "it beside the header"
    )


def _header(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        text = file.read(_LONGEST).decode(errors="replace")
    lines = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _read(header: dict[str, str], raw: Path) -> tuple[np.ndarray, tuple[float, float]]:
    columns, rows, *more = (int(word) for word in header["DimSize"].split(maxsplit=4))
    frames = math.prod(more)
    if min(columns, rows, frames) < 1 or columns * rows * frames > _LARGEST:
        raise ValueError(f"DimSize is {header['DimSize'][:60]}")
    if header.get("ElementNumberOfChannels", "1") != "1":
        raise ValueError("it has colours")
    lateral, depth = (float(word) for word in header["ElementSpacing"].split(maxsplit=4)[:2])
    dtype = np.dtype(_DTYPES[header["ElementType"]])
    if header.get("BinaryDataByteOrderMSB", "").lower() == "true":
        dtype = dtype.newbyteorder(">")
    size = rows * columns * frames * dtype.itemsize
    with raw.open("rb") as file:
        if header.get("CompressedData", "").lower() == "true":
            content = zlib.decompressobj().decompress(file.read(2 * size + 1024), size)
        else:
            content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{raw.name} holds {len(content)} bytes of {size}")
    array = np.frombuffer(content, dtype).reshape(*more[::-1], rows, columns)
    return array[0] if array.ndim == 3 and len(array) == 1 else array, (depth, lateral)
