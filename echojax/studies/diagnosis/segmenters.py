"""The segmenters of a study: one for each training stratum and enhancement, fold and seed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from echojax.data.frames import Frames
from echojax.models.unet import UNet
from echojax.recipes import learned_from, segmentation
from echojax.recipes.classification import DEGRADATION
from echojax.recipes.segmentation import SegmenterConfig
from echojax.recipes.segmentation_examples import Examples
from echojax.runs.job import Record
from echojax.studies.diagnosis import masked
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.generators import LICENCE
from echojax.studies.diagnosis.learners import LearnerKey, Learners
from echojax.studies.diagnosis.transfer import ENHANCED_BY
from echojax.training.loop import Training
from echojax.vocabulary import NONE
from echojax.wording import count


@dataclass
class Segmenters(Learners):
    """The segmenters of one run; each begins from random weights."""

    config: SegmenterConfig = field(kw_only=True)

    network_kind = UNet

    def learned(self, key: LearnerKey, fold: Fold) -> np.ndarray:
        """Indices of the frames that a segmenter learns from: a classifier's, if with masks."""
        return masked.with_masks(self.inputs.frames, fold.train[key.train])

    def kind(self, key: LearnerKey) -> str:
        """What trainings are counted as."""
        return segmentation.kind(degraded=key.degraded)

    def _record(self, key: LearnerKey, learned: np.ndarray, seed: int) -> Record:
        frames = self.inputs.frames.take(learned)
        record = segmentation.record(self.config, [frames])
        settings = {**record.settings, "seed": seed}
        if key.degraded:
            settings["degradation"] = DEGRADATION
        data = {**record.data, "masks to learn from": fingerprint(frames.masks)}
        return replace(record, settings=settings, data=data)

    def training(self, key: LearnerKey, fold: Fold, seed: int) -> Training[Any]:
        """The training of a segmenter."""
        indices = self.learned(key, fold)
        frames = self.inputs.frames.take(indices)
        sr, mode = (NONE, NONE) if key.degraded else (key.sr, key.mode)
        return segmentation.training_on(
            self.config,
            lambda: Examples.seen(self.inputs.of(indices, fold, sr, mode), frames),
            len(frames),
            seed=seed,
            degraded=key.degraded,
            card=_card(key, fold, seed, frames, "" if sr == NONE else f"{sr}, {mode}"),
        )


def _card(key: LearnerKey, fold: Fold, seed: int, learned: Frames, by: str) -> dict[str, str]:
    return {
        "title": f"Segmentation of the left heart, {key.name}, fold {fold.number}, seed {seed}",
        "data": f"{count(len(learned), 'echo frame')} ({key.train}) of "
        f"{count(len(np.unique(learned.group)), 'patient')}",
        ENHANCED_BY: by,
        **learned_from.card_of(learned.hashes, None),
        "licence": LICENCE,
    }


def fingerprint(masks: Sequence[np.ndarray | None]) -> str:
    """A short hash of masks, alike only for the same ones in the same order."""
    digest = hashlib.sha256()
    for mask in masks:
        digest.update(b"none" if mask is None else str(mask.shape).encode() + mask.tobytes())
    return digest.hexdigest()[:16]
