"""Hearts of known quality: a wall that stands out from its cavity as much as its patient allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from echojax.data.frames import Frames
from echojax.inference.measures import LV, MYOCARDIUM
from echojax.inference.regions import REGIONS
from echojax.report import figures
from echojax.studies.grading import agreement
from echojax.studies.grading.grades import Grades, Source
from echojax.vocabulary import QUALITIES
from tests.inference.test_measures import heart

SPACING = (1.0, 1.0)
PATIENTS = 18
LEVELS = {"good": 170, "medium": 130, "poor": 100}  # of a wall; the cavity's is 70


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report's SVG and PDF, and most draws of its intervals, take most of its time."""
    monkeypatch.setattr(figures, "BESIDE", {})
    monkeypatch.setattr(agreement, "DRAWS", 40)


def picture(mask: np.ndarray, level: float, seed: int) -> np.ndarray:
    """A frame of a mask: speckle around a level of the wall, and of everything else."""
    rng = np.random.default_rng(seed)
    mean = np.where(mask == MYOCARDIUM, level, 70.0)
    mean[mask == 0] = 90
    return np.clip(rng.normal(mean, 25), 10, 255).astype(np.uint8)


def make_hearts(patients: int = PATIENTS, **columns: np.ndarray) -> Frames:
    """Two views and phases of patients, a third of each quality; ES is smaller than ED."""
    images, masks, quality = [], [], []
    for number in range(patients):
        word = QUALITIES[number % 3]
        for place in range(4):
            width = (40.0, 30.0)[place % 2] + number % 4
            mask = heart(width=width, spacing=SPACING).mask
            masks.append(mask)
            images.append(picture(mask, LEVELS[word], 4 * number + place))
            quality.append(QUALITIES.index(word))
    return Frames(
        images,
        masks,
        patient=np.repeat([f"patient{n:04d}" for n in range(patients)], 4),
        view=np.tile([0, 0, 1, 1], patients).astype(np.int8),
        phase=np.tile([0, 1, 0, 1], patients).astype(np.int8),
        quality=np.array(quality, np.int8),
        spacing=np.tile(np.array(SPACING, np.float32), (4 * patients, 1)),
        **columns,
    )


@pytest.fixture(scope="session")
def hearts() -> Frames:
    return make_hearts()


@pytest.fixture(scope="session")
def invented() -> Callable[..., Grades]:
    """Scores of invented methods: a function of the frame's true grades (8,) for each source."""

    def make(
        truth: dict[str, np.ndarray],
        methods: dict[Source, Callable[[np.ndarray], np.ndarray]],
        quality: Callable[[np.ndarray], str] = lambda _: "unlabelled",
    ) -> Grades:
        rows = [
            (frame, source, np.asarray(of(grades), float), quality(grades))
            for source, of in methods.items()
            for frame, grades in truth.items()
        ]
        frame = np.array([row[0] for row in rows])
        columns = {
            "frame": frame,
            "patient": np.array([name.split("_")[0] for name in frame]),
            "view": np.full(len(rows), "2CH"),
            "phase": np.full(len(rows), "ED"),
            "quality": np.array([row[3] for row in rows]),
            "why": np.full(len(rows), ""),
        }
        for place, name in enumerate(Source._fields):
            columns[name] = np.array([row[1][place] for row in rows])
        regions = np.stack([row[2] for row in rows])
        return Grades(columns, regions.mean(axis=1), regions)

    return make


@pytest.fixture
def truth() -> dict[str, np.ndarray]:
    """Grades of the regions of 60 frames of 30 patients."""
    rng = np.random.default_rng(0)
    found = {}
    for patient in range(30):
        own = rng.uniform(1.5, 4.5)
        for phase in ("ED", "ES"):
            name = f"patient{patient:04d}_2CH_{phase}"
            found[name] = np.clip(own + rng.normal(size=len(REGIONS)), 1, 5)
    return found


def shifted(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask moved to the right."""
    return np.roll(mask, pixels, axis=1)


def wider(mask: np.ndarray) -> np.ndarray:
    """A mask whose cavity has grown by a pixel into the wall."""
    from scipy.ndimage import binary_dilation

    grown = binary_dilation(mask == LV) & (mask == MYOCARDIUM)
    return np.where(grown, LV, mask).astype(np.uint8)
