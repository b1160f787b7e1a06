"""Grading files and folders: a grade for every region of every frame, and pictures of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.assessment import drawing, masks
from echojax.assessment.masks import Segment
from echojax.assessment.places import Job
from echojax.inference.grade import Graded, Scorer, grade
from echojax.inference.regions import REGIONS, names
from echojax.inference.seen import DEPTH, scale_of
from echojax.media import Recording, open_recording
from echojax.media.folders import some
from echojax.progress import bar
from echojax.recordings import noting
from echojax.vocabulary import View, grade_word


class Row(NamedTuple):
    """The grade of a region of a frame; a row of grades.csv.

    Attributes:
        file: the recording.
        frame: its number, from 1.
        region: by anatomy where the view is known, as "basal septal", else "basal left".
        method: how it was graded.
        grade: in [1, 5]; nan if there is none.
        low: end of its 95 % interval; nan if that is not known.
        high: the other end.
        word: of the grade, or "not assessable".
        reason: why it has none.
    """

    file: str
    frame: int
    region: str
    method: str
    grade: float
    low: float
    high: float
    word: str
    reason: str


@dataclass(frozen=True)
class Grading:
    """How recordings are graded.

    Attributes:
        scorer: the method.
        method: its name, for tables.
        title: its name, for pictures.
        mask: the file of the masks of a recording; None if there are none.
        segment: makes masks where no file has them; None for none.
        view: of all recordings; None if it is not known.
        spacing: mm between rows and between columns, whatever files say; None to believe them.
        overlay: whether to draw grades over the frames.
    """

    scorer: Scorer
    method: str
    title: str
    mask: Callable[[Job], Path] | None = None
    segment: Segment | None = None
    view: View | None = None
    spacing: tuple[float, float] | None = None
    overlay: bool = True

    def run(
        self, jobs: Sequence[Job], remark: Callable[[str], None]
    ) -> tuple[list[Row], list[str]]:
        """Grade recordings one after the other; a bad one does not stop the others.

        Returns:
            A row a region of every frame, and what went wrong, a line each.
        """
        rows: list[Row] = []
        failures: list[str] = []
        unscaled = []
        with bar("Grading files", len(jobs)) as progress:
            for job in jobs:
                with noting(job.source, failures):
                    recording = open_recording(job.source)
                    rows += self._graded(recording, job, remark)
                    if not scale_of(recording, self.spacing).known:
                        unscaled.append(job.source)
                progress.advance()
        if unscaled:
            remark(
                f"No spacing of pixels is stated in {some(unscaled)}: square pixels and a depth of "
                f"{DEPTH:g} mm are assumed, which decide how large the discs at the annulus are; "
                "--spacing ROWS,COLUMNS says it"
            )
        return rows, failures

    def _graded(self, recording: Recording, job: Job, remark: Callable[[str], None]) -> list[Row]:
        scale = scale_of(recording, self.spacing)
        rows: list[Row] = []
        frames = self._frames(recording, job, remark, scale.spacing if scale.known else None)
        clip = recording.count != 1 and recording.family != "image"
        every = grade(frames, scale.spacing, self.scorer, clip=clip)

        def noted() -> Iterator[Graded]:
            for number, graded in enumerate(every, 1):
                rows.extend(self._rows(str(job.source), number, graded))
                yield graded

        if self.overlay and (self.mask or self.segment):
            drawn = (drawing.of_grades(each, scale.spacing, self.title) for each in noted())
            drawing.save(job.overlay(clip=recording.count != 1), drawn, recording)
        else:
            for _ in noted():
                pass
        return rows

    def _frames(
        self,
        recording: Recording,
        job: Job,
        remark: Callable[[str], None],
        spacing: tuple[float, float] | None,
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if self.mask is not None:
            yield from masks.given(recording, self.mask(job), remark)
        elif self.segment is not None:
            yield from masks.segmented(recording, self.segment, spacing)
        else:
            for frame in masks.ultrasound(recording):
                yield frame, None

    def _rows(self, file: str, number: int, graded: Graded) -> Iterator[Row]:
        regions = REGIONS if self.view is None else names(self.view)
        for region, *scores, reason in zip(regions, *graded.scores, graded.reasons, strict=True):
            value, low, high = map(float, scores)
            word = grade_word(value)
            yield Row(file, number, region, self.method, value, low, high, word, reason)
