"""CAMUS as it is downloaded: a zip file, of which only what a dataset needs is unpacked."""

import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from echojax.data.prepared import make_data_dir
from echojax.errors import InputError
from echojax.progress import bar
from echojax.wording import shown

# Folders are made anew from these words, so that no member can lie anywhere else.
_LAYOUTS = ("database_nifti", "training", "testing")
_PATIENT = re.compile(r"patient[\w-]{1,60}", re.ASCII)
_FILE = re.compile(
    r"patient[\w-]{1,60}_E[DS](_gt|_cf)?\.(nii\.gz|mhd|raw|zraw)|Info_[24]CH\.cfg|simulation\.json",
    re.ASCII,
)
_LISTING = re.compile(r"subgroup_(training|validation|testing)\.txt")
_SPLIT = "database_split"
_MEMBERS = 100_000  # twenty times CAMUS's
_LARGEST = 1 << 26  # bytes of a file, ten times those of CAMUS's largest frame
_TOTAL = 1 << 34  # bytes of all of them, several times CAMUS's
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def unpacked(source: Path, data_dir: Path) -> Iterator[Path]:
    """Give a folder that holds what a source does; of a folder itself, of a zip file aside.

    Args:
        source: a folder, or a zip file; nothing of it is written outside a folder that is gone
            when the block ends, and no file larger than 64 MiB.
        data_dir: where that folder is made.

    Raises:
        InputError: a zip file that is damaged, encrypted, too large, or no CAMUS release.
    """
    if not source.is_file():
        yield source
        return
    make_data_dir(data_dir)
    with tempfile.TemporaryDirectory(prefix=".camus-zip-", dir=data_dir) as aside:
        try:
            with zipfile.ZipFile(source) as archive:
                _unpack(source, archive, Path(aside))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise InputError(
                f"{source}: cannot be read as a zip file ({shown(str(error))}); download it again, "
                "or name the folder it was unpacked to"
            ) from error
        yield Path(aside)


def _unpack(source: Path, archive: zipfile.ZipFile, folder: Path) -> None:
    wanted = _wanted(source, archive)
    size = sum(member.file_size for member in wanted.values())
    free = shutil.disk_usage(folder).free
    if size > _TOTAL:
        raise InputError(f"{source}: unpacks to {size:,} bytes; CAMUS has less than {_TOTAL:,}")
    if size > free:
        raise InputError(
            f"{source}: unpacks to {size:,} bytes, more than the {free:,} that are free beside "
            "the dataset; choose another --data-dir"
        )
    with bar("Unpacking files", len(wanted)) as progress:
        for name, member in wanted.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # zipfile gives no more bytes than a member states, and compares its checksum.
            with archive.open(member) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file)
            progress.advance()


def _wanted(source: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members that a dataset is made of, by their place in a release."""
    members = archive.infolist()
    if len(members) > _MEMBERS:
        raise InputError(f"{source}: holds {len(members):,} files; expected CAMUS's few thousand")
    wanted: dict[str, zipfile.ZipInfo] = {}
    releases = set()
    for member in members:
        place = _place(PurePosixPath(member.filename))
        if place is None or member.is_dir():
            continue
        release, name = place
        releases.add(release)
        what = f"{source}: {shown(member.filename)}"
        if member.flag_bits & 1 or member.compress_type not in _PACKED:
            raise InputError(
                f"{what} is encrypted or packed in a rare way; unpack it and name the folder"
            )
        if member.file_size > _LARGEST:
            raise InputError(f"{what} unpacks to {member.file_size:,} bytes; no CAMUS frame does")
        if name in wanted:
            raise InputError(f"{what} is there twice; unpack it and name the folder of one release")
        wanted[name] = member
    if not any(name.endswith((".nii.gz", ".mhd")) for name in wanted):
        raise InputError(
            f"{source}: holds no CAMUS release; expected database_nifti/patient*/*.nii.gz or "
            "training/patient*/*.mhd in it"
        )
    if len(releases) > 1:
        several = ", ".join(shown(str(release)) for release in sorted(releases)[:3])
        raise InputError(f"{source}: holds several releases ({several}); unpack it and name one")
    return wanted


def _place(path: PurePosixPath) -> tuple[PurePosixPath, str] | None:
    """The folder of the release that a member belongs to, and its place in it."""
    *folders, parent, name = ("", *path.parts) if len(path.parts) > 1 else ("", "", "")
    if parent == _SPLIT and _LISTING.fullmatch(name):
        kept = 2
    elif _PATIENT.fullmatch(parent) and _FILE.fullmatch(name):
        kept = 3 if folders[-1] in _LAYOUTS else 2
    else:
        return None
    return PurePosixPath(*path.parts[:-kept]), "/".join(path.parts[-kept:])
