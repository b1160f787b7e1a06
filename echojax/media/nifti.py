"""NIfTI: axis 0 is lateral, axis 1 is depth, every further axis counts frames."""

import gzip
import math
import os
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from echojax.errors import InputError
from echojax.media.limits import Bounded, check_pixels, gunzip
from echojax.media.recording import Recording, as_spacing, bounds, reading

_MILLIMETRES = {1: 1e3, 3: 1e-3}  # of NIfTI's codes for metres and micrometres
_NIFTI_2 = (b"\x1c\2\0\0", b"\0\0\2\x1c")  # the size of its header, 540, in either byte order


class NiftiRecording(Recording):
    """A .nii or .nii.gz file; frames hold the stored values, not scaled by slope and intercept.

    Raises:
        InputError: not NIfTI, cut off, or values that are not real numbers.
    """

    family = "NIfTI"

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "NIfTI"), _opened(path) as file:
            image = _parsed(file)
            self._header = image.header.copy()
            # nibabel empties these two, as if the values were to be scaled on reading.
            self._header.set_slope_inter(image.dataobj.slope, image.dataobj.inter)
            if len(image.shape) > 1:
                check_pixels(path, image.shape[1], image.shape[0])
            stored = np.asanyarray(image.dataobj.get_unscaled())
        if stored.ndim < 2 or not stored.size or stored.dtype.kind not in "iuf":
            raise InputError(
                f"{path}: {stored.dtype} values of shape {stored.shape}; expected one or more "
                "planes of integer or floating-point numbers"
            )
        self.dtype = stored.dtype.newbyteorder("=")
        self.shape = stored.shape[1::-1]
        # Fortran order: the last axis is the slowest, in time as in the file.
        self._planes = stored.reshape((*stored.shape[:2], -1), order="F")
        self.count = self._planes.shape[2]
        self.low, self.high = bounds(np.moveaxis(self._planes, 2, 0))

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Millimetres between rows and between columns; where no unit is stated, it is these."""
        unit = _MILLIMETRES.get(int(self._header["xyzt_units"]) & 7, 1.0)
        columns, rows = (unit * float(step) for step in self._header["pixdim"][1:3])
        return as_spacing(rows, columns)

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time, upright: rows are depth."""
        for plane in np.moveaxis(self._planes, 2, 0):
            yield np.ascontiguousarray(plane.T, self.dtype)

    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        if max(self.shape) * scale > np.iinfo(self._header["dim"].dtype).max:
            raise InputError(
                f"{self.path}: too large for NIfTI-1 when enlarged; save it as NIfTI-2"
            )
        with reading(self.path, "NIfTI"):  # its quaternions may make no rotation
            header = _enlarged(self._header, scale)
            header["descrip"] = description.encode("ascii", "replace")[:79]
        write_planes(path, header, frames)

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        with reading(self.path, "NIfTI"):
            header = _enlarged(self._header, 1)
            header.set_data_dtype(np.uint8)
            header.set_slope_inter(1, 0)
            header["cal_min"] = header["cal_max"] = 0
            header["descrip"] = description.encode("ascii", "replace")[:79]
        write_planes(path, header, masks)


def write_planes(path: Path, header: nibabel.Nifti1Header, frames: Iterable[np.ndarray]) -> None:
    """Write a header, and behind it frames (rows, columns) in its data type, one at a time."""
    stored = header.get_data_dtype()
    with gzip.open(path, "wb", 6) if path.suffix.lower() == ".gz" else path.open("wb") as file:
        header.write_to(file)
        file.write(b"\0" * (header.get_data_offset() - file.tell()))
        for frame in frames:  # a frame in C order is a plane in NIfTI's order
            file.write(frame.astype(stored).tobytes())


def _opened(path: Path) -> Bounded | BytesIO:
    # Unpacked whole: nibabel stops before gzip's checksum, and would pass on wrong pixels.
    return BytesIO(gunzip(path)) if path.suffix.lower() == ".gz" else Bounded(path)


def _parsed(file: Bounded | BytesIO) -> Any:
    second = file.read(4) in _NIFTI_2
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    image = (nibabel.Nifti2Image if second else nibabel.Nifti1Image).from_stream(file)
    stored: Any = image.dataobj
    # nibabel would make room for them before it looks whether they are there.
    claimed = stored.offset + math.prod(map(int, stored.shape)) * stored.dtype.itemsize
    if claimed > size:
        raise ValueError(f"it has {size} bytes of {claimed}")
    return image


def _enlarged(old: nibabel.Nifti1Header, scale: int) -> nibabel.Nifti1Header:
    """The header of planes `scale` times as large that lie where the old ones lay."""
    header = old.copy()
    header["dim"][1:3] *= scale
    header["pixdim"][1:3] /= scale
    half = 0.5 / scale - 0.5  # the centre of the first new voxel, counted in old voxels
    if int(old["qform_code"]) > 0:
        first = old.get_qform() @ (half, half, 0, 1)
        header["qoffset_x"], header["qoffset_y"], header["qoffset_z"] = first[:3]
    if int(old["sform_code"]) > 0:
        finer = np.diag([1 / scale, 1 / scale, 1, 1])
        finer[:2, 3] = half
        header.set_sform(old.get_sform() @ finer, int(old["sform_code"]))
    header["magic"] = header.single_magic
    end = header.single_vox_offset + header.extensions.get_sizeondisk()
    header["vox_offset"] = 16 * math.ceil(end / 16)
    return header
