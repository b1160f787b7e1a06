"""A MetaImage header, read and bounded before anything trusts it.

Source: the MetaIO documentation of ITK, "MetaImage tags" and "Reading a brick-of-bytes".
"""

import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echojax.media.limits import check_bytes, check_pixels

_LONGEST = 1 << 20  # bytes of a header
_DIMENSIONS = range(2, 5)
_DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_DTYPES |= {f"{name}_ARRAY": dtype for name, dtype in _DTYPES.items()}
# What MetaIO itself understands; anything else is a remark that is kept.
_WORDS = """
ObjectType ObjectSubType TransformType NDims Name ID ParentID CompressedData
CompressedDataSize CompressionLevel BinaryData BinaryDataByteOrderMSB ElementByteOrderMSB
Color Position Origin Offset TransformMatrix Rotation Orientation CenterOfRotation
DistanceUnits AnatomicalOrientation ElementSpacing AcquisitionDate DimSize HeaderSize
HeaderSizePerSlice Modality ImagePosition SequenceID ElementMin ElementMax
ElementNumberOfChannels ElementSize ElementNBits ElementToIntensityFunctionSlope
ElementToIntensityFunctionOffset ElementType ElementDataFile Comment
"""
_KNOWN = frozenset(_WORDS.split())


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes:
        size: of the axes, fastest first: columns, rows and what counts frames.
        channels: 1 for gray, 3 for RGB.
        dtype: of the values as they are stored.
        spacing: of the axes, positive.
        origin: of the first pixel's centre.
        direction: of the axes, one a row, (axes, axes).
        compressed: by zlib or gzip.
        skipped: bytes before the data; -1 if the data ends its file.
        files: what holds the data, in order; the header's own file if it does so itself.
        remarks: fields that MetaIO does not know.
    """

    size: tuple[int, ...]
    channels: int
    dtype: np.dtype
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: np.ndarray
    compressed: bool
    skipped: int
    files: tuple[Path, ...]
    remarks: dict[str, str]


def read(path: Path) -> Header:
    """Read a header.

    Raises:
        ValueError: it is no MetaImage header, or one that cannot be relied on.
        InputError: it asks for more pixels than the ceiling.
    """
    fields, names, end = _fields(path)
    dimensions = _integers(fields, "NDims", 1)[0]
    if dimensions not in _DIMENSIONS:
        raise ValueError(f"NDims is {dimensions}; expected 2, 3 or 4")
    size = _integers(fields, "DimSize", dimensions)
    if min(size) < 1:
        raise ValueError(f"DimSize is {fields['DimSize'][:60]!r}; expected positive numbers")
    check_pixels(path, size[1], size[0])
    if fields.get("BinaryData", "True").lower() != "true":
        raise ValueError("its data is text; expected BinaryData = True")
    channels = _integers(fields, "ElementNumberOfChannels", 1, "1")[0]
    kind = fields.get("ElementType", "")
    if channels not in (1, 3) or kind not in _DTYPES:
        raise ValueError(f"{channels} channels of {kind[:40]!r}; expected gray or RGB numbers")
    spacing = _numbers(
        fields, ("ElementSpacing", "ElementSize"), dimensions, " ".join("1" * dimensions)
    )
    if min(spacing) <= 0:
        raise ValueError(f"ElementSpacing is {spacing}; expected positive lengths")
    origin = _numbers(
        fields, ("Offset", "Position", "Origin"), dimensions, " ".join("0" * dimensions)
    )
    direction = np.eye(dimensions)
    turned = ("TransformMatrix", "Rotation", "Orientation")
    if any(name in fields for name in turned):
        direction = np.reshape(_numbers(fields, turned, dimensions**2, ""), direction.shape)
    if abs(np.linalg.det(direction)) < 1e-6:
        raise ValueError("its axes do not span its space; expected another TransformMatrix")
    local = names is None
    compressed = fields.get("CompressedData", "").lower() == "true"
    big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", ""))
    return Header(
        size=size,
        channels=channels,
        dtype=np.dtype(_DTYPES[kind]).newbyteorder(">" if big.lower() == "true" else "<"),
        spacing=spacing,
        origin=origin,
        direction=direction,
        compressed=compressed,
        skipped=end if local else _skipped(fields, compressed),
        files=(path,) if names is None else tuple(_beside(path, name) for name in names),
        remarks={key: value for key, value in fields.items() if _is_remark(key, value)},
    )


def values(path: Path, header: Header) -> np.ndarray:
    """The stored values: (frames' axes..., rows, columns[, 3]).

    Raises:
        ValueError: the data is longer or shorter than the header says.
        InputError: it unpacks to more than the ceiling.
    """
    shape = (*header.size[::-1], *((header.channels,) * (header.channels > 1)))
    total = math.prod(shape) * header.dtype.itemsize  # of Python, which does not overflow
    part, rest = divmod(total, len(header.files))
    if rest or len(header.files) > header.size[-1]:
        raise ValueError(f"{len(header.files)} data files for {header.size[-1]} frames")
    if len(header.files) == 1 and not header.compressed:
        start = _start(header.files[0], header.skipped, part)
        return np.memmap(header.files[0], header.dtype, "r", start, shape)
    check_bytes(path, total)
    pieces = [_piece(file, header, part) for file in header.files]
    return np.frombuffer(b"".join(pieces), header.dtype).reshape(shape)


def _piece(file: Path, header: Header, size: int) -> bytes:
    if not header.compressed:
        start = _start(file, header.skipped, size)
        with file.open("rb") as stream:
            stream.seek(start)
            return stream.read(size)
    with file.open("rb") as stream:
        stream.seek(max(header.skipped, 0))
        unpacker = zlib.decompressobj(32 + zlib.MAX_WBITS)  # zlib or gzip, by its first bytes
        content = unpacker.decompress(stream.read(), size + 1)
    if len(content) != size or not unpacker.eof:
        raise ValueError(f"{file.name} does not unpack to {size} bytes")
    return content


def _start(file: Path, skipped: int, size: int) -> int:
    there = file.stat().st_size
    start = there - size if skipped < 0 else skipped
    if start < 0 or there < start + size:
        raise ValueError(f"{file.name} has {there} bytes, too few for what the header says")
    return start


def _fields(path: Path) -> tuple[dict[str, str], list[str] | None, int]:
    """The fields, the names of the data files (None if the data follows), where the header ends."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in fields:
            line = file.readline(_LONGEST)
            if not line or file.tell() > _LONGEST:
                raise ValueError("its header names no ElementDataFile")
            key, sign, value = line.decode(errors="surrogateescape").partition("=")
            if sign:
                fields[key.strip()] = value.strip()
        end = file.tell()
        named = fields["ElementDataFile"]
        if named.upper() == "LOCAL":
            return fields, None, end
        if named.split()[:1] != ["LIST"]:
            return fields, [named], end
        listing = file.read(_LONGEST).decode(errors="surrogateescape")
    names = [name.strip() for name in listing.splitlines() if name.strip()]
    if not names:
        raise ValueError("its ElementDataFile is a LIST without a name")
    return fields, names, end


def _beside(path: Path, name: str) -> Path:
    """A data file, which a header may choose in its own folder but nowhere else."""
    inside = os.path.normpath(name)
    if (
        any(letter < " " for letter in name)
        or Path(inside).is_absolute()
        or Path(inside).parts[:1] in ((), ("..",))
    ):
        raise ValueError(f"its data file {name[:80]!r} lies outside its folder")
    return path.parent / name


def _skipped(fields: dict[str, str], compressed: bool) -> int:
    skipped = _integers(fields, "HeaderSize", 1, "0")[0]
    if skipped < (0 if compressed else -1):
        raise ValueError(f"HeaderSize is {skipped}; expected the bytes before the data")
    return skipped


def _integers(fields: dict[str, str], key: str, count: int, default: str = "") -> tuple[int, ...]:
    words = fields.get(key, default).split(maxsplit=count)
    # Nine digits are more than any image has, and no number of bytes overflows with them.
    if len(words) != count or not all(w.lstrip("-").isdecimal() and len(w) < 10 for w in words):
        raise ValueError(f"{key} is {fields.get(key, '')[:60]!r}; expected {count} whole numbers")
    return tuple(map(int, words))


def _numbers(
    fields: dict[str, str], keys: tuple[str, ...], count: int, default: str
) -> tuple[float, ...]:
    key = next((key for key in keys if key in fields), keys[0])
    words = fields.get(key, default).split(maxsplit=count)
    try:
        numbers = tuple(map(float, words))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(abs(number) < 1e12 for number in numbers):
        raise ValueError(f"{key} is {fields.get(key, '')[:60]!r}; expected {count} numbers")
    return numbers


def _is_remark(key: str, value: str) -> bool:
    # Longer ones than MetaIO has room for, when they are written again, are left out.
    return (
        key not in _KNOWN
        and not key.startswith("ITK_")
        and 0 < len(key) < 200
        and len(value) < 4000
        and (key + value).isprintable()
    )
