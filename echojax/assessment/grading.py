"""Grading files and folders: a grade for every region of every frame, and pictures of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.assessment import drawing, masks
from echojax.assessment.masks import Segment
from echojax.assessment.places import Job
from echojax.inference.contrast import Rule
from echojax.inference.grade import Graded, grade, grade_as_arqee
from echojax.inference.regions import REGIONS, names
from echojax.inference.scorers import Scorer, contrasts
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
        low: end of its interval; nan if that is not known.
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


class ContrastRow(NamedTuple):
    """How a region of a frame stands out from the cavity; a row of contrasts.csv.

    Attributes:
        file: the recording.
        frame: its number, from 1.
        region: as in `Row`.
        rule: of the measures, "literature" or "arqee".
        inside: share of the region that lies in the sector.
        level: mean gray level of the region, matched.
        cr: contrast ratio.
        cnr: contrast-to-noise ratio.
        gcnr: generalised contrast-to-noise ratio.
    """

    file: str
    frame: int
    region: str
    rule: Rule
    inside: float
    level: float
    cr: float
    cnr: float
    gcnr: float


class Found(NamedTuple):
    """What came of it.

    Attributes:
        rows: one a region of every frame.
        contrasts: as many, if they were asked for.
        failures: what went wrong, a line each.
    """

    rows: list[Row]
    contrasts: list[ContrastRow]
    failures: list[str]


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
        rule: "arqee" for regions as the published program has them, in squares of 256 pixels; also
            of the contrasts.
        measures: whether contrasts are asked for.
    """

    scorer: Scorer
    method: str
    title: str
    mask: Callable[[Job], Path] | None = None
    segment: Segment | None = None
    view: View | None = None
    spacing: tuple[float, float] | None = None
    overlay: bool = True
    rule: Rule = "literature"
    measures: bool = False

    def run(self, jobs: Sequence[Job], remark: Callable[[str], None]) -> Found:
        """Grade recordings one after the other; a bad one does not stop the others."""
        rows: list[Row] = []
        contrasted: list[ContrastRow] = []
        failures: list[str] = []
        unscaled = []
        with bar("Grading files", len(jobs)) as progress:
            for job in jobs:
                with noting(job.source, failures):
                    recording = open_recording(job.source)
                    part = Found([], [], failures)
                    self._grade(recording, job, remark, part)
                    rows += part.rows
                    contrasted += part.contrasts
                    if not scale_of(recording, self.spacing).known:
                        unscaled.append(job.source)
                progress.advance()
        if unscaled:
            remark(
                f"No spacing of pixels is stated in {some(unscaled)}: square pixels and a depth of "
                f"{DEPTH:g} mm are assumed, which decide how large the discs at the annulus are; "
                "--spacing ROWS,COLUMNS says it"
            )
        return Found(rows, contrasted, failures)

    def _grade(
        self, recording: Recording, job: Job, remark: Callable[[str], None], found: Found
    ) -> None:
        scale = scale_of(recording, self.spacing)
        frames = self._frames(recording, job, remark)
        clip = recording.count != 1 and recording.family != "image"
        if self.rule == "arqee":
            every = grade_as_arqee(frames, scale.spacing, self.scorer)
        else:
            every = grade(frames, scale.spacing, self.scorer, clip=clip)

        def noted() -> Iterator[Graded]:
            for number, graded in enumerate(every, 1):
                found.rows.extend(self._rows(str(job.source), number, graded))
                if self.measures:
                    found.contrasts.extend(self._contrasts(str(job.source), number, graded))
                yield graded

        if self.overlay and (self.mask or self.segment):
            drawn = (drawing.of_grades(each, self.title) for each in noted())
            drawing.save(job.overlay(clip=recording.count != 1), drawn, recording)
        else:
            for _ in noted():
                pass

    def _frames(
        self, recording: Recording, job: Job, remark: Callable[[str], None]
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if self.mask is not None:
            yield from masks.given(recording, self.mask(job), remark)
        elif self.segment is not None:
            yield from masks.segmented(recording, self.segment)
        else:
            for frame in masks.ultrasound(recording):
                yield frame, None

    @property
    def _regions(self) -> tuple[str, ...]:
        return REGIONS if self.view is None else names(self.view)

    def _contrasts(self, file: str, number: int, graded: Graded) -> Iterator[ContrastRow]:
        seen = graded.seen
        shares = np.full(len(REGIONS), np.nan) if seen.regions is None else seen.regions.inside
        measured = contrasts(seen, self.rule)
        for region, inside, each in zip(self._regions, shares, measured, strict=True):
            yield ContrastRow(file, number, region, self.rule, float(inside), *each)

    def _rows(self, file: str, number: int, graded: Graded) -> Iterator[Row]:
        for region, *scores, reason in zip(
            self._regions, *graded.scores, graded.reasons, strict=True
        ):
            value, low, high = map(float, scores)
            word = grade_word(value)
            yield Row(file, number, region, self.method, value, low, high, word, reason)
