"""One simulated patient's folder, in the layout of CAMUS's NIfTI release."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from echojax.simulate.quality import QUALITIES
from echojax.simulate.truth import Truth, truth
from echojax.simulate.view import Frames, Patient, View, draw_frames, draw_patient, draw_view
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


def patient_files(name: str, sequences: bool, coherence: bool) -> set[str]:
    """Every file in the patient's folder called `name`, with or without sequences and coherence."""
    files = {DRAWN}
    kinds = ("", "_gt", "_cf") if coherence else ("", "_gt")
    shown = (*PHASES, SEQUENCE) if sequences else PHASES
    for view in VIEWS:
        files.add(f"Info_{view}.cfg")
        for what in shown:
            frame = f"{name}_{view}_{what}"
            files |= {f"{frame}{kind}.nii.gz" for kind in kinds}
    return files


def write_patient(
    parent: Path,
    seed: int,
    number: int,
    qualities: tuple[str, ...] | None,
    size: int | None = None,
    frames: int | None = None,
    coherence: bool = False,
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
        coherence: receive element by element, and write coherence and grades of regions, too.
    """
    shown: dict[str, Any] = {"size": size, "frames": frames, "coherence": coherence}
    if qualities is None:
        names = patient_names(number, "each")
        for name, quality in zip(names, QUALITIES, strict=True):
            views = [draw_view(seed, number, view, quality, PLACED_AS) for view in VIEWS]
            patient = draw_patient(seed, number)
            _write_folder(parent / name, patient, views, subject=names[0], **shown)
        return
    (name,) = patient_names(number, "camus")
    views = [draw_view(seed, number, *of_view) for of_view in zip(VIEWS, qualities, strict=True)]
    _write_folder(parent / name, draw_patient(seed, number), views, **shown)


def _write_folder(
    folder: Path,
    patient: Patient,
    views: list[View],
    *,
    size: int | None,
    frames: int | None,
    coherence: bool,
    subject: str | None = None,
) -> None:
    folder.mkdir(parents=True)
    # One number a patient as in CAMUS, of both planes like Simpson's biplane rule.
    ejection = round(np.mean([view.ejection_fraction for view in views]))
    known: dict[str, dict[str, Truth]] = {}
    for view in views:
        shown = draw_frames(view, size, frames or len(PHASES), coherence=coherence)
        for suffix, pictures in _kinds(shown).items():
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
        if coherence:
            known[view.name] = {
                phase: truth(shown, view.sector, number)
                for phase, number in zip(PHASES, (0, -1), strict=True)
            }
            info |= {
                f"RegionGrades{phase}": " ".join(f"{grade:.2f}" for grade in of_phase.grades)
                for phase, of_phase in known[view.name].items()
            }
        lines = [f"{key}: {value}\n" for key, value in info.items()]
        (folder / f"Info_{view.name}.cfg").write_text("".join(lines))
    numbers: dict[str, Any] = {
        "heart": dataclasses.asdict(patient.heart),
        "views": {view.name: view.numbers() for view in views},
    }
    for name, phases in known.items():
        regions = {phase: of_phase._asdict() for phase, of_phase in phases.items()}
        numbers["views"][name]["regions"] = regions
    (folder / DRAWN).write_text(json.dumps(_rounded(numbers), indent=2) + "\n")


def _kinds(frames: Frames) -> dict[str, NDArray[np.uint8]]:
    """Pictures of a view by what their files' names end with."""
    kinds = {"": frames.images, "_gt": frames.masks}
    return kinds if frames.elements is None else {**kinds, "_cf": frames.elements.coherence}


def _rounded(numbers: Any) -> Any:
    """Numbers as JSON has them, to three decimals, in whatever dictionaries and lists they lie.

    What is not finite is None.
    """
    if isinstance(numbers, dict):
        return {name: _rounded(value) for name, value in numbers.items()}
    if isinstance(numbers, np.ndarray | list | tuple):
        return [_rounded(value) for value in numbers]
    if isinstance(numbers, int | str):
        return numbers
    return round(float(numbers), 3) if np.isfinite(numbers) else None


def _write_nifti(path: Path, upright: NDArray[np.uint8], spacing: float) -> None:
    """Store upright pictures as CAMUS does: (lateral, depth, time), its affine's signs, in mm."""
    nifti = nib.Nifti1Image(upright.T, np.diag([-spacing, -spacing, 1, 1]))
    nifti.header.set_xyzt_units("mm")
    nib.save(nifti, path)
