"""Asking segmenters, and comparing their masks with those of experts."""

from collections.abc import Iterator

import numpy as np

from echojax.inference.segment import Segmenter
from echojax.models.unet import UNet
from echojax.studies.diagnosis import masked, overlaps
from echojax.studies.diagnosis.questions import Question
from echojax.studies.diagnosis.study import Study
from echojax.vocabulary import NONE


def answer(study: Study, model: UNet, question: Question) -> None:
    """Add to `overlaps.csv` what the masks of a question's frames measure.

    A frame may be enhanced and larger for it; its mask has the frame's own geometry.
    """
    cell, inputs = question.cell, study.segmenters.inputs
    enhanced = cell.sr_on in ("test", "both")
    sr, mode = (cell.sr, cell.mode) if enhanced else (NONE, NONE)
    seen = inputs.of(question.frames, question.fold, sr, mode)
    sizes = [study.frames.images[i].shape for i in question.frames]
    masks = Segmenter(model, seen.shape[-1]).masks(seen, sizes)
    overlaps.append(study.run.overlaps, _rows(study, question, masks))


def _rows(study: Study, question: Question, masks: list[np.ndarray]) -> Iterator[dict[str, object]]:
    frames, (_, fold, _, cell, asked) = study.frames, question
    drawn = set(masked.drawn(frames, fold, cell).tolist())
    ef = "ef" in study.config.study.outcomes
    whole = set(masked.whole(frames, fold, cell).tolist()) if ef else set()
    for i, mask in zip(asked.tolist(), masks, strict=True):
        truth, spacing = frames.mask(i), frames.spacing[i]
        assert truth is not None  # others are not asked about
        yield {
            **question.about(frames, i),
            "drawn": int(i in drawn),
            **overlaps.measured(mask, truth),
            "discs": overlaps.discs(mask, spacing) if i in whole else "",
            "expert_discs": overlaps.discs(truth, spacing) if i in whole else "",
        }
