"""What a study would train: how many trainings, their steps, and disk for what is kept."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
from flax import nnx

from echojax.inference.classify import PER_HEAD
from echojax.models.resnet import ResNetSettings
from echojax.recipes import classification, inner_validation, super_resolution
from echojax.runs.job import network_file
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.generators import generator_name
from echojax.studies.diagnosis.study import Study
from echojax.weights import kinds


class Planned(NamedTuple):
    """Trainings of one kind that a run does not have yet; one under way is counted whole."""

    kind: str
    trainings: int
    steps: int  # of all of them
    size: int  # bytes of the networks that are kept


def plan(
    study: Study, cells: Sequence[Cell] = (), generators: Sequence[tuple[str, Fold]] = ()
) -> list[Planned]:
    """What is to be trained for cells and generators; nothing is written.

    Raises:
        InputError: as `Study.check`.
    """
    wanted = study.check(cells, generators=generators)
    # SRGAN starts from the SRResNet of its fold.
    wanted += [("srresnet", fold) for sr, fold in wanted if sr == "srgan"]
    names = {generator_name(sr, fold): sr for sr, fold in wanted}
    missing = [
        sr for name, sr in names.items() if not network_file(study.run.path / name).is_file()
    ]
    sr, planned = study.config.sr, []
    for kind, steps in (("srresnet", sr.steps), ("srgan", sr.gan_steps)):
        if number := missing.count(kind):
            size = number * _bytes(super_resolution.init_network(sr))
            planned.append(Planned(kind, number, number * steps, size))
    of_classifiers = list(_steps_of_classifiers(study, cells))
    if of_classifiers:
        settings = ResNetSettings(classes=PER_HEAD, width=study.config.classifier.width)
        one = _bytes(kinds.empty("resnet18", settings)) * study.config.study.keep_classifiers
        number = len(of_classifiers)
        planned.append(Planned("classifier", number, sum(of_classifiers), number * one))
    return planned


def _steps_of_classifiers(study: Study, cells: Sequence[Cell]) -> Iterator[int]:
    config = study.config.classifier
    asked = study.unanswered(study.run.predictions, cells, None, study.config.study.seeds)
    once = {question.key.job(question.fold, question.seed): question for question in asked}
    for name, question in once.items():
        if network_file(study.run.path / name).is_file():
            continue
        group = study.frames.take(question.fold.train[question.key.train]).group
        learned = int((~inner_validation.kept_back(config, group, question.seed)).sum())
        yield config.steps or classification.steps_of(learned, config.epochs, config.batch)


def _bytes(model: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(nnx.state(model)))
