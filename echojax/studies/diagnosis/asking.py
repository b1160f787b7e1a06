"""Asking classifiers and segmenters: every question of a study that its run does not answer yet."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from echojax.inference.classify import Shape, probabilities
from echojax.models.resnet import ResNet18
from echojax.recipes import thumbnail
from echojax.studies.diagnosis import manipulation, predictions, segmenting
from echojax.studies.diagnosis.cells import Cell, by_kind
from echojax.studies.diagnosis.questions import Question
from echojax.studies.diagnosis.study import Study
from echojax.vocabulary import NONE


def run_cells(
    study: Study,
    cells: Sequence[Cell],
    *,
    only_fold: int | None = None,
    keep: bool | None = None,
) -> None:
    """Make the predictions of cells that the run does not have yet; what they need is trained.

    Args:
        study: begun, with these cells.
        cells: what to do.
        only_fold: number of the one fold to do; all by default.
        keep: whether to keep classifiers; as configured by default.
    """
    keep = study.config.study.keep_classifiers if keep is None else keep
    _, classes = by_kind(cells)
    _ask_thumbnails(study, classes, only_fold)
    asked = study.questions(cells, only_fold)
    # Fold by fold, so that a generator and its frames are needed for one stretch only.
    asked.sort(key=lambda q: (q.key.protocol, q.fold.number, q.key, q.seed))
    trainings = [
        list(questions)
        for _, questions in itertools.groupby(asked, lambda q: (q.fold.number, q.key, q.seed))
    ]
    for protocol in sorted({cell.protocol for cell in cells}):
        for fold in study.folds_of(protocol, only_fold):
            for questions in trainings:
                if questions[0].fold is fold:
                    _train_and_ask(study, questions, keep=keep)
            manipulation.measure(study.run.manipulation, study.inputs, fold, classes)


def _train_and_ask(study: Study, questions: Sequence[Question], *, keep: bool) -> None:
    key, fold, seed, _, _ = questions[0]
    title = f"{key.name} fold {fold.number} seed {seed}"
    model = study.learners(key).network(key, fold, seed, title, keep=keep)
    for question in questions:
        if key.segments:
            segmenting.answer(study, model, question)
        else:
            _answer(study, model, question)


def _ask_thumbnails(study: Study, cells: Sequence[Cell], only_fold: int | None) -> None:
    """Answer cells without enhancement by the method that needs no network, too."""
    plain = [cell for cell in cells if cell.sr == NONE]
    file, thumbnails = study.run.thumbnails, study.inputs_of(Shape(thumbnail.SIZE))
    for question in study.unanswered(predictions.read(file), plain, only_fold, seeds=1):
        fold, cell = question.fold, question.cell
        learned, asked = fold.train[cell.train], question.frames
        answers = thumbnail.probabilities(
            thumbnails.of(learned, fold, NONE, NONE),
            getattr(study.frames, cell.task)[learned],
            thumbnails.of(asked, fold, NONE, NONE),
        )
        predictions.append(file, _rows(study, question, answers))


def _answer(study: Study, model: ResNet18, question: Question) -> None:
    cell = question.cell
    enhanced = cell.sr_on in ("test", "both")
    sr, mode = (cell.sr, cell.mode) if enhanced else (NONE, NONE)
    seen = study.inputs.of(question.frames, question.fold, sr, mode)
    answers = probabilities(model, seen, study.mesh)[:, 0]
    predictions.append(study.run.predictions, _rows(study, question, answers))


def _rows(study: Study, question: Question, answers: np.ndarray) -> Iterator[dict[str, object]]:
    labels = getattr(study.frames, question.cell.task)
    for i, answer in zip(question.frames, answers, strict=True):
        yield {
            **question.about(study.frames, i),
            "probability": answer,
            "label": labels[i],
        }
