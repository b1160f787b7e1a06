"""Trainings of the segmentation network, and masks of frames whose persons a network never saw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from echojax import devices
from echojax.config import Configuration, DataConfig
from echojax.data import camus, frame_hash
from echojax.data.frames import Frames
from echojax.data.persons import split_patients
from echojax.errors import InputError
from echojax.files import written_whole
from echojax.inference.segment import Segmenter
from echojax.progress import Jobs
from echojax.recipes import segmentation, segmentation_scores
from echojax.recipes.segmentation import SegmentationConfig
from echojax.runs.job import Job
from echojax.runs.run import Request
from echojax.training import planned
from echojax.training.loop import Training, fit
from echojax.training.planned import Planned
from echojax.weights import networks
from echojax.weights.model_card import LEARNED_FROM
from echojax.wording import count


class Config(Configuration):
    """Everything that a run of segmentation depends on."""

    segmentation: SegmentationConfig = SegmentationConfig()


@dataclass(frozen=True)
class Part:
    """A training, and the frames of other persons that its network is measured on.

    Attributes:
        job: the training's.
        learned: datasets to learn from.
        measured: frames with masks.
    """

    job: Job
    learned: tuple[Frames, ...]
    measured: Frames

    @property
    def name(self) -> str:
        """In tables, and of its masks."""
        return Path(self.job.name).name


@dataclass(frozen=True)
class CrossSegmentation:
    """Trainings that were asked for and are possible; nothing on disk has changed yet."""

    request: Request[Config]
    parts: tuple[Part, ...]
    mesh: Mesh

    @classmethod
    def of(cls, request: Request[Config]) -> "CrossSegmentation":
        """The trainings that a configuration asks for.

        Raises:
            InputError: no frames with masks are prepared, frames to learn from are among those
                that are measured, or a setting does not fit.
        """
        config, data = request.config.segmentation, request.config.data
        devices.start()
        mesh = devices.data_mesh()
        segmentation.check(config, mesh)
        frames, also = _with_masks(data, "data.dir"), _also(config, data)
        parts = []
        for name, tested in _tested(frames, config):
            measured, rest = (frames.take(np.flatnonzero(chosen)) for chosen in (tested, ~tested))
            learned = {"data": [rest], "also": also, "both": [rest, *also]}[config.learn]
            _check_apart(learned, measured, config)
            job = request.run.job(name, segmentation.record(config, learned))
            parts.append(Part(job, tuple(learned), measured))
        return cls(request, tuple(parts), mesh)

    def planned(self) -> list[Planned]:
        """What is to be done, and what that takes; nothing is written."""
        missing = [part for part in self.parts if not part.job.done]
        if not missing:
            return []
        return [planned.trainings(len(missing), self._training(missing[0]), 1.0, self.mesh)]

    def _training(self, part: Part) -> Training[Any]:
        config = self.request.config.segmentation
        return segmentation.training(config, part.learned, part.measured, card=_card(part))

    def run(self) -> list[segmentation_scores.Row]:
        """Train what is missing, segment what is measured, and compare.

        The masks of a part lie in the run as masks/NAME.npz, each by its frame's id, and the
        comparison in segmentation.csv, after every part.

        Raises:
            InputError: the run was begun otherwise.
            EchojaxError: training diverged.
        """
        run = self.request.begin([part.job for part in self.parts])
        jobs = Jobs()
        jobs.planned.update("segmenter" for part in self.parts if not part.job.done)
        rows: list[segmentation_scores.Row] = []
        for part in self.parts:
            masks = self._masks(part, run.masks / f"{part.name}.npz", jobs)
            rows += segmentation_scores.rows(part.measured, masks, part.name)
            segmentation_scores.write(run.segmentation, rows)
        return rows

    def _masks(self, part: Part, path: Path, jobs: Jobs) -> list[np.ndarray]:
        """Masks of what a part measures, in its order; of the run if it has them."""
        if part.job.done and path.is_file():
            kept = read_masks(path)
            return [kept[name] for name in part.measured.ids]
        if part.job.done:
            model = networks.load(part.job.file)
        else:
            title = f"segmenter, {part.name}" if len(self.parts) > 1 else ""
            model = fit(self._training(part), part.job, self.mesh, title=title, jobs=jobs)
        segmenter = Segmenter(model, self.request.config.segmentation.size)
        masks = [found.mask for found in segmenter.clip(part.measured.images)]
        with written_whole(path) as aside, aside.open("wb") as file:
            named: dict[str, Any] = dict(zip(part.measured.ids, masks, strict=True))
            np.savez_compressed(file, **named)
        return masks


def read_masks(path: Path) -> dict[str, np.ndarray]:
    """Masks, uint8 (rows, columns), by the ids of their frames, as patient0001_2CH_ED.

    Args:
        path: a file of masks, or a run: then those of all its parts.
    """
    files = sorted((path / "masks").glob("*.npz")) if path.is_dir() else [path]
    found: dict[str, np.ndarray] = {}
    for file in files:
        with np.load(file) as kept:
            found |= dict(kept)
    return found


def _tested(frames: Frames, config: SegmentationConfig) -> Iterator[tuple[str, np.ndarray]]:
    """The name of each training, and which frames it is measured on, a mask (n,)."""
    if config.learn == "also":
        yield "segmenter", np.ones(len(frames), bool)
        return
    persons = len(np.unique(frames.group))
    number = config.folds or max(2, min(round(1 / config.held_out), persons))
    if persons < number:
        raise InputError(
            f"frames of {count(persons, 'person')} cannot be cut into {number} parts; prepare "
            "those of more, or lower segmentation.folds"
        )
    part = split_patients(frames, number, config.seed)
    if not config.folds:
        yield "segmenter", part == 0
        return
    for fold in range(number):
        yield f"segmenter/fold{fold}", part == fold


def _with_masks(data: DataConfig, key: str) -> Frames:
    """The frames that have a mask."""
    frames = camus.open_frames(data)
    known = [k for k, mask in enumerate(frames.masks) if mask is not None]
    if not known:
        raise InputError(f"{key} = {data.dir}: none of its frames has a mask to learn from")
    return frames.take(known)


def _also(config: SegmentationConfig, data: DataConfig) -> list[Frames]:
    if config.learn == "data":
        return []
    if not config.also:
        raise InputError(
            f'segmentation.learn = "{config.learn}": segmentation.also names no other frames; pass '
            "--set segmentation.also=DIR, where `echojax prepare camus --data-dir DIR` put some"
        )
    other = data.model_copy(update={"dir": Path(config.also)})
    return [_with_masks(other, "segmentation.also")]


def _check_apart(learned: Sequence[Frames], measured: Frames, config: SegmentationConfig) -> None:
    """See that nothing is measured that is learned from; other datasets have other ids."""
    for frames in learned:
        known = int(frame_hash.seen(measured.hashes, frames.hashes).sum())
        if known:
            raise InputError(
                f"segmentation.also = {config.also}: holds {known} of the "
                f"{count(len(measured), 'frame')} that would be measured; use other frames"
            )


def _card(part: Part) -> dict[str, str]:
    frames = sum(map(len, part.learned))
    persons = sum(len(np.unique(each.group)) for each in part.learned)
    simulated = sum(int(each.simulated.sum()) for each in part.learned)
    hashes = np.concatenate([each.hashes for each in part.learned])
    return {
        "title": "Segmentation of the left heart",
        "data": f"{count(frames, 'echo frame')} of {count(persons, 'person')}",
        **({"simulated frames": str(simulated)} if simulated else {}),
        LEARNED_FROM: frame_hash.to_text(hashes),
        "licence": "that of the data it learned from",
    }
