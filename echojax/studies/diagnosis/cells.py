"""The cells of the study's matrix: what one is, their reading order, which ones are asked for."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field, model_validator

from echojax.config import FREE, Section
from echojax.errors import InputError
from echojax.vocabulary import (
    ALL_MODES,
    ENHANCEMENTS,
    MODES,
    NONE,
    PROTOCOLS,
    QUALITIES,
    SIDES,
    TASKS,
    USES,
    Draw,
    Enhancement,
    Mode,
    Outcome,
    Protocol,
    Quality,
    Resampling,
    Side,
    Task,
)

Names = TypeVar("Names", bound=tuple[str, ...])

SEGMENTATION = "segmentation"  # instead of a task, in cells whose answers are masks


class Cell(NamedTuple):
    """One cell of the study's matrix: what was trained, tested and enhanced, and how.

    Its fields are columns of `predictions.csv` and of the tables.
    """

    protocol: str
    task: str
    train: str
    test: str
    sr: str
    mode: str
    sr_on: str

    def baseline(self) -> "Cell":
        """The same cell without any enhancement."""
        return self._replace(sr=NONE, mode=NONE, sr_on=NONE)


_WORDS: dict[str, tuple[str, ...]] = {
    "protocol": PROTOCOLS,
    "task": TASKS,
    "train": QUALITIES,
    "test": QUALITIES,
    "sr": ENHANCEMENTS,
    "mode": (NONE, *ALL_MODES),
    "sr_on": (NONE, *SIDES),
}


def in_order(names: Iterable[str], column: str) -> list[str]:
    """Distinct names of a cell's field in reading order, unknown ones last, by the alphabet."""
    return sorted(set(names), key=lambda name: _place(column, name))


def ordered(keys: Iterable[Names], *columns: str) -> list[Names]:
    """Distinct tuples of names, one name for each of the fields of a cell, in reading order."""
    return sorted(
        set(keys),
        key=lambda key: [_place(column, name) for column, name in zip(columns, key, strict=True)],
    )


def _place(column: str, name: str) -> tuple[int, str]:
    return (*_WORDS[column], name).index(name), name


class StudyConfig(Section):
    """What is compared, and how frames are split."""

    protocols: Annotated[tuple[Protocol, ...], FREE] = Field(("patient",), min_length=1)
    tasks: Annotated[tuple[Task, ...], FREE] = Field(TASKS, min_length=1)
    train: Annotated[tuple[Quality, ...], FREE] = Field(QUALITIES, min_length=1)
    test: Annotated[tuple[Quality, ...], FREE] = Field(QUALITIES, min_length=1)
    outcomes: Annotated[tuple[Outcome, ...], FREE] = Field(
        ("accuracy",),
        min_length=1,
        description='"accuracy" of classifiers; "dice" of masks, which trains segmenters for the '
        'same strata, too; "ef" measures these masks of whole patients as well',
    )
    sr: Annotated[tuple[Enhancement, ...], FREE] = Field(
        ("none", "bicubic", "srresnet"), min_length=1
    )
    modes: Annotated[tuple[Resampling, ...], FREE] = Field(
        MODES,
        min_length=1,
        description="of what resamples; upscale: the frame made larger; restore: reduced first, "
        "and brought back",
    )
    sr_on: Annotated[tuple[Side, ...], FREE] = Field(
        SIDES, min_length=1, description="sides that networks and bicubic enhance"
    )
    controls_on: Annotated[tuple[Side, ...], FREE] = Field(
        ("test",), min_length=1, description="sides that lanczos, blur and filters enhance"
    )
    restorer: Annotated[str, FREE] = Field(
        "", description="the file of `echojax train-restorer` that sr means by restorer"
    )
    enhance: Annotated[tuple[Quality, ...], FREE] = Field(
        ("poor",), min_length=1, description="strata that are enhanced"
    )
    parts: int = Field(
        5, ge=2, description="frames or patients are cut into; one tests, 1/5 = 20 %"
    )
    folds: Annotated[int, FREE] = Field(
        5, ge=1, description="how many of the parts get their turn as the test part"
    )
    seeds: Annotated[int, FREE] = Field(3, ge=1, description="trainings of every classifier")
    split_seed: int = Field(0, ge=0, description="of balancing and splitting")
    paper_draw: Draw = Field(
        "recordings",
        description='what protocol `paper` draws the strata from: "recordings" with both phases, '
        'or "frames" one by one; its text allows either',
    )
    keep_classifiers: Annotated[bool, FREE] = Field(
        True, description="keep the trained weights (45 MB each, 8 MB of a segmenter)"
    )
    note: Annotated[str, FREE] = Field("", description="shown on top of the report")

    @model_validator(mode="after")
    def _folds_exist(self) -> "StudyConfig":
        if self.folds > self.parts:
            raise ValueError(f"study.folds is {self.folds}, but there are {self.parts} study.parts")
        return self

    @property
    def segments(self) -> bool:
        """Whether masks are an outcome."""
        return "dice" in self.outcomes or "ef" in self.outcomes


def modes_of(study: StudyConfig, sr: str) -> tuple[Mode, ...]:
    """The modes of an enhancement that a study compares: of what resamples, those of its `modes`.

    What does not resample has one mode.
    """
    own = USES[sr].modes
    return tuple(mode for mode in own if mode in study.modes or mode not in MODES)


def _sides_of(study: StudyConfig, sr: str) -> tuple[Side, ...]:
    """The sides of an enhancement that a study compares."""
    use = USES[sr]
    if len(use.sides) == 1:  # no choice
        return use.sides
    return study.controls_on if use.control else study.sr_on


def all_cells(study: StudyConfig) -> list[Cell]:
    """Every cell of classifiers that a configuration asks for.

    A side is enhanced where its stratum is in `study.enhance`; "both" needs both sides to be. What
    degrades frames at training does so to every stratum.
    """
    return _cells(study, study.tasks) if "accuracy" in study.outcomes else []


def mask_cells(study: StudyConfig) -> list[Cell]:
    """Every cell of segmenters that a configuration asks for: the same ones, of no task."""
    return _cells(study, [SEGMENTATION]) if study.segments else []


def by_kind(cells: Iterable[Cell]) -> tuple[list[Cell], list[Cell]]:
    """Cells of segmenters, and cells of classifiers."""
    every = list(cells)
    masks = [cell for cell in every if cell.task == SEGMENTATION]
    return masks, [cell for cell in every if cell.task != SEGMENTATION]


def _cells(study: StudyConfig, tasks: Sequence[str]) -> list[Cell]:
    cells = []
    for protocol, task, train, test in itertools.product(
        study.protocols, tasks, study.train, study.test
    ):
        sides = {"train": [train], "test": [test], "both": [train, test]}
        for sr in study.sr:
            if sr == NONE:
                cells.append(Cell(protocol, task, train, test, NONE, NONE, NONE))
                continue
            cells += [
                Cell(protocol, task, train, test, sr, mode, on)
                for mode, on in itertools.product(modes_of(study, sr), _sides_of(study, sr))
                if sr == "degrade" or all(stratum in study.enhance for stratum in sides[on])
            ]
    return cells


def cells_of(
    study: StudyConfig, tasks: Sequence[str], train: str, test: str, sr: str, sr_on: str | None
) -> list[Cell]:
    """The cells of one combination, over protocols, tasks and modes.

    Args:
        study: gives protocols and modes.
        tasks: "view", "phase", or `SEGMENTATION`.
        train: stratum trained on.
        test: stratum tested on.
        sr: enhancement, or "none".
        sr_on: "train", "test", "both"; None for the only side that the enhancement has, or for
            those whose stratum is in `study.enhance`.

    Raises:
        InputError: the enhancement is not done to that side, or `sr_on` is None and neither side is
            to be enhanced.
    """
    if sr == NONE:
        return [Cell(p, t, train, test, NONE, NONE, NONE) for p in study.protocols for t in tasks]
    possible = USES[sr].sides
    if sr_on is not None and sr_on not in possible:
        raise InputError(
            f"{sr} is done to what trains a classifier, never to what tests it; pass --sr-on "
            f"{possible[0]}, or leave it out"
        )
    if sr_on is None and len(possible) == 1:
        sr_on = possible[0]
    if sr_on is None:
        sides = train in study.enhance, test in study.enhance
        if not any(sides):
            raise InputError(
                f"neither {train} nor {test} frames are in study.enhance = "
                f"{list(study.enhance)}; say which to enhance with --sr-on train, test or both"
            )
        sr_on = "both" if all(sides) else "train" if sides[0] else "test"
    return [
        Cell(protocol, task, train, test, sr, mode, sr_on)
        for protocol in study.protocols
        for task in tasks
        for mode in modes_of(study, sr)
    ]
