"""One simulated patient's folder, in the layout of CAMUS's NIfTI release."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from echojax.simulate.quality import QUALITIES
from echojax.simulate.view import Patient, View, draw_frames, draw_patient, draw_view
from echojax.vocabulary import PHASES, VIEWS

DRAWN = "simulation.json"
SEQUENCE = "half_sequence"
# Folders of a patient: one, or one in each quality.
FOLDERS = {"camus": 1, "each": len(QUALITIES)}
# Where hearts lie that are shown in each quality.
PLACED_AS = "Good"


def patient_names(number: int, grades: str) -> list[str]:
    """Names of the folders of patient `number`, which counts from 0; `grades` of FOLDERS."""
    first = FOLDERS[grades] * number + 1
    return [f"patient{first + k:04d}" for k in range(FOLDERS[grades])]


def patient_files(name: str, sequences: bool) -> set[str]:
    """Every file in the patient's folder called `name`, with or without its sequences."""
    files = {DRAWN}
    shown = (*PHASES, SEQUENCE) if sequences else PHASES
    for view in VIEWS:
        files.add(f"Info_{view}.cfg")
        for what in shown:
            frame = f"{name}_{view}_{what}"
            files |= {f"{frame}.nii.gz", f"{frame}_gt.nii.gz"}
    return files


def write_patient(
    parent: Path,
    seed: int,
    number: int,
    qualities: tuple[str, ...] | None,
    size: int | None = None,
    frames: int | None = None,
) -> None:
    """Simulate patient `number` of a seed and write its folder, or folders, into `parent`.

    Args:
        parent: an existing folder.
        seed: of the dataset.
        number: of the patient, from 0.
        qualities: of its views, in the order of VIEWS; None for a folder in each quality, whose
            frames differ by nothing but the causes of it, and whose cfg files name one `Subject`.
        size: rows of a frame; None for 0.308 mm a pixel.
        frames: of the sequence from ED to ES, at least 2; None for no sequences.
    """
    if qualities is None:
        names = patient_names(number, "each")
        for name, quality in zip(names, QUALITIES, strict=True):
            views = [draw_view(seed, number, view, quality, PLACED_AS) for view in VIEWS]
            _write_folder(
                parent / name, draw_patient(seed, number), views, size, frames, subject=names[0]
            )
        return
    (name,) = patient_names(number, "camus")
    views = [draw_view(seed, number, *of_view) for of_view in zip(VIEWS, qualities, strict=True)]
    _write_folder(parent / name, draw_patient(seed, number), views, size, frames)


def _write_folder(
    folder: Path,
    patient: Patient,
    views: list[View],
    size: int | None,
    frames: int | None,
    subject: str | None = None,
) -> None:
    folder.mkdir(parents=True)
    # One number a patient as in CAMUS, of both planes like Simpson's biplane rule.
    ejection = round(np.mean([view.ejection_fraction for view in views]))
    for view in views:
        shown = draw_frames(view, size, frames or len(PHASES))
        for suffix, pictures in (("", shown.images), ("_gt", shown.masks)):
            for phase, upright in zip(PHASES, pictures[[0, -1]], strict=True):
                name = f"{folder.name}_{view.name}_{phase}{suffix}.nii.gz"
                _write_nifti(folder / name, upright, shown.spacing)
            if frames is not None:
                name = f"{folder.name}_{view.name}_{SEQUENCE}{suffix}.nii.gz"
                _write_nifti(folder / name, pictures, shown.spacing)
        last = view.length if frames is None else frames
        info = {
            "ED": 1,
            "ES": last,
            "NbFrame": last,
            "Sex": patient.sex,
            "Age": patient.age,
            "ImageQuality": view.quality,
            "EF": ejection,
            "FrameRate": patient.frame_rate,
        }
        if subject is not None:
            info["Subject"] = subject
        lines = [f"{key}: {value}\n" for key, value in info.items()]
        (folder / f"Info_{view.name}.cfg").write_text("".join(lines))
    numbers = {
        "heart": dataclasses.asdict(patient.heart),
        "views": {view.name: view.numbers() for view in views},
    }
    (folder / DRAWN).write_text(json.dumps(_rounded(numbers), indent=2) + "\n")


def _rounded(numbers: Any) -> Any:
    """Numbers as JSON has them, to three decimals, in whatever dictionaries and lists they lie."""
    if isinstance(numbers, dict):
        return {name: _rounded(value) for name, value in numbers.items()}
    if isinstance(numbers, np.ndarray | list | tuple):
        return [_rounded(value) for value in numbers]
    return numbers if isinstance(numbers, int | str) else round(float(numbers), 3)


def _write_nifti(path: Path, upright: NDArray[np.uint8], spacing: float) -> None:
    """Store upright pictures as CAMUS does: (lateral, depth, time), its affine's signs, in mm."""
    nifti = nib.Nifti1Image(upright.T, np.diag([-spacing, -spacing, 1, 1]))
    nifti.header.set_xyzt_units("mm")
    nib.save(nifti, path)
