"""What tests read from a simulated folder."""

import json

import nibabel as nib
import numpy as np

PATIENTS, SEED, SIZE = 10, 3, 128
VIEWS, PHASES = ("2CH", "4CH"), ("ED", "ES")


def upright(folder, number, view, what, suffix=""):
    """A frame, or frames (n, rows, columns), of patient `number`, which counts from 1."""
    name = f"patient{number:04d}"
    path = folder / "database_nifti" / name / f"{name}_{view}_{what}{suffix}.nii.gz"
    return np.asarray(nib.load(path).dataobj).T


def info(folder, number, view):
    path = folder / "database_nifti" / f"patient{number:04d}" / f"Info_{view}.cfg"
    return dict(line.split(": ") for line in path.read_text().splitlines())


def drawn(folder, number):
    """What simulation.json tells of a patient."""
    path = folder / "database_nifti" / f"patient{number:04d}" / "simulation.json"
    return json.loads(path.read_text())


def patients_and_views():
    for number in range(1, PATIENTS + 1):
        for view in VIEWS:
            yield number, view


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
