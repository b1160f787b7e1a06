"""How a trained classifier does on every frame of a dataset, as a rule another than its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from echojax import config, enhance, text_table
from echojax.errors import InputError
from echojax.frames import CLASSES, QUALITIES, UNLABELLED, Frames
from echojax.models.resnet import ResNet18
from echojax.study import statistics
from echojax.study.statistics import Estimate, Sample
from echojax.training import classifier
from echojax.training.checkpoints import load_network
from echojax.weights import networks, safetensors_file

# Keys of a file's metadata, beside the `heads` that `classifier.heads_of` reads.
SIZE = "input size"
DATASET = "dataset"


@dataclass(frozen=True)
class Trained:
    """A classifier with what must be known to ask it.

    Attributes:
        model: the network.
        tasks: of its heads, in order.
        size: side of its square input.
        dataset: fingerprint of the frames it learned from, empty where that is not known.
    """

    model: ResNet18
    tasks: tuple[str, ...]
    size: int
    dataset: str


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
        InputError: it is not there, or is none of these.
        EchojaxError: the folder holds a damaged checkpoint.
    """
    file = classifier.locate(weights)
    if file.is_dir():
        return _of_run(file.absolute(), mesh)
    told = safetensors_file.metadata(file)
    model, tasks = networks.load(file), classifier.heads_of(told)
    heads_fit = isinstance(model, ResNet18) and model.settings.classes == 2 * len(tasks)
    if not tasks or not heads_fit or not set(tasks) <= CLASSES.keys():
        raise InputError(
            f"{file}: does not hold a classifier of {' or '.join(CLASSES)}; pass a file of "
            "`echojax pretrain-classifier`, or RUN/classifiers/PROTOCOL/TASK/.../seedN"
        )
    size = told.get(SIZE, str(config.ClassifierConfig().size))
    if not size.isdecimal() or not int(size):
        raise InputError(f"{file}: says that its {SIZE} is {size!r}; expected a number of pixels")
    return Trained(model, tasks, int(size), told.get(DATASET, ""))


def _of_run(folder: Path, mesh: Mesh) -> Trained:
    """A study's classifier, with the settings of its run."""
    for run in folder.parents:
        job = folder.relative_to(run).parts
        if (run / "config.toml").is_file() and job[0] == "classifiers" and len(job) == 7:
            settings = config.load(run / "config.toml").classifier
            model = classifier.network(settings, 0)
            load_network(model, folder, mesh)
            record = json.loads((run / "environment.json").read_text())
            return Trained(model, (job[2],), settings.size, record["dataset"])
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
    inputs = np.stack(
        [classifier.as_input(enhance.as_float(image), trained.size) for image in frames.images]
    )
    answers = classifier.probabilities(trained.model, inputs, mesh)
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
