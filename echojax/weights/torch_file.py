"""PyTorch checkpoints (.pth, .pt, .pth.tar) as plain data, without PyTorch and never executed."""

import io
import mmap
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from echojax.errors import InputError
from echojax.weights import pickles
from echojax.weights.pickles import Forbidden, Global, Refused, Vocabulary
from echojax.weights.torch_objects import Block, Storage, claim, vocabulary
from echojax.wording import shown

_MAGIC = 0x1950A86A20F9469CFC6C
_OLD_PROTOCOL = 1001
_EXPECTED = "expected a .pth or .pt file written by torch.save"


def read(path: Path) -> object:
    """What `torch.save` wrote: dicts, lists, tuples, sets, numbers, texts, `Tensor`, `Module`.

    Whatever else is harmless becomes `Opaque`, or `Global` if it is only a name as of a dtype; what
    could act is refused, never executed. Both formats are read: the zip archive of PyTorch 1.6 and
    the older stream of pickles. The result may share and contain itself like any pickled object, so
    walk it with a limit.

    Raises:
        InputError: no such file, not a checkpoint, truncated, damaged, or refused; says which.
    """
    try:
        if not path.exists():
            raise Refused("no such weights file")
        if not path.is_file():  # opening a pipe would wait for its other end
            raise Refused(f"not a file; {_EXPECTED}")
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise Refused(f"an empty file; {_EXPECTED}")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if data[:4] == b"PK\3\4":
                return _read_archive(path, data, _members(file, data))
        if data[257:262] == b"ustar":
            raise Refused("a tar archive of PyTorch before 0.2; load and save it with PyTorch")
        if data[:1] != b"\x80":
            _name_demands(data)
            raise Refused(f"not a PyTorch checkpoint; {_EXPECTED}")
        return _read_stream(path, data)
    except Refused as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _name_demands(data: mmap.mmap) -> None:
    """A pickle older than checkpoints are is none of them, but what it wants is worth a warning."""
    try:
        pickles.load(data, len(data), Vocabulary())
    except Forbidden:
        raise
    except Refused:
        pass


@dataclass(frozen=True)
class _Member:
    start: int
    size: int
    checksum: int


def _members(file: IO[bytes], data: mmap.mmap) -> dict[str, _Member]:
    """The archive's members by their names in its one folder.

    PyTorch compresses nothing, so no member can be larger than the file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            infos, end_of_members = archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error):
        raise Refused("truncated or damaged: its zip archive cannot be read") from None
    if any(info.filename.endswith("/constants.pkl") for info in infos):
        raise Refused("a TorchScript archive; save the network's state_dict() with torch.save")
    names = {info.filename.partition("/")[::2] for info in infos}
    folders = {folder for folder, _ in names}
    if len(folders) != 1 or "data.pkl" not in {name for _, name in names}:
        raise Refused("a zip archive, but not of torch.save: no single folder with data.pkl")
    members: dict[str, _Member] = {}
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        if not stored or info.flag_bits & 1:
            raise Refused(f"{shown(info.filename)} is compressed or encrypted, never by PyTorch")
        overlaps = info.header_offset < end
        header = b"" if overlaps else data[info.header_offset : info.header_offset + 30]
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise Refused(f"damaged: {shown(info.filename)} is not where the archive says")
        start = info.header_offset + 30 + sum(struct.unpack_from("<HH", header, 26))
        end = start + info.file_size
        _, _, name = info.filename.partition("/")
        if end > end_of_members or name in members:
            raise Refused(f"damaged: {shown(info.filename)} is there twice or beyond the end")
        members[name] = _Member(start, info.file_size, info.CRC)
    return members


def _checked(data: mmap.mmap, members: dict[str, _Member], name: str) -> _Member:
    if name not in members:
        raise Refused(f"damaged: the archive has no {shown(name)}")
    member = members[name]
    with memoryview(data)[member.start : member.start + member.size] as content:
        # PyTorch writes 0 where it was told to save the time.
        if member.checksum not in (0, zlib.crc32(content)):
            raise Refused(f"damaged: the checksum of {shown(name)} is wrong")
    return member


def _read_archive(path: Path, data: mmap.mmap, members: dict[str, _Member]) -> object:
    big_endian = False
    if "byteorder" in members:
        order = _checked(data, members, "byteorder")
        text = data[order.start : order.start + order.size]
        if text not in (b"little", b"big"):
            raise Refused("damaged: its byte order is neither little nor big")
        big_endian = text == b"big"
    blocks: dict[str, Block] = {}

    def storage(identifier: object) -> Storage:
        key, dtype, count, view = claim(identifier)
        if view is not None:
            raise Refused("damaged: it has views of storages, which archives never have")
        if key not in blocks:
            member = _checked(data, members, f"data/{key}")
            blocks[key] = Block(data, member.size, member.start, big_endian)
        size = count * dtype.itemsize
        if size > blocks[key].size:
            raise Refused(f"damaged: data/{shown(key)} has fewer bytes than its tensors need")
        return Storage(blocks[key], dtype, 0, size)

    pickle = _checked(data, members, "data.pkl")
    stream = io.BytesIO(data[pickle.start : pickle.start + pickle.size])
    return pickles.load(stream, pickle.size, vocabulary(path, storage))


def _read_stream(path: Path, data: mmap.mmap) -> object:
    """The format before PyTorch 1.6: pickles, then each storage behind its number of elements."""
    if pickles.load(data, len(data), Vocabulary()) != _MAGIC:
        raise Refused(f"a pickle, but not a PyTorch checkpoint; {_EXPECTED}")
    if pickles.load(data, len(data), Vocabulary()) != _OLD_PROTOCOL:
        raise Refused("an unknown version of PyTorch's older format")
    pickles.load(data, len(data), Vocabulary())  # sizes of C's integers where it was written
    claims: dict[str, tuple[Block, int]] = {}

    def storage(identifier: object) -> object:
        match identifier:
            case ("module", Global() as cls, _, _):
                return cls
        key, dtype, count, view = claim(identifier)
        size = count * dtype.itemsize
        block, elements = claims.setdefault(key, (Block(data, size), count))
        if (block.size, elements) != (size, count) or size > len(data):
            raise Refused(f"truncated or damaged: storage {shown(key)} cannot have {size:,} bytes")
        match view:
            case None:
                return Storage(block, dtype, 0, size)
            case (_, int(first), int(length)) if 0 <= first <= first + length <= count:
                return Storage(block, dtype, first * dtype.itemsize, length * dtype.itemsize)
        raise Refused(f"damaged: a view of storage {shown(key)} does not lie in it")

    result = pickles.load(data, len(data), vocabulary(path, storage))
    keys = pickles.load(data, len(data), Vocabulary())
    for key in keys if isinstance(keys, list) else ():
        block, count = claims.pop(key, (None, 0)) if isinstance(key, str) else (None, 0)
        if block is None:
            raise Refused("damaged: its list of storages does not fit its tensors")
        if int.from_bytes(data.read(8), "little", signed=True) != count:
            raise Refused(f"truncated or damaged: storage {shown(key)} has another size")
        block.start = data.tell()
        if block.start + block.size > len(data):
            raise Refused(f"truncated: storage {shown(key)} ends after the file")
        data.seek(block.size, os.SEEK_CUR)
    if claims:
        raise Refused(f"truncated or damaged: no data for storage {shown(next(iter(claims)))}")
    return result
