"""The study: every method on every frame, before and after enhancement, and what depends on it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.data import camus
from echojax.data.frames import UNLABELLED, Frames
from echojax.data.source import evenly
from echojax.inference.classify import Shape, inputs
from echojax.inference.sector import sector
from echojax.progress import bar
from echojax.recipes import thumbnail
from echojax.runs import frame_facts
from echojax.runs.job import Job, Record
from echojax.runs.run import Request, Run
from echojax.studies.grading import (
    agreement,
    apart,
    changes,
    grades,
    labels,
    masks,
    methods,
    networks,
    observers,
)
from echojax.studies.grading.config import Config
from echojax.studies.grading.enhancements import Enhancements
from echojax.studies.grading.grades import Key, Source
from echojax.studies.grading.methods import Said, Shown
from echojax.studies.grading.networks import Trained
from echojax.training.pace import twice
from echojax.training.planned import Planned
from echojax.vocabulary import NONE, PHASES, QUALITIES, VIEWS
from echojax.vocabulary import UNLABELLED as NO_QUALITY

Done = tuple[str, ...]  # a frame and where its score comes from
_TIMED = 4  # frames of each way, to say how long all take
_CHUNK = 64  # frames between which what was found is written


class Way(NamedTuple):
    """What is done to every frame before it is graded."""

    enhancement: str = NONE
    mode: str = NONE


@dataclass
class Study:
    """A grading study that was asked for: measures what is missing, keeps what the run has.

    Attributes:
        request: the run and the configuration.
        frames: the frames it is about, with square pixels.
        networks: methods that come from files, by name.
    """

    request: Request[Config]
    frames: Frames
    networks: Mapping[str, Trained] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request[Config]) -> Study:
        """The study of a request, on the frames that its configuration names.

        Raises:
            InputError: nothing is prepared, no frame is of the views, or a file that a setting
                names is not there or holds something else.
        """
        frames = camus.open_frames(request.config.data)
        return cls(request, frames, networks.of(request.config.grading, frames))

    @property
    def run(self) -> Run:
        """The run directory."""
        return self.request.run

    @property
    def file(self) -> Path:
        """`grades.csv` of the run."""
        return self.run.path / grades.NAME

    @cached_property
    def enhancements(self) -> Enhancements:
        """What frames can be enhanced by."""
        return Enhancements(self.request.config.grading, self.frames)

    @cached_property
    def keys(self) -> list[Key]:
        """The frames as tables name them."""
        of = self.frames
        quality = [NO_QUALITY if q == UNLABELLED else QUALITIES[q] for q in of.quality]
        named = zip(of.ids, of.group, of.view, of.phase, quality, strict=True)
        return [Key(i, str(g), VIEWS[v], PHASES[p], q) for i, g, v, p, q in named]

    def kinds(self) -> list[str]:
        """Kinds of masks that the study has, the absence of any first."""
        found = [masks.NO_MASK]
        if any(mask is not None for mask in self.frames.masks):
            found.append(masks.EXPERT)
        return [*found, masks.AUTOMATIC] if self.request.config.grading.segmenter else found

    def ways(self) -> list[Way]:
        """Everything that is done to frames, nothing first."""
        return [Way(), *(Way(*asked) for asked in self.enhancements.asked())]

    def begin(self) -> None:
        """Make or enter the run directory.

        Raises:
            InputError: a file is missing or cannot be understood, or what the run has was made from
                other frames, settings or files.
        """
        config = self.request.config.grading
        observers.read_all(config.observers, self.frames.ids)
        if config.diagnosis:
            changes.read_accuracies(config.diagnosis)
        jobs = list(self._jobs())
        self.request.begin(jobs)
        for job in jobs:
            job.begin()
        frame_facts.write(self.run.path, self.frames)

    def measure(self) -> None:
        """Let every method see every frame that it has not seen yet, and write down what it says.

        Raises:
            InputError: a mask or a network cannot be read.
        """
        there = _done(self.file)
        for way in self.ways():
            missing = [i for i in range(len(self.frames)) if self._wanted(i, way, there)]
            if not missing:
                continue
            with bar(_told(way), len(missing)) as progress:
                for first in range(0, len(missing), _CHUNK):
                    chunk = missing[first : first + _CHUNK]
                    grades.add(self.file, self._made(chunk, way, there))
                    progress.advance(len(chunk))
        if not len(grades.read(self.file).of(method="thumbnail")):
            grades.add(self.file, list(self._thumbnails()))
        if "grades" in self.frames.table and not len(grades.read(self.file).of(method="truth")):
            grades.add(self.file, list(self._truth()))

    def plan(self) -> list[Planned]:
        """What is to be done, as long as a frame takes here; nothing is written."""
        there, planned = _done(self.file), []
        for way in self.ways():
            missing = [i for i in range(len(self.frames)) if self._wanted(i, way, there)]
            some = [missing[place] for place in evenly(len(missing), _TIMED)]
            if some:
                seconds = twice(partial(self._made, some, way, there)) / len(some) * len(missing)
                planned.append(Planned(_told(way), len(missing), 0, 0, seconds))
        return planned

    def _wanted(self, index: int, way: Way, there: Container[Done]) -> dict[str, list[str]]:
        """The methods that have not seen a frame yet, by kind of masks."""
        if way.enhancement != NONE and not self.enhancements.possible(index, way.enhancement):
            return {}
        frame, found = self.keys[index].frame, {}
        for kind in self.kinds():
            if kind != masks.NO_MASK and self.masks_of(kind)(index) is None:
                continue
            without = kind == masks.NO_MASK
            every = methods.WITHOUT_MASK if without else methods.WITH_MASK
            left = [
                name
                for name in every
                if (frame, kind, name, *way) not in there and self._possible(index, name)
            ]
            if left:
                found[kind] = left
        return found

    def _possible(self, index: int, method: str) -> bool:
        if method not in methods.NETWORKS:
            return True
        return method in self.networks and not self.networks[method].knows(index)

    def _made(self, some: Sequence[int], way: Way, there: Container[Done]) -> list[list[str]]:
        return [row for index in some for row in self._rows(index, way, there)]

    def _rows(self, index: int, way: Way, there: Container[Done]) -> list[list[str]]:
        """Rows of `grades.csv` of a frame.

        The sector is that of the frame before enhancement, so that pixels change and places do not.
        """
        image, spacing = self.frames.images[index], self.frames.spacing[index]
        inside, factor = sector(image), 1
        if way.enhancement != NONE:
            after = self.enhancements.image(index, *way)
            factor = len(after) // len(image)
            image, spacing, inside = after, spacing / factor, _enlarged(inside, factor)
        plain, rows = Shown(image, (float(spacing[0]), float(spacing[1])), inside), []
        for kind, wanted in self._wanted(index, way, there).items():
            mask = None if kind == masks.NO_MASK else self.masks_of(kind)(index)
            shown = plain if mask is None else plain.divided(_enlarged(mask, factor))
            found = dict(methods.pixels(shown, wanted))
            trained = [name for name in wanted if name in self.networks]
            found |= {name: self.networks[name].scores(index, shown) for name in trained}
            for name, scores in found.items():
                source = Source(kind, name, *way)
                rows.append(grades.row(self.keys[index], source, scores, shown.why))
        return rows

    def masks_of(self, kind: str) -> masks.Masks:
        """The masks of some kind, by frame."""
        if kind == masks.EXPERT:
            return masks.expert(self.frames)
        return self._automatic

    @cached_property
    def _automatic(self) -> masks.Masks:
        return masks.automatic(self.request.config.grading.segmenter, self.frames)

    def _jobs(self) -> Iterator[Job]:
        """What the rows of the run are made from, a job for each file that may be added later."""
        config = self.request.config.grading
        settings = {
            "data.views": self.request.config.data.views,
            "grading.parts": config.parts,
            "grading.split_seed": config.split_seed,
        }
        record = Record(settings, {"the study's frames": self.frames.fingerprint()})
        yield self.run.job("grades", record)
        if config.segmenter:
            found = masks.digest(config.segmenter)
            yield self.run.job("masks/automatic", Record(files={"grading.segmenter": found}))
        for name, trained in self.networks.items():
            hashed = apart.hashes(trained.files, trained.key)
            yield self.run.job(f"methods/{name}", Record(files=hashed))
        for sr in dict.fromkeys(sr for sr, _ in self.enhancements.asked()):
            made = Record({"scale": config.scale}, files=self.enhancements.made_by(sr))
            yield self.run.job(f"enhanced/{sr}", made)

    def _thumbnails(self) -> Iterator[list[str]]:
        """Grades of a ridge regression of labels on 8 x 8 pixels, of persons it did not learn from.

        A view whose labels are all the same, or of fewer persons than parts, gets none.
        """
        config = self.request.config.grading
        for view in range(len(VIEWS)):
            chosen = np.flatnonzero((self.frames.view == view) & (self.frames.quality >= 0))
            frames = self.frames.take(chosen)
            if len(set(frames.group)) < config.parts or len(set(frames.quality)) < 2:
                continue
            fold = agreement.folds(frames.group, config.parts, config.split_seed)
            label = np.array([labels.LABELS[QUALITIES[q]] for q in frames.quality], float)
            seen = inputs(frames, Shape(thumbnail.SIZE))
            for part in range(config.parts):
                own = np.flatnonzero(fold == part)
                found = thumbnail.regression(seen[fold != part], label[fold != part], seen[own])
                for place, value in zip(own, found, strict=True):
                    scores = Said(float(value), methods.NOWHERE)
                    yield grades.row(self.keys[chosen[place]], _THUMBNAIL, scores)

    def _truth(self) -> Iterator[list[str]]:
        """Grades that the simulator knows of its frames."""
        for key, regions in zip(self.keys, self.frames.table["grades"], strict=True):
            if not np.isnan(regions).all():
                scores = Said(float(np.nanmean(regions)), regions)
                yield grades.row(key, _TRUTH, scores)


_THUMBNAIL = Source(masks.NO_MASK, "thumbnail")
_TRUTH = Source(masks.NO_MASK, methods.TRUTH)


def _done(file: Path) -> set[Done]:
    """Frames and sources that a table has."""
    found = grades.read(file)
    named = ("frame", *Source._fields)
    return set(zip(*(found[name].tolist() for name in named), strict=True))


def _told(way: Way) -> str:
    return "Grading frames" + ("" if way.enhancement == NONE else f" after {', '.join(way)}")


def _enlarged(picture: np.ndarray, factor: int) -> np.ndarray:
    return picture if factor == 1 else picture.repeat(factor, 0).repeat(factor, 1)
