"""Recordings of any common format, read frame by frame and written back enlarged."""

from contextlib import suppress
from pathlib import Path

from echojax.errors import InputError
from echojax.media.recording import (
    SUFFIXES,
    Recording,
    Region,
    check_suffix,
    family,
    stem,
    written_files,
)

__all__ = [
    "Recording",
    "Region",
    "check_target",
    "family_of",
    "is_supported",
    "open_recording",
    "stem",
    "written_files",
]

_DICOM_MAGIC = b"DICM"  # after a preamble of 128 bytes


def is_supported(path: Path) -> bool:
    """Whether a file is a recording, by its suffix; one without a known suffix may be DICOM."""
    return family_of(path) is not None


def check_target(source: Path, target: Path) -> None:
    """See that a recording can be written under a name, as far as names tell.

    Raises:
        InputError: the name belongs to another family of formats.
    """
    kind = family_of(source)
    if kind is not None:  # else there is nothing to write
        check_suffix(source, kind, target)


def open_recording(path: Path) -> Recording:
    """Open a recording: an image, NIfTI, MetaImage, DICOM, a clip or GIF, by its suffix.

    Raises:
        InputError: no such file, an unknown format, or a file that is not what its name says.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    # Each import waits until its format is asked for: together they take over a second.
    match family_of(path):
        case "image":
            from echojax.media.images import open_image

            return open_image(path)
        case "NIfTI":
            from echojax.media.nifti import NiftiRecording

            return NiftiRecording(path)
        case "MetaImage":
            from echojax.media.metaimage import MetaImageRecording

            return MetaImageRecording(path)
        case "DICOM":
            from echojax.media.dicom import DicomRecording

            return DicomRecording(path)
        case "clip":
            from echojax.media.clips import ClipRecording

            return ClipRecording(path)
        case "GIF":
            from echojax.media.gif import GifRecording

            return GifRecording(path)
    known = ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    raise InputError(f"{path}: not a known format; expected {known} or DICOM without a suffix")


def family_of(path: Path) -> str | None:
    """The family of formats of a file: by its suffix, or by what it begins with if it has none."""
    known = family(path)
    if known is None and path.is_file():
        # What cannot be opened is no reason to stop a search of its folder.
        with suppress(OSError), path.open("rb") as file:
            if file.read(132).endswith(_DICOM_MAGIC):
                return "DICOM"
    return known
