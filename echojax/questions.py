"""Asking a classifier about files and folders, one recording after the other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from echojax.errors import InputError
from echojax.inference.answer import Answer
from echojax.inference.classify import Classifier
from echojax.media import Recording, open_recording
from echojax.progress import bar
from echojax.recordings import noting


class Told(NamedTuple):
    """What a classifier says of the frames of a recording, a question each."""

    path: Path
    answers: dict[str, Answer]

    def as_json(self) -> dict[str, Any]:
        """Of the recording, and of each of its frames, counted from 1."""
        number = len(next(iter(self.answers.values())).probabilities)
        return {
            "file": str(self.path),
            **_one({task: answer.mean() for task, answer in self.answers.items()}, 0),
            "frames": [{"frame": k + 1, **_one(self.answers, k)} for k in range(number)],
        }


def _one(answers: dict[str, Answer], row: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for task, answer in answers.items():
        told[task] = answer.labels[row]
        probabilities = (round(float(p), 6) for p in answer.probabilities[row])
        told[f"{task}_probabilities"] = dict(zip(answer.classes, probabilities, strict=True))
    return told


def classify(sources: Sequence[Path], classifier: Classifier) -> tuple[list[Told], list[str]]:
    """Tell the view and the phase of every frame of recordings; a bad one does not stop the others.

    Returns:
        What is told of each recording, and what went wrong, a line each.
    """
    told: list[Told] = []
    failures: list[str] = []
    with bar("Classifying files", len(sources)) as progress:
        for path in sources:
            with noting(path, failures):
                recording = open_recording(path)
                _check(recording, classifier)
                seen = [classifier.input(frame, recording) for frame in recording.frames()]
                told.append(Told(path, classifier.answers(np.stack(seen))))
            progress.advance()
    return told, failures


def _check(recording: Recording, classifier: Classifier) -> None:
    if classifier.shape.fit == "millimetres" and recording.spacing is None:
        raise InputError(
            f"{recording.path}: does not state the spacing of its pixels, which this classifier "
            "needs (its input fit is millimetres); give it as DICOM, NIfTI or MetaImage, or use a "
            "classifier of another fit"
        )
