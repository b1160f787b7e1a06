"""The training of a grader on prepared frames: who is learned from, kept back and held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from echojax import devices
from echojax.config import Configuration
from echojax.data import camus, frame_hash
from echojax.data.frames import Frames
from echojax.data.persons import split_patients
from echojax.errors import InputError
from echojax.recipes import grader_start, pooled_head, regional_quality
from echojax.recipes.learned_from import NO_FRAMES, learned_by
from echojax.recipes.regional_quality import Graded, RegionalQualityConfig
from echojax.runs.job import Job
from echojax.runs.run import Request
from echojax.training.loop import Training
from echojax.training.single import Single
from echojax.weights.model_card import LEARNED_FROM
from echojax.wording import count


class Config(Configuration):
    """Everything that a grader depends on."""

    regional_quality: RegionalQualityConfig = RegionalQualityConfig()


class Parts(NamedTuple):
    """Datasets in three parts of different persons."""

    learned: Sequence[Frames]
    inner: Sequence[Frames]
    held_out: Sequence[Frames]


@dataclass(frozen=True)
class GraderTraining(Single):
    """A training that was asked for and is possible; nothing on disk has changed yet."""

    request: Request[Config]
    job: Job
    parts: Parts
    earlier: np.ndarray  # hashes of frames that it starts from a network of
    mesh: Mesh
    title = "training the grader"

    @classmethod
    def of(cls, request: Request[Config]) -> "GraderTraining":
        """The training that a configuration asks for.

        Raises:
            InputError: nothing is prepared, no frame has a grade, persons are too few, datasets
                share frames, or a setting does not fit.
        """
        config, data = request.config.regional_quality, request.config.data
        devices.start()
        mesh = devices.data_mesh()
        regional_quality.check(config, mesh)
        datasets = [camus.open_frames(data)]
        if config.also:
            other = data.model_copy(update={"dir": Path(config.also)})
            datasets.append(camus.open_frames(other))
            _check_apart(datasets[0], datasets[1], config.also)
        graded = [frames.take(_graded(frames)) for frames in datasets]
        if not sum(map(len, graded)):
            raise InputError(
                f"{data.dir}: none of its frames has a grade; frames of `echojax simulate "
                "--coherence` have grades of regions, those of CAMUS some of views"
            )
        start = grader_start.init_file(config.init)
        earlier = NO_FRAMES if start is None else learned_by(start)
        parts = split(graded, config, earlier)
        fingerprint = "-".join(f.fingerprint() for f in (*parts.learned, *parts.inner))
        job = request.run.job("grader", regional_quality.record(config, fingerprint))
        return cls(request, job, parts, earlier, mesh)

    def training(self) -> Training[Any]:
        """The training."""
        config = self.request.config.regional_quality
        card = _card(self.parts, self.earlier)
        if config.network == "pooled":
            return pooled_head.training(config, *self.parts, card=card)
        learned, inner, held_out = (
            Graded.joined([Graded.of(frames, config.size) for frames in part])
            for part in self.parts
        )
        return regional_quality.training(config, learned, inner, held_out, card=card)


def _graded(frames: Frames) -> np.ndarray:
    """Indices of the frames of which something is known."""
    by_view = np.isfinite(regional_quality.of_view(frames))
    return np.flatnonzero(by_view | np.isfinite(frames.grades).any(axis=1))


def split(
    datasets: Sequence[Frames], config: RegionalQualityConfig, earlier: np.ndarray = NO_FRAMES
) -> Parts:
    """Persons of every dataset in three parts.

    Args:
        datasets: graded frames.
        config: shares and seed.
        earlier: hashes of frames that the network has learned from already, as when it segments:
            their persons are neither held out nor kept back.

    Raises:
        InputError: they are too few.
    """
    parts = Parts([], [], [])
    for frames in datasets:
        if not len(frames):
            continue
        known = np.isin(frames.group, frames.group[frame_hash.seen(frames.hashes, earlier)])
        rest, held_out = _apart(frames.take(np.flatnonzero(~known)), config.held_out, config.seed)
        learned, inner = _apart(rest, config.inner, config.seed + 1)
        own = (learned, inner, held_out)
        for part, each in zip(parts, own, strict=True):
            part.append(each)  # type: ignore[attr-defined]
        if known.any():
            parts.learned.append(frames.take(np.flatnonzero(known)))  # type: ignore[attr-defined]
    return parts


def _apart(frames: Frames, share: float, seed: int) -> tuple[Frames, Frames]:
    """All but about that share of the persons, and these, at least one."""
    persons = len(np.unique(frames.group))
    if persons < 2:
        raise InputError(
            "graded frames of too few persons: some are learned from, others set the intervals, "
            "others are held out; prepare those of three or more from whom "
            "regional_quality.init has not learned"
        )
    number = min(max(2, round(1 / share)), persons)
    chosen = split_patients(frames, number, seed) == 0
    return frames.take(np.flatnonzero(~chosen)), frames.take(np.flatnonzero(chosen))


def _check_apart(frames: Frames, other: Frames, folder: str) -> None:
    known = int(frame_hash.seen(other.hashes, frames.hashes).sum())
    if known:
        raise InputError(
            f"regional_quality.also = {folder}: {known} of its {count(len(other), 'frame')} are "
            "in data.dir, too; use other frames"
        )


def _card(parts: Parts, earlier: np.ndarray) -> dict[str, str]:
    seen = (*parts.learned, *parts.inner)
    frames = sum(map(len, seen))
    persons = sum(len(np.unique(each.group)) for each in seen)
    simulated = sum(int(each.simulated.sum()) for each in seen)
    return {
        "title": "Image quality of the left ventricle's wall, region by region",
        "data": f"{count(frames, 'echo frame')} of {count(persons, 'person')}",
        **({"simulated frames": str(simulated)} if simulated else {}),
        LEARNED_FROM: frame_hash.to_text(
            np.concatenate([*(each.hashes for each in seen), earlier])
        ),
        "licence": "that of the data it learned from",
    }
