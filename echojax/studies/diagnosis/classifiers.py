"""The classifiers of a study: one for each key, fold and seed, trained once."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from echojax.inference.classify import simulated_card
from echojax.models.resnet import ResNet18
from echojax.recipes import classification, classifier_start, inner_validation, learned_from
from echojax.recipes.classifier import ClassifierConfig, Labelled
from echojax.runs.job import Record
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.generators import LICENCE
from echojax.studies.diagnosis.learners import LearnerKey, Learners
from echojax.studies.diagnosis.transfer import ENHANCED_BY
from echojax.training.loop import Training
from echojax.vocabulary import NONE
from echojax.wording import count


@dataclass
class Classifiers(Learners):
    """The classifiers of one run."""

    config: ClassifierConfig = field(kw_only=True)
    _fingerprints: dict[bytes, str] = field(default_factory=dict)

    network_kind = ResNet18

    def learned(self, key: LearnerKey, fold: Fold) -> np.ndarray:
        """Indices of the frames that a classifier learns from."""
        return fold.train[key.train]

    def kind(self, key: LearnerKey) -> str:
        """What trainings are counted as."""
        return classification.kind(degraded=key.degraded)

    def _record(self, key: LearnerKey, learned: np.ndarray, seed: int) -> Record:
        frames = self._fingerprint(learned)
        return classification.record(
            self.config, frames, task=key.task, seed=seed, degraded=key.degraded
        )

    def training(self, key: LearnerKey, fold: Fold, seed: int) -> Training[Any]:
        """The training of a classifier.

        Raises:
            InputError: as `classification.check`.
        """
        indices = self.learned(key, fold)
        learned = self.inputs.frames.take(indices)
        init = classifier_start.init_file(self.config.init)
        sr, mode = (NONE, NONE) if key.degraded else (key.sr, key.mode)
        card = {
            "title": f"ResNet-18, {key.name}, fold {fold.number}, seed {seed}",
            "data": f"{count(len(learned), 'echo frame')} ({key.train}) of "
            f"{count(len(np.unique(learned.group)), 'patient')}",
            ENHANCED_BY: "" if sr == NONE else f"{sr}, {mode}",
            **simulated_card(learned),
            **learned_from.card_of(learned.hashes, init),
            "licence": LICENCE,
        }
        frames = Labelled(
            self.inputs.of(indices, fold, sr, mode), getattr(learned, key.task)[:, None]
        )
        inner = inner_validation.kept_back(self.config, learned.group, seed)
        return classification.training(
            self.config,
            frames.take(~inner),
            kept_back=frames.take(inner) if inner.any() else None,
            tasks=(key.task,),
            seed=seed,
            degraded=key.degraded,
            card=card,
        )

    def _fingerprint(self, indices: np.ndarray) -> str:
        key = indices.tobytes()
        if key not in self._fingerprints:
            self._fingerprints[key] = self.inputs.frames.take(indices).fingerprint()
        return self._fingerprints[key]
