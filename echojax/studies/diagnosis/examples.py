"""What the report shows of the frames themselves, kept in the run so that it can be redone."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from echojax.data.frames import Frames
from echojax.data.source import evenly
from echojax.files import written_whole
from echojax.inference import fidelity
from echojax.inference.enhance import Enlarger, enhance
from echojax.report import tables
from echojax.studies.diagnosis import changed, predictions, restored
from echojax.studies.diagnosis.changed import ChangedFrame
from echojax.studies.diagnosis.restored import RestoredFrame
from echojax.studies.diagnosis.study import Study
from echojax.vocabulary import (
    ENLARGERS,
    GENERATORS,
    MODES,
    NONE,
    PHASES,
    QUALITIES,
    UNLABELLED,
    VIEWS,
)

_HELD_OUT = 20  # frames a fold that are restored, evenly spread over its patients
_PATCH = 0.3  # side of Fig. 3's patch as a share of the frame's shorter side


def save(study: Study) -> None:
    """Keep what the report shows of the frames: how many there are, and some to look at.

    Writes `tables/dataset.csv`, `changed_frames.csv` and `restored_frames.csv`, and
    `figures/examples.npz`, which holds a frame per view, phase and quality, a poor one enhanced,
    and what enhancement changed most as classifiers see it, uint8 (rows, columns), and the poor
    one's patch, `fig3_box`: top, left, height, width in pixels.
    """
    counts = [
        {"view": view, "phase": phase, **numbers, "total": sum(numbers.values())}
        for view, phases in study.frames.counts().items()
        for phase, numbers in phases.items()
    ]
    columns = ("view", "phase", *QUALITIES, UNLABELLED, "total")
    tables.write(study.run.path / "tables" / "dataset.csv", columns, counts)
    most = changed.most_changed(predictions.read(study.run.predictions))
    changed.write(study.run.path, most)
    restored.add(study.run.path, _restored(study))
    arrays: dict[str, Any] = _one_of_each(study.frames) | _enhanced(study) | _seen(study, most)
    with (
        written_whole(study.run.path / "figures" / "examples.npz") as path,
        path.open("wb") as file,
    ):
        np.savez_compressed(file, **arrays)


def _one_of_each(frames: Frames) -> dict[str, np.ndarray]:
    found = {}
    for view in VIEWS:
        for quality in QUALITIES:
            for phase in PHASES:
                there = frames.where(views=[view], phases=[phase], qualities=[quality])
                # Frames are ordered by patient, so ED and ES are of the same one.
                if len(there):
                    found[f"fig2_{view}_{phase}_{quality}"] = frames.images[there[0]]
    return found


def _enhanced(study: Study) -> dict[str, np.ndarray]:
    settings = study.config.study
    fold = study.folds(settings.protocols[0])[0]
    frames = study.frames
    # The worst of the frames that the fold's generator has not been trained on.
    labelled = np.setdiff1d(frames.where(qualities=QUALITIES), fold.sr_train)
    unseen = np.intersect1d(labelled, np.concatenate([*fold.held_out.values()]))
    if not len(unseen):
        return {}
    worst = unseen[frames.quality[unseen] == frames.quality[unseen].max()]
    wanted = np.intersect1d(worst, frames.where(views=["2CH"], phases=["ED"]))
    # The paper's Fig. 3 shows a poor 2CH ED frame.
    chosen = int(wanted[0] if len(wanted) else worst[0])
    image, mask = frames.images[chosen], frames.masks[chosen]
    arrays = {"fig3_original": image, "fig3_box": _patch(image, mask)}
    for sr in (name for name in settings.sr if name in ENLARGERS):
        by = study.inputs.enlarger(sr, fold)
        for mode in MODES:
            arrays[f"fig3_{mode}_{sr}"] = enhance(image, by, mode=mode, low=0, high=255)
    return arrays


def _seen(study: Study, most: Iterable[ChangedFrame]) -> dict[str, np.ndarray]:
    """Frames without and with enhancement, as classifiers see them."""
    place = {name: number for number, name in enumerate(study.frames.ids)}
    arrays = {}
    for one in most:
        fold = study.fold(one.protocol, one.fold)
        for name, sr, mode in (("without", NONE, NONE), ("enhanced", one.sr, one.mode)):
            seen = study.inputs.of(np.array([place[one.frame]]), fold, sr, mode)[0]
            arrays[f"{one.key}_{name}"] = np.round(255 * seen).astype(np.uint8)
    return arrays


def _restored(study: Study) -> Iterator[RestoredFrame]:
    """Frames that no generator of a fold has seen, brought back by each, and by interpolation."""
    frames, ids = study.frames, study.frames.ids
    networks = [sr for sr in study.config.study.sr if sr in GENERATORS]
    least = fidelity.smallest(study.config.sr.scale)
    for protocol in study.config.study.protocols if networks else ():
        folds = {fold.generator: fold for fold in study.folds(protocol)}
        for fold in folds.values():
            large = [i for i in fold.sr_held_out if min(frames.images[i].shape) >= least]
            chosen = [large[place] for place in evenly(len(large), _HELD_OUT)]
            by: dict[str, Enlarger] = dict(fidelity.interpolations(study.config.sr.scale))
            by |= {sr: study.inputs.enlarger(sr, fold) for sr in networks}
            for method, enlarger in by.items():
                for i in chosen:
                    found = fidelity.scores(frames.images[i], enlarger, sector=True)
                    yield RestoredFrame(
                        protocol,
                        fold.generator,
                        ids[i],
                        str(frames.group[i]),
                        method,
                        found["psnr_sector"],
                        found["ssim_sector"],
                    )


def _patch(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """A square around the lower end of the left ventricle, where walls, valve and atrium meet."""
    side = round(_PATCH * min(image.shape))
    centre = np.array(image.shape) // 2
    if mask is not None and (mask == 1).any():
        rows, columns = np.nonzero(mask == 1)
        centre = np.array([np.quantile(rows, 0.95), np.median(columns)]).astype(int)
    corner = np.clip(centre - side // 2, 0, np.array(image.shape) - side)
    return np.array([*corner, side, side])
