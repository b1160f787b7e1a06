"""Tiny CAMUS folders in both layouts, with invented frames that no flip or transposition keeps."""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np

VIEWS, PHASES = ("2CH", "4CH"), ("ED", "ES")
SHAPE = (30, 22)  # rows, columns
NIFTI_SPACING = (0.4, 0.25)  # mm between rows and between columns, different on purpose
CHALLENGE_SPACING = (0.154, 0.308)
NIFTI_CFG = {
    "ED": "1",
    "ES": "18",
    "NbFrame": "18",
    "Sex": "F",
    "Age": "56",
    "ImageQuality": "Good",
    "EF": "54",
    "FrameRate": "48.4",
}
CHALLENGE_CFG = {
    "ED": "18",
    "ES": "1",
    "NbFrame": "18",
    "Sex": "M",
    "Age": "61",
    "ImageQuality": "Poor",
    "LVedv": "94.0",
    "LVesv": "34.6",
    "LVef": "63.2",
}


def invented_image(name: str, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Upright uint8 noise that depends on the name alone."""
    return np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, shape, np.uint8)


def add_coherence(release: Path, name: str, grades: str = "4 4 3 nan 2 1 5 4.5") -> np.ndarray:
    """Put coherence beside a frame of a NIfTI release, and grades of its regions in the cfg."""
    patient, view, phase = name.split("_")
    folder = release / "database_nifti" / patient
    coherence = invented_image(name + "_cf")
    write_nifti(folder / f"{name}_cf.nii.gz", coherence)
    write_cfg(folder / f"Info_{view}.cfg", NIFTI_CFG | {f"RegionGrades{phase}": grades})
    return coherence


def invented_mask(name: str, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Upright labels 0 to 3 that depend on the name alone."""
    return invented_image(name + "_gt", shape) // 64


def write_nifti(
    path: Path,
    upright: np.ndarray,
    spacing: tuple[float, float] = NIFTI_SPACING,
    dtype: type = np.uint8,
) -> None:
    """Store an upright image as (lateral, depth) with CAMUS's negative affine."""
    rows, columns = spacing
    affine = np.diag([-columns, -rows, 1, 1])
    nibabel.save(nibabel.Nifti1Image(upright.T.astype(dtype), affine), path)


def restate_nifti(path: Path, **fields: object) -> None:
    """Give a .nii.gz another header, whether it can be true or not."""
    content = gzip.decompress(path.read_bytes())
    header = nibabel.Nifti1Header(content[:348], check=False)
    for key, value in fields.items():
        header[key] = value
    path.write_bytes(gzip.compress(header.binaryblock + content[348:]))


def write_mhd(
    path: Path, upright: np.ndarray, spacing: tuple[float, float] = CHALLENGE_SPACING
) -> None:
    """Store an upright image as a .mhd header and a .raw file beside it."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(np.ascontiguousarray(upright, np.uint8).tobytes())
    rows, columns = upright.shape
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": f"{spacing[1]} {spacing[0]} 1.54",
        "DimSize": f"{columns} {rows} 1",
        "ElementType": "MET_UCHAR",
        "ElementDataFile": raw.name,
    }
    path.write_text("".join(f"{key} = {value}\n" for key, value in header.items()))


def write_cfg(path: Path, fields: Mapping[str, str]) -> None:
    """Store the fields as `key: value` lines."""
    path.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))


def nifti_release(
    root: Path,
    patients: Sequence[str] = ("patient0001", "patient0002"),
    subgroups: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write the NIfTI release: both views and phases, masks and cfg files, float32 images.

    `subgroups` are the lists of `database_split`, which is absent without them.
    """
    for patient in patients:
        folder = root / "database_nifti" / patient
        folder.mkdir(parents=True)
        for view in VIEWS:
            write_cfg(folder / f"Info_{view}.cfg", NIFTI_CFG)
            for phase in PHASES:
                name = f"{patient}_{view}_{phase}"
                write_nifti(folder / f"{name}.nii.gz", invented_image(name), dtype=np.float32)
                write_nifti(folder / f"{name}_gt.nii.gz", invented_mask(name))
    if subgroups is not None:
        split = root / "database_split"
        split.mkdir()
        for subgroup, ids in subgroups.items():
            (split / f"subgroup_{subgroup}.txt").write_text("".join(f"{i}\n" for i in ids))
    return root


def challenge_release(
    root: Path,
    training: Sequence[str] = ("patient0001", "patient0002"),
    testing: Sequence[str] = (),
) -> Path:
    """Write the challenge release; testing patients have neither masks nor quality, as in CAMUS."""
    for subgroup, patients in (("training", training), ("testing", testing)):
        for patient in patients:
            folder = root / subgroup / patient
            folder.mkdir(parents=True)
            for view in VIEWS:
                fields = dict(CHALLENGE_CFG)
                if subgroup == "testing":
                    del fields["ImageQuality"]
                write_cfg(folder / f"Info_{view}.cfg", fields)
                for phase in PHASES:
                    name = f"{patient}_{view}_{phase}"
                    write_mhd(folder / f"{name}.mhd", invented_image(f"{subgroup}/{name}"))
                    if subgroup == "training":
                        write_mhd(folder / f"{name}_gt.mhd", invented_mask(f"{subgroup}/{name}"))
    return root


def truncate(path: Path, keep: float = 0.5) -> None:
    """Cut a file off, as an interrupted download does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
