"""Segmenting files and folders: masks, what they measure, and pictures of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from echojax.assessment import drawing, masks
from echojax.assessment.masks import Segment
from echojax.assessment.measuring import Measured, Planes, Volumes, measure
from echojax.assessment.places import Job
from echojax.inference.seen import scale_of
from echojax.media import Recording, open_recording, stem
from echojax.media.folders import some
from echojax.progress import bar
from echojax.recordings import noting


class Segmented(NamedTuple):
    """What came of it.

    Attributes:
        measured: a row a frame.
        volumes: a row a person whose four frames were among the files.
        failures: what went wrong, a line each.
    """

    measured: Sequence[Measured]
    volumes: Sequence[Volumes]
    failures: Sequence[str]


@dataclass(frozen=True)
class Segmenting:
    """How recordings are segmented.

    Attributes:
        segment: makes the mask of a frame.
        description: what makes them, for formats that have a place for it.
        spacing: mm between rows and between columns, whatever files say; None to believe them.
        overlay: whether to draw masks over the frames.
    """

    segment: Segment
    description: str
    spacing: tuple[float, float] | None = None
    overlay: bool = False

    def run(self, jobs: Sequence[Job], remark: Callable[[str], None]) -> Segmented:
        """Segment recordings one after the other; a bad one does not stop the others."""
        measured: list[Measured] = []
        planes, failures, unscaled = Planes(), list[str](), []
        with bar("Segmenting files", len(jobs)) as progress:
            for job in jobs:
                with noting(job.source, failures):
                    recording = open_recording(job.source)
                    measured += self._segmented(recording, job, planes)
                    if not scale_of(recording, self.spacing).known:
                        unscaled.append(job.source)
                progress.advance()
        if unscaled:
            remark(
                f"No spacing of pixels is stated in {some(unscaled)}: measures are in pixels; "
                "--spacing ROWS,COLUMNS says it"
            )
        volumes = planes.volumes(failures)
        return Segmented(measured, volumes, failures)

    def _segmented(self, recording: Recording, job: Job, planes: Planes) -> list[Measured]:
        scale = scale_of(recording, self.spacing)
        rows: list[Measured] = []

        def made() -> Iterator[np.ndarray]:
            for _, mask in masks.segmented(recording, self.segment):
                rows.append(measure(str(job.source), len(rows) + 1, mask, scale))
                if recording.count == 1:
                    planes.add(job.source.with_name(stem(job.source)), mask, scale)
                yield mask

        recording.write_labels(job.mask, made(), self.description)
        if self.overlay:
            # From the file: masks of a long clip do not stay in memory.
            pairs = masks.given(recording, job.mask, lambda _: None)
            drawn = (drawing.of_mask(frame, mask, scale.spacing) for frame, mask in pairs)
            drawing.save(job.overlay(clip=recording.count != 1), drawn, recording)
        return rows
