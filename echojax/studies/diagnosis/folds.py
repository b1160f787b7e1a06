"""Which frames train and which test: balanced strata, and the protocols `paper` and `patient`.

`paper`    as far as the study's text and numbers tell: frames are split at random, so the two
           phases of a recording may fall on both sides; a classifier is tested on the held-out
           part of its own stratum and on the whole of the others; the generator sees every good
           frame.
`patient`  patients are split, ids of one recording counting as one patient: whoever is in the
           test part trains neither a classifier nor a generator.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echojax.data.frames import Frames
from echojax.data.persons import split_patients
from echojax.errors import InputError
from echojax.studies.diagnosis.cells import Cell
from echojax.vocabulary import CLASSES, PHASES, QUALITIES, VIEWS, Draw


@dataclass(frozen=True)
class Fold:
    """One split of the balanced strata; all arrays are indices into the frames.

    Attributes:
        protocol: "paper" or "patient".
        number: of the fold, from 0.
        train: frames of each stratum to train a classifier on.
        held_out: frames of each stratum on the other side.
        others: frames of each stratum that test a classifier trained on another one.
        generator: number of the fold whose generator serves this one.
        tested: every frame, of any quality or none, of those on the other side.
        sr_train: frames to train a generator on.
        sr_held_out: frames that such a generator has never seen, of a quality it was trained on
            where the protocol keeps any back, else of the other qualities.
    """

    protocol: str
    number: int
    train: dict[str, np.ndarray]
    held_out: dict[str, np.ndarray]
    others: dict[str, np.ndarray]
    generator: int
    tested: np.ndarray
    sr_train: np.ndarray
    sr_held_out: np.ndarray

    def test(self, train: str, test: str) -> np.ndarray:
        """Frames that test, on stratum `test`, a classifier trained on stratum `train`."""
        return self.held_out[test] if train == test else self.others[test]


def balance(
    frames: Frames, seed: int, part: np.ndarray | None = None, draw: Draw = "recordings"
) -> dict[str, np.ndarray]:
    """Cut every stratum, per view, to as many recordings as the smallest has (CAMUS: the poor).

    A recording is a patient's view with both its phases. Drawing recordings, not frames, shows
    every classifier as many hearts; the smallest stratum, whole, has both phases of each anyway.
    The paper's text allows frames drawn one by one as well, per view and phase: then the other
    phase of a drawn frame is often in no stratum.

    Args:
        frames: all frames.
        seed: of the draw.
        part: of every frame, if patients are in parts already; each part gives its share.
        draw: what is drawn, "recordings" or "frames".

    Returns:
        Indices of the frames of each stratum that occurs, in order.
    """
    chosen: dict[str, list[np.ndarray]] = {
        stratum: [] for stratum in QUALITIES if len(frames.where(qualities=[stratum]))
    }
    rng = np.random.default_rng(seed)
    phases = [(phase,) for phase in PHASES] if draw == "frames" else [PHASES]
    for view, shown in itertools.product(VIEWS, phases):
        drawn = {}
        for stratum in chosen:
            there = _recordings(frames, view, stratum, shown)
            shuffled = [there[k] for k in rng.permutation(len(there))]
            drawn[stratum] = shuffled if part is None else _in_turn(shuffled, part)
        smallest = min((len(recordings) for recordings in drawn.values()), default=0)
        for stratum, recordings in drawn.items():
            chosen[stratum] += recordings[:smallest]
    return {s: np.sort(np.concatenate([*r, np.empty(0, np.intp)])) for s, r in chosen.items()}


def _in_turn(recordings: list[np.ndarray], part: np.ndarray) -> list[np.ndarray]:
    """Recordings reordered so that one of each part follows one of each part."""
    taken: dict[int, int] = {}
    turns = []
    for recording in recordings:
        own = int(part[recording[0]])
        turns.append((taken.get(own, 0), own))
        taken[own] = turns[-1][0] + 1
    order = sorted(range(len(recordings)), key=lambda k: turns[k])
    return [recordings[k] for k in order]


def _recordings(frames: Frames, view: str, stratum: str, phases: Sequence[str]) -> list[np.ndarray]:
    """Frames, of the phases, of each recording of a view and quality that has all of these."""
    there = frames.where(views=[view], qualities=[stratum], phases=phases)
    of_patient = (there[frames.patient[there] == p] for p in np.unique(frames.patient[there]))
    return [indices for indices in of_patient if len(indices) == len(phases)]


def split_frames(frames: Frames, stratum: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """Part (0 to parts - 1) of every frame of a stratum, views and phases in equal shares."""
    rng = np.random.default_rng(seed)
    # Shuffled within view and phase, then dealt out like cards.
    order = np.lexsort((rng.random(len(stratum)), frames.phase[stratum], frames.view[stratum]))
    part = np.empty(len(stratum), int)
    part[order] = np.arange(len(stratum)) % parts
    return part


def make_folds(
    frames: Frames,
    *,
    protocol: str,
    sr_quality: Sequence[str],
    parts: int,
    folds: int,
    seed: int,
    draw: Draw = "recordings",
) -> list[Fold]:
    """Split the balanced strata.

    Args:
        frames: all frames.
        protocol: "paper" or "patient".
        sr_quality: qualities (or "unlabelled") of the frames that train a generator.
        parts: into how many parts to cut; each is the test part of one fold.
        folds: how many folds to make, at most `parts`.
        seed: of balancing and splitting.
        draw: what `paper` draws its strata from, "recordings" or "frames".
    """
    for_sr = frames.where(qualities=sr_quality)
    if protocol == "patient":
        part = split_patients(frames, parts, seed)
        balanced = balance(frames, seed, part)
    else:
        balanced = balance(frames, seed, draw=draw)
        part = np.full(len(frames), -1)
        for indices in balanced.values():
            part[indices] = split_frames(frames, indices, parts, seed)
    made = []
    for number in range(folds):
        held_out = {s: i[part[i] == number] for s, i in balanced.items()}
        if protocol == "patient":
            tested = np.flatnonzero(part == number)
            sr_train, sr_held_out = for_sr[part[for_sr] != number], for_sr[part[for_sr] == number]
        else:
            # Trained on one stratum, a classifier is tested on the whole of the others.
            tested = np.sort(np.concatenate([*balanced.values()]))
            sr_train, sr_held_out = for_sr, np.setdiff1d(np.arange(len(frames)), for_sr)
        made.append(
            Fold(
                protocol=protocol,
                number=number,
                train={s: i[part[i] != number] for s, i in balanced.items()},
                held_out=held_out,
                others=held_out if protocol == "patient" else balanced,
                # `paper` trains one generator, on the same frames whatever the fold.
                generator=number if protocol == "patient" else 0,
                tested=tested,
                sr_train=sr_train,
                sr_held_out=sr_held_out,
            )
        )
    return made


def check_classes(frames: Frames, task: str) -> None:
    """See that there are frames of both classes of a task.

    Raises:
        InputError: there are not.
    """
    classes = CLASSES[task]
    for k, name in enumerate(classes):
        if not np.any(getattr(frames, task) == k):
            raise InputError(
                f"task {task} tells {classes[0]} from {classes[1]} frames, and there are no "
                f"{name} frames; choose others with data.views, or another task"
            )


def check_fold(frames: Frames, fold: Fold, cell: Cell, parts: int) -> None:
    """See that a cell's task finds both its classes on both sides of a fold.

    Raises:
        InputError: the frames do not have both classes, or a stratum has too few to be split.
    """
    classes = CLASSES[cell.task]
    labels = getattr(frames, cell.task)
    check_classes(frames, cell.task)
    for stratum in (cell.train, cell.test):
        if stratum not in fold.train:
            raise InputError(f"there are no {stratum} frames; see `echojax inspect`")
    sides = (
        ("train on", fold.train[cell.train], cell.train),
        ("test on", fold.test(cell.train, cell.test), cell.test),
    )
    for side, indices, stratum in sides:
        counts = [int(np.sum(labels[indices] == k)) for k in range(len(classes))]
        if 0 in counts:
            seen = " and ".join(f"{n} {name}" for n, name in zip(counts, classes, strict=True))
            raise InputError(
                f"stratum {stratum}, task {cell.task}, protocol {fold.protocol}: fold "
                f"{fold.number} would {side} {seen} frames; too few for a split into {parts} "
                f"parts. All strata are as small as the smallest, {_smallest(frames)}; see "
                "`echojax inspect`, and choose other data.views, study.tasks or study.parts"
            )


def _smallest(frames: Frames) -> str:
    numbers = {s: len(frames.where(qualities=[s])) for s in QUALITIES}
    return min((s for s in QUALITIES if numbers[s]), key=lambda s: numbers[s])
