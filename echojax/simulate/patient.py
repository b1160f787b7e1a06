"""One simulated patient's folder, in the layout of CAMUS's NIfTI release."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from echojax.simulate.view import draw_frames, draw_patient, draw_view
from echojax.vocabulary import PHASES, VIEWS

DRAWN = "simulation.json"
SEQUENCE = "half_sequence"


def patient_name(number: int) -> str:
    """Name of patient `number`, which counts from 0."""
    return f"patient{number + 1:04d}"


def patient_files(number: int, sequences: bool) -> set[str]:
    """Every file in the folder of patient `number`, with or without its sequences."""
    files = {DRAWN}
    shown = (*PHASES, SEQUENCE) if sequences else PHASES
    for view in VIEWS:
        files.add(f"Info_{view}.cfg")
        for what in shown:
            frame = f"{patient_name(number)}_{view}_{what}"
            files |= {f"{frame}.nii.gz", f"{frame}_gt.nii.gz"}
    return files


def write_patient(
    parent: Path,
    seed: int,
    number: int,
    qualities: list[str],
    size: int | None = None,
    frames: int | None = None,
) -> None:
    """Simulate patient `number` of a seed and write its folder into `parent`.

    Args:
        parent: an existing folder.
        seed: of the dataset.
        number: of the patient, from 0.
        qualities: of its views, in the order of VIEWS.
        size: rows of a frame; None for 0.308 mm a pixel.
        frames: of the sequence from ED to ES, at least 2; None for no sequences.
    """
    folder = parent / patient_name(number)
    folder.mkdir(parents=True)
    patient = draw_patient(seed, number)
    views = [draw_view(seed, number, *of_view) for of_view in zip(VIEWS, qualities, strict=True)]
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
