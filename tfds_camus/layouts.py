"""The two on-disk layouts of CAMUS, recognised by themselves.

NIfTI release:       database_nifti/patientXXXX/patientXXXX_{view}_{phase}[_gt].nii.gz
                     database_split/subgroup_{training,validation,testing}.txt
Challenge release:   {training,testing}/patientXXXX/patientXXXX_{view}_{phase}[_gt].mhd (+ .raw)

Of either, an image of the coherence of a simulated frame lies beside it as `_cf`.
"""

from dataclasses import dataclass
from pathlib import Path

from tfds_camus.errors import CamusError, short

VIEWS = ("2CH", "4CH")
PHASES = ("ED", "ES")
SUBGROUPS = ("training", "validation", "testing")
# A simulator's account of a patient; where it lies beside frames, nobody was recorded.
SIMULATION = "simulation.json"


@dataclass(frozen=True)
class FrameFiles:
    """The files one frame comes from; those after `image` are None where there is none.

    `simulated` if a `simulation.json` lies beside them.
    """

    patient: str
    view: str
    phase: str
    image: Path
    mask: Path | None
    coherence: Path | None
    cfg: Path | None
    subgroup: str | None
    simulated: bool

    @property
    def key(self) -> str:
        """Name of the frame, unique in the dataset: patient0001_2CH_ED."""
        return f"{self.patient}_{self.view}_{self.phase}"


@dataclass(frozen=True)
class BadFile:
    """A file that could not be used, and why."""

    file: str
    why: str


@dataclass(frozen=True)
class Scan:
    """What a folder holds: its layout, the frames found, the files expected but absent."""

    layout: str
    frames: tuple[FrameFiles, ...]
    absent: tuple[BadFile, ...]


def scan(root: Path) -> Scan:
    """List the frames of a CAMUS folder without reading them.

    Args:
        root: the release's folder (the one that holds `database_nifti`, or `training`), or the
            folder of the patients itself.

    Raises:
        CamusError: the folder is missing, empty, or in neither layout.
    """
    if not root.is_dir():
        raise CamusError(f"{root}: no such folder; expected a CAMUS release")
    if not any(root.iterdir()):
        raise CamusError(f"{root}: the folder is empty; expected a CAMUS release")
    nifti = next((d for d in (root / "database_nifti", root) if _holds(d, ".nii.gz")), None)
    if nifti is not None:
        split = _read_split(nifti.parent / "database_split")
        found = [_scan_patient(d, d.name, ".nii.gz", split.get(d.name)) for d in _patients(nifti)]
        return _merge("nifti", found)
    found = []
    for folder, subgroup in ((root / "training", "training"), (root / "testing", "testing")):
        # The challenge's testing ids start at patient0001 again; a prefix keeps them apart.
        prefix = "testing_" if subgroup == "testing" else ""
        if _holds(folder, ".mhd"):
            found += [
                _scan_patient(d, prefix + d.name, ".mhd", subgroup) for d in _patients(folder)
            ]
    if not found and _holds(root, ".mhd"):
        found = [_scan_patient(d, d.name, ".mhd", None) for d in _patients(root)]
    if not found:
        raise CamusError(
            f"{root}: neither CAMUS layout; expected database_nifti/patient*/*.nii.gz "
            "or training/patient*/*.mhd"
        )
    return _merge("mhd", found)


def _merge(layout: str, found: list[tuple[list[FrameFiles], list[BadFile]]]) -> Scan:
    return Scan(
        layout=layout,
        frames=tuple(frame for frames, _ in found for frame in frames),
        absent=tuple(bad for _, absent in found for bad in absent),
    )


def _patients(folder: Path) -> list[Path]:
    return sorted(d for d in folder.glob("patient*") if d.is_dir())


def _holds(folder: Path, suffix: str) -> bool:
    return any(True for _ in folder.glob(f"patient*/*_E[DS]{suffix}"))


def _scan_patient(
    folder: Path, patient: str, suffix: str, subgroup: str | None
) -> tuple[list[FrameFiles], list[BadFile]]:
    frames, absent = [], []
    simulated = (folder / SIMULATION).exists()
    for view in VIEWS:
        cfg = folder / f"Info_{view}.cfg"
        stems = {phase: folder / f"{folder.name}_{view}_{phase}" for phase in PHASES}
        images = {phase: stem.with_name(stem.name + suffix) for phase, stem in stems.items()}
        # A view that a folder does not have at all is not worth a word; half a view is.
        if not any(image.exists() for image in images.values()):
            continue
        for phase, image in images.items():
            if not image.exists():
                absent.append(
                    BadFile(short(image), "no such file, though the other phase is there")
                )
                continue
            mask, coherence = (
                image.with_name(f"{stems[phase].name}_{what}{suffix}") for what in ("gt", "cf")
            )
            frames.append(
                FrameFiles(
                    patient=patient,
                    view=view,
                    phase=phase,
                    image=image,
                    mask=mask if mask.exists() else None,
                    coherence=coherence if coherence.exists() else None,
                    cfg=cfg if cfg.exists() else None,
                    subgroup=subgroup,
                    simulated=simulated,
                )
            )
    return frames, absent


def _read_split(folder: Path) -> dict[str, str]:
    split = {}
    for subgroup in SUBGROUPS:
        listing = folder / f"subgroup_{subgroup}.txt"
        if listing.exists():
            split.update(dict.fromkeys(listing.read_text(errors="replace").split(), subgroup))
    return split
