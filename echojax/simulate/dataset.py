"""Write a simulated dataset in the layout of CAMUS's NIfTI release."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from echojax.errors import EchojaxError, InputError
from echojax.files import stranger
from echojax.simulate import workers as processes
from echojax.simulate.patient import FOLDERS, patient_files, patient_names, write_patient
from echojax.simulate.quality import assign_qualities
from echojax.simulate.view import QUALITY

MARKER = "simulation.json"
GENERATOR = "echojax.simulate"
# Raised whenever the same seed starts to give other pixels.
VERSION = 5
# The same of what is received element by element, of which the frames of VERSION are no part.
COHERENCE_VERSION = 1

SMALLEST_SIZE = 32
SUBGROUPS = ("training", "validation", "testing")
HELD_OUT = 0.1  # of the patients, in validation and again in testing
_TIMED = 4  # patients a process that the cost is known from


class Cost(NamedTuple):
    """What a dataset would take: seconds in so many processes, and bytes on disk."""

    seconds: float
    size: int
    workers: int


def cost(
    *,
    patients: int,
    seed: int,
    size: int | None = None,
    frames: int | None = None,
    grades: str = "camus",
    coherence: bool = False,
    workers: int | None = None,
) -> Cost:
    """What `simulate` would take here: it makes a few patients aside, in as many processes.

    Each process compiles, or loads, its programs with its first patient; the pace is that after.

    Raises:
        InputError: as `simulate`, of the numbers.
        EchojaxError: a worker was killed.
    """
    workers = _check_numbers(patients, seed, size, frames, grades, workers)
    sample = min(patients, _TIMED * workers)
    begun, done = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:

        def on_patient(_: int) -> None:
            done.append(time.monotonic() - begun)

        shown = {"size": size, "frames": frames, "coherence": coherence}
        _write_patients(Path(folder), sample, seed, shown, grades, workers, on_patient)
        written = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    first = min(workers, sample - 1)
    pace = (done[-1] - done[first - 1]) / (sample - first) if first else done[0]
    return Cost(done[-1] + pace * (patients - sample), written * patients // sample, workers)


def simulate(
    out: Path,
    *,
    patients: int = 500,
    seed: int,
    size: int | None = None,
    frames: int | None = None,
    grades: str = "camus",
    coherence: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Simulate patients, two views and two phases each, into the folder `out`.

    The folder holds `database_nifti`, `database_split` and `simulation.json` (seed, patients, size,
    frames, grades, version), and appears under its name only once it is complete. Every patient's
    folder has a `simulation.json`, too: the anatomy and the causes of the quality. Images and masks
    are uint8, (lateral, depth) as in CAMUS, or (lateral, depth, time), with square pixels. Gray
    levels are 0-255, 0 outside the sector; mask labels are 0 background, 1 LV cavity, 2 LV
    myocardium, 3 left atrium. A seed fixes every pixel on one kind of CPU and with the same
    versions of JAX and NumPy, however many workers there are and threads they may use; a patient of
    it depends on the number of patients only through the quality assigned to its views.

    Args:
        out: where to.
        patients: how many, at least 1.
        seed: at least 0.
        size: rows of a frame, at least 32; None for 0.308 mm a pixel, CAMUS's spacing, whatever
            the depth.
        frames: of a sequence from ED to ES for each view, at least 2, whose first and last are
            the phases; None for no sequences.
        grades: "camus", where each view has one quality, in CAMUS's proportions; or "each", where
            every patient is in three folders of their own, in good, medium and poor quality, with
            the same heart in the same place, the same speckle and the same masks. Their cfg files
            name the first of the three ids as `Subject`.
        coherence: receive element by element: other frames, of the same hearts and causes, an image
            of the coherence beside each (`_cf`), and grades of the wall's regions in the cfg files.
        workers: processes, at least 1; with more than one, a script must guard its start with
            `if __name__ == "__main__":`. Never more than there are patients. None for as many
            as there are CPUs, 16 at most, or fewer where few patients do not pay.
        overwrite: replace what this function wrote to `out` before.
        progress: called with 1 after each patient.

    Raises:
        InputError: a number is too small; `grades` is neither; or `out` is in the way: it is a
            file, or a folder that is not empty and either `overwrite` is not set or it holds
            anything that this function did not write.
        EchojaxError: a worker was killed, or the folder to replace cannot be put back.
    """
    workers = _check_numbers(patients, seed, size, frames, grades, workers)
    out = Path(out).resolve()
    _check_destination(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    replaced = workspace / "replaced"
    try:
        # The workspace is private to this user; a folder made inside has the usual permissions.
        fresh = workspace / "fresh"
        fresh.mkdir()
        shown = {"size": size, "frames": frames, "coherence": coherence}
        _write_patients(fresh, patients, seed, shown, grades, workers, progress)
        _write_split(fresh / "database_split", patients, grades)
        marker = {
            "generator": GENERATOR,
            "version": VERSION,
            "seed": seed,
            "patients": patients,
            "size": size,
            "frames": frames,
            "grades": grades,
        }
        if coherence:
            marker |= {"coherence": True, "coherence version": COHERENCE_VERSION}
        (fresh / MARKER).write_text(json.dumps(marker, indent=2) + "\n")
        _check_destination(out, overwrite)  # it may have been filled in the meantime
        _swap(fresh, out, replaced)
    finally:
        if out.exists() or not replaced.exists():  # or else it is the only copy
            shutil.rmtree(workspace)


def _check_numbers(
    patients: int,
    seed: int,
    size: int | None,
    frames: int | None,
    grades: str,
    workers: int | None,
) -> int:
    """See that they make a dataset; gives the number of processes."""
    check_seed(seed)
    if patients < 1:
        raise InputError(f"patients: {patients} is too few; ask for at least 1")
    if size is not None and size < SMALLEST_SIZE:
        raise InputError(f"size: {size} pixels are too few; ask for at least {SMALLEST_SIZE}")
    if frames is not None and frames < 2:
        raise InputError(f"frames: {frames} is too few; ask for at least 2, ED and ES")
    if grades not in FOLDERS:
        raise InputError(f"grades: {grades!r}; expected one of {', '.join(FOLDERS)}")
    if workers is not None and workers < 1:
        raise InputError(f"workers: {workers} is too few; ask for at least 1")
    if workers is None:
        workers = processes.sensible(patients * FOLDERS[grades] * (frames or 2) // 2)
    return workers


def check_seed(seed: int) -> None:
    """See that a seed is one.

    Raises:
        InputError: it is negative.
    """
    if seed < 0:
        raise InputError(f"seed: {seed} is negative; use 0 or more")


def _check_destination(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out}: is a file; choose another folder")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise InputError(f"{out}: is not empty; pass --overwrite or choose another folder")
    why = _not_ours(out)
    if why is not None:
        raise InputError(
            f"{out}: will not be overwritten, {why}; move it away yourself or choose another folder"
        )


def _not_ours(out: Path) -> str | None:
    """Why the folder is not one that `simulate` wrote and nobody touched, or None if it is."""
    try:
        marker = json.loads((out / MARKER).read_text())
        ours = marker["generator"] == GENERATOR
        # Earlier versions knew neither sequences nor other grades, nor coherence.
        grades, sequences = marker.get("grades", "camus"), marker.get("frames") is not None
        coherence = marker.get("coherence") is True
        written = _files(int(marker["patients"]), grades, sequences, coherence)
    except (OSError, ValueError, KeyError, TypeError):
        ours, written = False, set()
    if not ours:
        return f"it has no {MARKER} of a simulated dataset"
    found = stranger(out, written.__contains__)
    return found and f"{found} is not part of the simulated dataset"


def _swap(fresh: Path, out: Path, replaced: Path) -> None:
    """Put `fresh` in the place of `out`; if that fails, what was there is put back.

    Raises:
        EchojaxError: it cannot be put back; it is left where `replaced` says.
    """
    if not out.exists():
        fresh.rename(out)
        return
    try:
        out.rename(replaced)
        fresh.rename(out)
    except BaseException:
        if replaced.exists() and not out.exists():
            try:
                replaced.rename(out)
            except OSError as error:
                raise EchojaxError(
                    f"{out}: was to be replaced, and cannot be put back ({error.strerror}); "
                    f"it is whole in {replaced}"
                ) from error
        raise


def _files(patients: int, grades: str, sequences: bool, coherence: bool) -> set[str]:
    """Every file of a dataset, relative to its folder."""
    files = {MARKER} | {f"database_split/subgroup_{group}.txt" for group in SUBGROUPS}
    for number in range(patients):
        for name in patient_names(number, grades):
            own = patient_files(name, sequences, coherence)
            files |= {f"database_nifti/{name}/{file}" for file in own}
    return files


def _write_patients(
    folder: Path,
    patients: int,
    seed: int,
    shown: Mapping[str, Any],
    grades: str,
    workers: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Write all patients; `shown` are the settings of `write_patient`."""
    parent = folder / "database_nifti"
    parent.mkdir()
    qualities: Sequence[tuple[str, ...] | None] = [None] * patients
    if grades == "camus":
        qualities = assign_qualities(np.random.default_rng([seed, QUALITY]), patients)
    arguments = [(parent, seed, number, of_patient) for number, of_patient in enumerate(qualities)]
    processes.spread(partial(write_patient, **shown), arguments, workers, progress)


def _write_split(folder: Path, patients: int, grades: str) -> None:
    folder.mkdir()
    held_out = int(HELD_OUT * patients + 0.5)
    bounds = (0, patients - 2 * held_out, patients - held_out, patients)
    for group, (start, end) in zip(SUBGROUPS, pairwise(bounds), strict=True):
        names = [name for number in range(start, end) for name in patient_names(number, grades)]
        (folder / f"subgroup_{group}.txt").write_text("".join(f"{name}\n" for name in names))
