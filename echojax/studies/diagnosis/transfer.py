"""How a trained classifier does on every frame of a dataset, as a rule another than its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from echojax import config, text_table
from echojax.data.frames import UNLABELLED, Frames
from echojax.errors import InputError
from echojax.inference import classify
from echojax.inference.enhance import as_float
from echojax.models.resnet import ResNet18
from echojax.recipes import classification as classifier
from echojax.report import statistics
from echojax.report.statistics import Estimate, Sample
from echojax.training.checkpoints import load_network
from echojax.vocabulary import CLASSES, NONE, QUALITIES, VIEWS
from echojax.weights import networks


@dataclass(frozen=True)
class Trained:
    """A classifier with what must be known to ask it.

    Attributes:
        model: the network.
        tasks: of its heads, in order.
        size: side of its square input.
        datasets: fingerprints of the frames it learned from, none where that is not known.
        views: of these frames.
    """

    model: ResNet18
    tasks: tuple[str, ...]
    size: int
    datasets: tuple[str, ...]
    views: tuple[str, ...] = VIEWS

    def learned_from(self, frames: Frames) -> bool:
        """Whether it learned from these frames, or from those of its views among them."""
        return frames.take(frames.where(views=self.views)).fingerprint() in self.datasets


class Row(NamedTuple):
    """Accuracy of a task on some of the frames: a quality, a class (its recall) or all."""

    task: str
    on: str
    frames: int
    patients: int
    accuracy: Estimate


def load(weights: str, mesh: Mesh) -> Trained:
    """Load a classifier.

    Args:
        weights: "simulated", a .safetensors file of a pretraining, or the folder of a study's
            classifier (RUN/classifiers/PROTOCOL/TASK/.../seedN).
        mesh: devices to ask it on.

    Raises:
        InputError: it is not there, is none of these, or was trained on enhanced frames.
        EchojaxError: the folder holds a damaged checkpoint.
    """
    file = classifier.locate(weights)
    if file.is_dir():
        return _of_run(file.absolute(), mesh)
    told = networks.card(file)
    model, tasks = networks.load(file), classifier.heads_of(told)
    heads_fit = isinstance(model, ResNet18) and model.settings.classes == 2 * len(tasks)
    if not tasks or not heads_fit or not set(tasks) <= CLASSES.keys():
        raise InputError(
            f"{file}: does not hold a classifier of {' or '.join(CLASSES)}; pass a file of "
            "`echojax pretrain-classifier`, or RUN/classifiers/PROTOCOL/TASK/.../seedN"
        )
    size = told.get(classifier.SIZE, str(config.ClassifierConfig().size))
    if not size.isdecimal() or not int(size):
        raise InputError(f"{file}: says that its {classifier.SIZE} is {size!r}; expected pixels")
    return Trained(model, tasks, int(size), classifier.datasets_of(told))


def _of_run(folder: Path, mesh: Mesh) -> Trained:
    """A study's classifier, with the settings of its run."""
    for run in folder.parents:
        job = folder.relative_to(run).parts
        if (run / "config.toml").is_file() and job[0] == "classifiers" and len(job) == 7:
            task, enhancement = job[2], job[4]
            if enhancement != NONE:
                raise InputError(
                    f"{folder}: was trained on frames enhanced by {enhancement}, and would be "
                    f"asked about frames that are not; choose one of .../{job[3]}/{NONE}/..."
                )
            settings = config.load(run / "config.toml")
            model = classifier.network(settings.classifier, 0)
            load_network(model, folder, mesh)
            record = json.loads((run / "environment.json").read_text())
            size, views = settings.classifier.size, settings.data.views
            return Trained(model, (task,), size, (record["dataset"],), views)
    raise InputError(f"{folder}: no classifier; expected RUN/classifiers/PROTOCOL/TASK/.../seedN")


def evaluate(trained: Trained, frames: Frames, groups: np.ndarray, mesh: Mesh) -> list[Row]:
    """Ask a classifier about every frame.

    Args:
        trained: the classifier.
        frames: the frames.
        groups: patient of every frame, ids of one recording merged.
        mesh: devices to ask it on.

    Returns:
        For each task: all frames, each quality there is, each class there is.
    """
    inputs = np.stack([classify.as_input(as_float(image), trained.size) for image in frames.images])
    answers = classify.probabilities(trained.model, inputs, mesh)
    rows = []
    for task, answer in zip(trained.tasks, answers.T, strict=True):
        correct = (answer >= 0.5) == (getattr(frames, task) == 1)
        for on, chosen in _parts(frames, task):
            if np.any(chosen):
                sample = Sample(correct[chosen], groups[chosen])
                estimate = statistics.accuracy(sample, np.flatnonzero(chosen))
                patients = len(np.unique(sample.patient))
                rows.append(Row(task, on, len(sample.correct), patients, estimate))
    return rows


def _parts(frames: Frames, task: str) -> Iterator[tuple[str, np.ndarray]]:
    yield "all", np.ones(len(frames), bool)
    for code, quality in (*enumerate(QUALITIES), (UNLABELLED, "unlabelled")):
        yield quality, frames.quality == code
    for label, name in enumerate(CLASSES[task]):
        yield name, getattr(frames, task) == label


def cells(rows: Sequence[Row]) -> text_table.Cells:
    """Results as the cells of a table, accuracies with their 95 % intervals."""
    header = ("task", "frames of", "frames", "patients", "accuracy", "95 %")
    return [header] + [
        (
            row.task,
            row.on,
            str(row.frames),
            str(row.patients),
            f"{row.accuracy.value:.1%}",
            f"{row.accuracy.low:.1%} to {row.accuracy.high:.1%}",
        )
        for row in rows
    ]
