"""Write a simulated dataset in the layout of CAMUS's NIfTI release."""

import json
import shutil
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from echojax.errors import InputError
from echojax.simulate.acoustics import (
    beam_grid,
    compress,
    draw_unevenness,
    echo,
    raster,
    scan_convert,
)
from echojax.simulate.anatomy import (
    PHASES,
    VIEWS,
    draw_heart,
    draw_pose,
    ejection_fraction,
    labels,
    tissues,
)
from echojax.simulate.quality import assign_qualities, draw_appearance

MARKER = "simulation.json"
GENERATOR = "echojax.simulate"
# Raised whenever the same seed starts to give other pixels.
VERSION = 1

SMALLEST_SIZE = 32
SUBGROUPS = ("training", "validation", "testing")
HELD_OUT = 0.1  # of the patients, in validation and again in testing

# What the random streams of one seed are for; a stream's key is [seed, stream, ...].
QUALITY, PATIENT, VIEW, SPECKLE = range(4)


def simulate(
    out: Path,
    *,
    patients: int,
    seed: int,
    size: int = 256,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Simulate `patients` patients, two views and two phases each, into the folder `out`.

    The folder holds `database_nifti`, `database_split` and `simulation.json` (seed, patients, size,
    version), and appears under its name only once it is complete. Images and masks are uint8,
    (lateral, depth) as in CAMUS, with square pixels: `size` of them over 16 cm of depth, about
    1.23 `size` across. Gray levels are 0-255, 0 outside the sector; mask labels are 0 background,
    1 LV cavity, 2 LV myocardium, 3 left atrium. A seed fixes every pixel, and a patient of a seed
    depends on the number of patients only through the quality assigned to its views. `progress`
    is called with 1 after each patient.

    Raises:
        InputError: `patients` < 1, `size` < 32 or `seed` < 0; or `out` is in the way: it is a file,
            or a folder that is not empty and either `overwrite` is not set or it holds anything
            that this function did not write.
    """
    if patients < 1:
        raise InputError(f"patients: {patients} is too few; ask for at least 1")
    if size < SMALLEST_SIZE:
        raise InputError(f"size: {size} pixels are too few; ask for at least {SMALLEST_SIZE}")
    if seed < 0:
        raise InputError(f"seed: {seed} is negative; use 0 or more")
    out = Path(out).resolve()
    _check_destination(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        # The workspace is private to this user; a folder made inside has the usual permissions.
        fresh = workspace / "fresh"
        fresh.mkdir()
        _write(fresh, patients, seed, size, progress)
        _check_destination(out, overwrite)  # it may have been filled in the meantime
        _swap(fresh, out, workspace / "replaced")
    finally:
        shutil.rmtree(workspace)


def _check_destination(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out}: is a file; choose another folder")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise InputError(f"{out}: is not empty; pass --overwrite or choose another folder")
    stranger = _stranger(out)
    if stranger is not None:
        raise InputError(
            f"{out}: will not be overwritten, {stranger}; "
            "move it away yourself or choose another folder"
        )


def _stranger(out: Path) -> str | None:
    """Why the folder is not one that `simulate` wrote and nobody touched, or None if it is."""
    try:
        marker = json.loads((out / MARKER).read_text())
        ours = marker["generator"] == GENERATOR
        written = _files(int(marker["patients"]))
    except (OSError, ValueError, KeyError, TypeError):
        ours, written = False, set()
    if not ours:
        return f"it has no {MARKER} of a simulated dataset"
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in written:
            return f"{name} is not part of the simulated dataset"
    return None


def _swap(fresh: Path, out: Path, replaced: Path) -> None:
    """Put `fresh` in the place of `out`; if that fails, what was there is put back."""
    if not out.exists():
        fresh.rename(out)
        return
    try:
        out.rename(replaced)
        fresh.rename(out)
    except BaseException:
        if replaced.exists() and not out.exists():
            replaced.rename(out)
        raise


def _names(patients: int) -> list[str]:
    return [f"patient{number:04d}" for number in range(1, patients + 1)]


def _files(patients: int) -> set[str]:
    """Every file of a dataset, relative to its folder."""
    files = {MARKER} | {f"database_split/subgroup_{group}.txt" for group in SUBGROUPS}
    for name in _names(patients):
        for view in VIEWS:
            files.add(f"database_nifti/{name}/Info_{view}.cfg")
            for phase in PHASES:
                frame = f"database_nifti/{name}/{name}_{view}_{phase}"
                files |= {f"{frame}.nii.gz", f"{frame}_gt.nii.gz"}
    return files


def _write(
    folder: Path, patients: int, seed: int, size: int, progress: Callable[[int], None] | None
) -> None:
    names = _names(patients)
    qualities = [
        assign_qualities(np.random.default_rng([seed, QUALITY, index]), view, patients)
        for index, view in enumerate(VIEWS)
    ]
    for number, name in enumerate(names):
        patient = folder / "database_nifti" / name
        patient.mkdir(parents=True)
        _write_patient(patient, seed, number, size, [of_view[number] for of_view in qualities])
        if progress is not None:
            progress(1)
    split = folder / "database_split"
    split.mkdir()
    held_out = int(HELD_OUT * patients + 0.5)
    bounds = (0, patients - 2 * held_out, patients - held_out, patients)
    for group, (start, end) in zip(SUBGROUPS, pairwise(bounds), strict=True):
        _write_lines(split / f"subgroup_{group}.txt", names[start:end])
    marker = {
        "generator": GENERATOR,
        "version": VERSION,
        "seed": seed,
        "patients": patients,
        "size": size,
    }
    (folder / MARKER).write_text(json.dumps(marker, indent=2) + "\n")


def _write_patient(folder: Path, seed: int, number: int, size: int, qualities: list[str]) -> None:
    """Both views of one patient; `qualities` follows the order of VIEWS."""
    rng = np.random.default_rng([seed, PATIENT, number])
    heart = draw_heart(rng)
    sex = rng.choice(["F", "M"])
    age = round(np.clip(rng.normal(65, 14), 20, 90))
    frame_rate = round(rng.normal(52, 4), 1)
    for index, (view, quality) in enumerate(zip(VIEWS, qualities, strict=True)):
        view_rng = np.random.default_rng([seed, VIEW, number, index])
        pose = draw_pose(view_rng, view)
        unevenness = draw_unevenness(view_rng)
        # CAMUS's sequences run from ED to ES; here only their length is told.
        frames = int(view_rng.integers(14, 25))
        appearance = draw_appearance(view_rng, quality)
        for phase_index, phase in enumerate(PHASES):
            speckle = np.random.default_rng([seed, SPECKLE, number, index, phase_index])
            grid, image = beam_grid(), raster(size)
            tissue = tissues(heart, pose, phase, grid.x, grid.z)
            gray = compress(echo(speckle, tissue, appearance, unevenness))
            mask = labels(heart, pose, phase, image.x, image.z) * image.sector
            name = f"{folder.name}_{view}_{phase}"
            _write_nifti(folder / f"{name}.nii.gz", scan_convert(gray, size), image.spacing)
            _write_nifti(folder / f"{name}_gt.nii.gz", mask, image.spacing)
        info = {
            "ED": 1,
            "ES": frames,
            "NbFrame": frames,
            "Sex": sex,
            "Age": age,
            "ImageQuality": quality,
            "EF": ejection_fraction(heart),
            "FrameRate": frame_rate,
        }
        _write_lines(folder / f"Info_{view}.cfg", [f"{key}: {info[key]}" for key in info])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def _write_nifti(path: Path, upright: NDArray[np.uint8], spacing: float) -> None:
    """Store an upright image as CAMUS does: transposed, with its affine's signs, in mm."""
    nifti = nib.Nifti1Image(upright.T, np.diag([-spacing, -spacing, 1, 1]))
    nifti.header.set_xyzt_units("mm")
    nib.save(nifti, path)
