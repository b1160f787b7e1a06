"""What the report shows of the frames themselves, kept in the run so that it can be redone."""

from typing import Any

import numpy as np

from echojax import enhance
from echojax.frames import PHASES, QUALITIES, VIEWS, Frames
from echojax.study import tables
from echojax.study.cells import NONE
from echojax.study.matrix import Study
from echojax.study.predictions import STRATA

_PATCH = 0.3  # side of Fig. 3's patch as a share of the frame's shorter side
_SHOWN_FIRST = ("2CH", "ED")  # the paper's Fig. 3 shows a poor 2CH ED frame


def save(study: Study) -> None:
    """Keep what the report shows of the frames: how many there are, and some to look at.

    Writes `tables/dataset.csv` and `figures/examples.npz`, which holds a frame per view, phase and
    quality and a poor one enhanced, uint8 (rows, columns), and the latter's patch, `fig3_box`: top,
    left, height, width in pixels.
    """
    counts = [
        (view, phase, *numbers.values(), sum(numbers.values()))
        for view, phases in study.frames.counts().items()
        for phase, numbers in phases.items()
    ]
    columns = ("view", "phase", *QUALITIES, "unlabelled", "total")
    tables.write(study.run.path / "tables" / "dataset.csv", columns, counts)
    arrays: dict[str, Any] = _one_of_each(study.frames) | _enhanced(study)
    target = study.run.path / "figures" / "examples.npz"
    target.parent.mkdir(exist_ok=True)
    np.savez_compressed(target, **arrays)


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
    settings = study.run.config.study
    fold = study.folds(settings.protocols[0])[0]
    # A frame that the fold's generator has not been trained on.
    poor = np.concatenate([fold.held_out[s] for s in reversed(STRATA) if s in fold.held_out])
    if not len(poor):
        return {}
    frames = study.frames
    view, phase = (
        names.index(name) for names, name in zip((VIEWS, PHASES), _SHOWN_FIRST, strict=True)
    )
    worst = frames.quality[poor] == frames.quality[poor[0]]
    wanted = worst & (frames.view[poor] == view) & (frames.phase[poor] == phase)
    chosen = int(poor[np.flatnonzero(wanted)[0]] if wanted.any() else poor[0])
    image, mask = frames.images[chosen], frames.masks[chosen]
    arrays = {"fig3_original": image, "fig3_box": _patch(image, mask)}
    for sr in settings.sr:
        if sr == NONE:
            continue
        enlarge = study.enlarge(sr, fold)
        arrays[f"fig3_restore_{sr}"] = _as_uint8(enhance.restore(image, enlarge))
        arrays[f"fig3_upscale_{sr}"] = _as_uint8(enhance.upscale(image, enlarge))
    return arrays


def _patch(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """A square around the lower end of the left ventricle, where walls, valve and atrium meet."""
    side = round(_PATCH * min(image.shape))
    centre = np.array(image.shape) // 2
    if mask is not None and (mask == 1).any():
        rows, columns = np.nonzero(mask == 1)
        centre = np.array([np.quantile(rows, 0.95), np.median(columns)]).astype(int)
    corner = np.clip(centre - side // 2, 0, np.array(image.shape) - side)
    return np.array([*corner, side, side])


def _as_uint8(frame: np.ndarray) -> np.ndarray:
    return np.round(frame * 255).astype(np.uint8)
