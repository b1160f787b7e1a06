"""How a trained classifier does on every frame of a dataset, as a rule another than its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from echojax import text_table
from echojax.data.frames import UNLABELLED as UNLABELLED_CODE
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.classify import Classifier, inputs, probabilities
from echojax.inference.classify import load as load_classifier
from echojax.recipes import classifier_start
from echojax.report import measures, statistics
from echojax.report.crossed import Scores
from echojax.report.statistics import Estimate, Sample
from echojax.runs.job import network_file
from echojax.vocabulary import CLASSES, QUALITIES, UNLABELLED
from echojax.weights import networks

_OF_A_STUDY = "RUN/classifiers/PROTOCOL/TASK/.../seedN"
ENHANCED_BY = "enhanced by"  # on the card of a classifier of enhanced frames


class Row(NamedTuple):
    """A task on some of the frames: a quality, a class (accuracy is its recall) or all.

    `area` is that under the ROC curve, which no threshold moves; nan of a single class.
    """

    task: str
    on: str
    frames: int
    patients: int
    accuracy: Estimate
    area: Estimate


def load(weights: str) -> tuple[Classifier, Path]:
    """Load a classifier.

    Args:
        weights: "simulated", a file, the run directory of a pretraining, or the folder of a
            study's classifier (RUN/classifiers/PROTOCOL/TASK/.../seedN).

    Returns:
        The classifier, and its file.

    Raises:
        InputError: it is not there, is none of these, or was trained on enhanced frames.
    """
    file = _file(classifier_start.locate(weights))
    enhancement = networks.card(file).get(ENHANCED_BY)
    if enhancement:
        raise InputError(
            f"{file}: was trained on frames enhanced by {enhancement}, and would be asked about "
            "frames that are not; choose one of .../none/..."
        )
    return load_classifier(file), file


def _file(named: Path) -> Path:
    if not named.is_dir():
        return named
    folders = [named / classifier_start.PRETRAINED, named.absolute()]
    for file in map(network_file, folders):
        if file.is_file():
            return file
    of_a_study = sorted(named.glob("classifiers/*/*/*/none/*/seed*.safetensors"))
    example = of_a_study[0].with_suffix("") if of_a_study else None
    raise InputError(
        f"{named}: no classifier; expected the run of a pretraining, or "
        + (f"one of a study's, as {example}" if example else _OF_A_STUDY)
    )


def evaluate(classifier: Classifier, frames: Frames, mesh: Mesh) -> list[Row]:
    """Ask a classifier about every frame.

    Args:
        classifier: what to ask.
        frames: the frames.
        mesh: devices to ask it on.

    Returns:
        For each task: all frames, each quality there is, each class there is.
    """
    answers = probabilities(classifier.model, inputs(frames, classifier.shape), mesh)
    rows = []
    for task, answer in zip(classifier.tasks, answers.T, strict=True):
        correct = (answer >= 0.5) == (getattr(frames, task) == 1)
        for on, chosen in _parts(frames, task):
            if np.any(chosen):
                sample = Sample(correct[chosen], frames.group[chosen])
                estimate = statistics.accuracy(sample, np.flatnonzero(chosen))
                patients = len(np.unique(sample.patient))
                area = _area(answer[chosen], getattr(frames, task)[chosen], sample.patient)
                rows.append(Row(task, on, len(sample.correct), patients, estimate, area))
    return rows


def _area(answer: np.ndarray, label: np.ndarray, patient: np.ndarray) -> Estimate:
    one = np.zeros(len(answer), int)  # a single training
    placed = measures.area(Scores(answer, patient, one, one, one), label, answer)
    found = statistics.mean(placed.score, placed.patient)
    return found._replace(low=max(found.low, 0.0), high=min(found.high, 1.0))


def _parts(frames: Frames, task: str) -> Iterator[tuple[str, np.ndarray]]:
    yield "all", np.ones(len(frames), bool)
    for code, quality in (*enumerate(QUALITIES), (UNLABELLED_CODE, UNLABELLED)):
        yield quality, frames.quality == code
    for label, name in enumerate(CLASSES[task]):
        yield name, getattr(frames, task) == label


def cells(rows: Sequence[Row]) -> text_table.Cells:
    """Results as the cells of a table, accuracies and areas with their 95 % intervals."""
    header = ("task", "frames of", "frames", "patients", "accuracy", "95 %", "AUC", "95 %")
    return [header] + [
        (
            row.task,
            row.on,
            str(row.frames),
            str(row.patients),
            f"{row.accuracy.value:.1%}",
            f"{row.accuracy.low:.1%} to {row.accuracy.high:.1%}",
            "" if np.isnan(row.area.value) else f"{row.area.value:.1%}",
            "" if np.isnan(row.area.low) else f"{row.area.low:.1%} to {row.area.high:.1%}",
        )
        for row in rows
    ]
