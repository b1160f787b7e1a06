"""What a command would do and what that takes: jobs, their steps, disk, and time on this machine.

Time is measured, not known: a few real steps of every kind of training, and real frames, are timed
here and now (`training.planned`), and multiplied by their number.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np

from echojax.inference import filters
from echojax.inference.classify import probabilities
from echojax.inference.enhance import Enlarger, Interpolation, Network, as_float, enhance
from echojax.inference.segment import Segmenter
from echojax.recipes import (
    classification,
    classifier_start,
    inner_validation,
    segmentation,
    super_resolution,
)
from echojax.resize import Method
from echojax.studies.diagnosis import restorer
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.questions import Question
from echojax.studies.diagnosis.study import Study
from echojax.training.pace import twice
from echojax.training.planned import Planned, trainings
from echojax.vocabulary import GENERATORS, NONE, USES, Mode

_ROW = 130  # bytes of a line of predictions.csv
_MASK_ROW = 150  # and of one of overlaps.csv, without discs
_ASKED = 32  # frames that answers are timed on


def of_study(
    study: Study,
    cells: Sequence[Cell] = (),
    generators: Sequence[tuple[str, Fold]] = (),
    *,
    only_fold: int | None = None,
    keep: bool | None = None,
) -> list[Planned]:
    """What is to be done for cells and generators; nothing is written.

    Args:
        study: the study.
        cells: as for `asking.run_cells`, and so the last two.
        generators: that are trained, whatever the cells need.
        only_fold: number of the one fold to do; all by default.
        keep: whether to keep classifiers; as configured by default.

    Raises:
        InputError: as `Study.check`.
    """
    missing = study.missing(cells, generators, only_fold=only_fold)
    keep = study.config.study.keep_classifiers if keep is None else keep
    planned = []
    for sr in GENERATORS:
        folds = [fold for kind, fold in missing.generators if kind == sr]
        if folds:
            planned.append(_of_generators(study, sr, folds))
    for segments, degraded in itertools.product((False, True), repeat=2):
        kind = segments, degraded
        questions = [q for q in missing.learners if (q.key.segments, q.key.degraded) == kind]
        if questions:
            planned.append(_of_learners(study, questions, keep=keep))
    planned += _of_frames(study, missing.questions)
    return planned


def _of_generators(study: Study, sr: str, folds: Sequence[Fold]) -> Planned:
    sr_config = study.config.sr
    # SRGAN starts from a network that is not there yet; one like it takes the same time.
    start = super_resolution.init_network(sr_config) if sr == "srgan" else None
    training = study.generators.training(folds[0], start, shown=1)
    shown = min(sr_config.evaluate_frames, len(folds[0].sr_held_out))
    return trainings(len(folds), training, shown, study.mesh)


def _of_learners(study: Study, questions: Sequence[Question], *, keep: bool) -> Planned:
    first = questions[0]
    key = first.key if first.key.degraded else first.key._replace(sr=NONE, mode=NONE)
    training = study.learners(key).training(key, first.fold, first.seed)
    steps = sum(_steps(study, question) for question in questions)
    number = len(questions)
    return trainings(number, training, 0, study.mesh, steps=steps, keep=keep)


def _steps(study: Study, question: Question) -> int:
    if question.key.segments:
        return study.config.segmentation.steps
    config = study.config.classifier
    group = study.frames.take(question.fold.train[question.key.train]).group
    learned = int((~inner_validation.kept_back(config, group, question.seed)).sum())
    return config.steps or classification.steps_of(learned, config.epochs, config.batch)


def _of_frames(study: Study, questions: Sequence[Question]) -> Iterator[Planned]:
    """Frames that are enhanced for networks, and frames that these are asked about.

    Classifiers and segmenters see frames of other sizes, which are made for each.
    """
    enhanced: dict[tuple[str, str], set[tuple[bool, str, int, int]]] = {}
    for question in questions:
        cell, fold, key = question.cell, question.fold, question.key
        learned = study.learners(key).learned(key, fold)
        for indices, side in ((learned, "train"), (question.frames, "test")):
            if cell.sr_on in (side, "both") and cell.sr not in (NONE, "degrade", "blur"):
                own = fold.generator if USES[cell.sr].generator else -1
                made = enhanced.setdefault((cell.sr, cell.mode), set())
                made.update((key.segments, fold.protocol, own, int(i)) for i in indices)
    for (sr, mode), frames in enhanced.items():
        seconds = twice(_enhancement(study, sr, mode))
        yield Planned(f"frames by {sr}, {mode}", len(frames), 0, 0, len(frames) * seconds)
    for kind, segments in (("answers", False), ("masks", True)):
        own_kind = [question for question in questions if question.key.segments == segments]
        number = sum(len(question.frames) for question in own_kind)
        if number:
            seconds = twice(_asked(study, own_kind[0])) / _ASKED
            size = _MASK_ROW if segments else _ROW
            yield Planned(kind, number, 0, number * size, number * seconds)


def _asked(study: Study, question: Question) -> Callable[[], Any]:
    """What asks a network of a question's kind about `_ASKED` frames."""
    if question.key.segments:
        size = study.config.segmentation.size
        network = Segmenter(segmentation.init_network(study.config.segmentation, 0), size)
        some = study.frames.images[int(question.frames[0])]
        return lambda: network.masks(_black(size), [some.shape] * _ASKED)
    seen = _black(study.config.classifier.shape.size)
    model = classifier_start.init_network(study.config.classifier, 0, question.cell.task)
    return lambda: probabilities(model, seen, study.mesh)


def _black(size: int) -> np.ndarray:
    return np.zeros((_ASKED, size, size), np.float32)


def _enhancement(study: Study, sr: str, mode: str) -> Callable[[], Any]:
    """What enhances one of the study's frames, of the median size."""
    images = study.frames.images
    sizes = [image.size for image in images]
    frame = as_float(images[int(np.argsort(sizes)[len(sizes) // 2])])
    if sr in filters.FILTERS:
        return lambda: filters.FILTERS[sr](frame)
    if sr == "restorer":
        network = restorer.load(study.config.study.restorer)
        return lambda: filters.restore(frame, network)
    scale = study.config.sr.scale
    by: Enlarger = Interpolation(cast(Method, sr), scale)
    if sr in GENERATORS:
        by = Network(super_resolution.init_network(study.config.sr))
    return lambda: enhance(frame, by, mode=cast(Mode, mode))
