"""One patient's view: what its random streams hold, and its frames with masks, upright."""

import copy
import dataclasses
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from echojax import devices
from echojax.errors import InputError
from echojax.simulate import acoustics, elements, motion
from echojax.simulate.anatomy import Heart, Section, draw_heart, draw_section
from echojax.simulate.programs import compiled
from echojax.simulate.quality import Appearance, draw_appearance
from echojax.simulate.scene import Scene, draw_scene
from echojax.simulate.sector import BEAMS, SAMPLES, Sector, draw_sector
from echojax.simulate.tissue import LABELS, tissues
from echojax.vocabulary import PHASES, VIEWS

# CAMUS's spacing, mm; frames are as large as their sector is at this spacing.
NATIVE_SPACING = 0.308
# Frames are rendered two at a time, points looked up so many at a time: one compiled program for
# every size and length, so that what a seed shows does not depend on what is asked for beside it.
TOGETHER = 2
POINTS = 2**15
# Experts' ED and ES lie a frame or two beside the extremes: standard deviation, in frames.
OFF = 1.5

# What the random streams of one seed are for; a stream's key is [seed, stream, ...].
QUALITY, PATIENT, VIEW, SPECKLE = range(4)


@dataclass(frozen=True)
class Patient:
    """What both views of a patient share; `frame_rate` in Hz, `age` in years."""

    heart: Heart
    sex: str
    age: int
    frame_rate: float


@dataclass(frozen=True)
class View:
    """All that is drawn for one view; its frames follow from it.

    Attributes:
        name: "2CH" or "4CH".
        quality: "Good", "Medium" or "Poor".
        section: the anatomy.
        scene: how bright it is.
        sector: what the probe sees.
        appearance: causes of the quality.
        length: of the recording from ED to ES, in frames; told, not shown.
        late: how many frames after ED the one lies that an expert called so; not a whole number.
        early: how many frames before ES the one called ES lies.
        speckle: seed of everything random in the echo.
    """

    name: str
    quality: str
    section: Section
    scene: Scene
    sector: Sector
    appearance: Appearance
    length: int
    late: float
    early: float
    speckle: int

    @cached_property
    def ejection_fraction(self) -> int:
        """Ejection fraction in percent, of the two frames that are shown as ED and ES."""
        return motion.ejection_fraction(self.section, self.activities(len(PHASES)))

    def activities(self, frames: int) -> NDArray[np.float32]:
        """How far `frames` (at least 2) frames from ED (near 0) to ES (near 1) have contracted."""
        ends = self.late / self.length, 1 - self.early / self.length
        return ((1 - np.cos(np.pi * np.linspace(*ends, frames))) / 2).astype(np.float32)

    def numbers(self) -> dict[str, object]:
        """What is worth knowing of it: mm, degrees, dB, percent."""
        section = self.section
        anatomy_numbers = {
            "ejection_fraction": self.ejection_fraction,
            "tilt": np.degrees(section.tilt),
            "lean": section.lean,
            "swing": np.degrees(section.swing),
            "apex": section.apex,
            "lv_length": section.length,
            "lv_radius": section.radius,
            "wall": section.wall,
            "apical_wall": section.apical,
            "la_height": section.la_height,
            "la_radius": section.la_radius,
            "mitral_opening": section.opening,
        }
        sector = {"depth": self.sector.depth, "half_angle": np.degrees(self.sector.half_angle)}
        return {
            "quality": self.quality,
            "causes": dataclasses.asdict(self.appearance),
            "scene": dataclasses.asdict(self.scene),
            "sector": sector,
            "anatomy": anatomy_numbers,
            "activity": self.activities(len(PHASES)),
        }


@dataclass(frozen=True)
class Raster:
    """Square pixels over a sector, and where those inside it lie in beam space.

    Attributes:
        rows: of a frame.
        columns: of a frame.
        spacing: of its pixels, mm.
        inside: flat indices of the pixels inside the sector, (n,).
        neighbours: flat indices of the four places in beam space around each of them, (4, n).
        weights: of these for bilinear interpolation, (4, n).
    """

    rows: int
    columns: int
    spacing: float
    inside: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    weights: NDArray[np.float32]


class Elements(NamedTuple):
    """What the elements tell of frames, (n, rows, columns) each, 0 outside the sector.

    Attributes:
        coherence: 255 times the square root of the coherence factor, uint8.
        echo: power of tissue's and blood's echo, relative, float32.
        stray: power of haze, clutter and noise beside it, float32.
    """

    coherence: NDArray[np.uint8]
    echo: NDArray[np.float32]
    stray: NDArray[np.float32]


@dataclass(frozen=True)
class Frames:
    """Frames of a view, upright: gray levels and labels, uint8 (n, rows, columns); spacing in mm.

    Gray levels are 0-255; labels 0 background, 1 LV cavity, 2 LV myocardium, 3 left atrium. Both
    are 0 outside the sector, `inside` (rows, columns). `elements` is there where echo was received
    element by element.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    spacing: float
    inside: NDArray[np.bool_]
    elements: Elements | None = None


def draw_patient(seed: int, number: int) -> Patient:
    """Draw what both views of patient `number` of a seed share."""
    rng = np.random.default_rng([seed, PATIENT, number])
    return Patient(
        heart=draw_heart(rng),
        sex=str(rng.choice(["F", "M"])),
        age=round(np.clip(rng.normal(65, 14), 20, 90)),
        frame_rate=round(rng.normal(52, 4), 1),
    )


def draw_view(
    seed: int, number: int, name: str, quality: str, placed_as: str | None = None
) -> View:
    """Draw view `name` ("2CH" or "4CH") of patient `number` of a seed, in `quality`.

    Only what follows from the causes of the quality depends on `quality`: a chest wall pushes the
    heart down as a whole, and the sector's depth goes with it. Anatomy and speckle do not. With
    `placed_as`, heart and sector lie where the chest wall of that quality would put them, so that
    qualities differ by nothing but the causes.
    """
    index = VIEWS.index(name)
    rng = np.random.default_rng([seed, VIEW, number, index])
    section = draw_section(rng, draw_patient(seed, number).heart, name)
    scene = draw_scene(rng, name)
    appearance = draw_appearance(copy.deepcopy(rng), quality)
    chest_wall = draw_appearance(rng, placed_as or quality).chest_wall
    pushed = section.apex + np.array([0, chest_wall], np.float32)
    section = dataclasses.replace(section, apex=pushed)
    speckle = np.random.default_rng([seed, SPECKLE, number, index])
    sector = draw_sector(rng, section)
    length = int(rng.integers(14, 25))
    late, early = np.abs(rng.normal(0, OFF, 2))
    return View(
        name=name,
        quality=quality,
        section=section,
        scene=scene,
        sector=sector,
        appearance=appearance,
        length=length,
        late=float(late),
        early=float(early),
        speckle=int(speckle.integers(2**32)),
    )


def draw_frames(
    view: View, size: int | None = None, frames: int = 2, *, coherence: bool = False
) -> Frames:
    """Frames of a view from ED to ES; ED and ES are the same however many lie between.

    Args:
        view: what to show.
        size: rows of a frame over the sector's depth; None for CAMUS's 0.308 mm a pixel.
        frames: how many, evenly in time, at least 2.
        coherence: receive element by element, which gives other pixels.

    Arithmetic is done on the CPU even where there is an accelerator: on one, sums are rounded
    differently, and a seed would not fix every pixel.

    Raises:
        InputError: too few frames, or JAX was told not to use the CPU.
    """
    if frames < 2:
        raise InputError(f"frames: {frames} is too few; ask for at least 2, ED and ES")
    raster = raster_of(view.sector, size)
    pixels = raster.rows * raster.columns
    pictures = np.zeros((2, frames, pixels), np.uint8)
    heard = np.zeros((len(Elements._fields) * coherence, frames, pixels), np.float32)
    contracted = view.activities(frames)
    # Both ends first: they make a pair whatever lies between.
    order = np.array([0, frames - 1, *range(1, frames - 1)])
    with jax.default_device(devices.cpu()):
        # Of one type throughout, so that nothing is compiled twice.
        drawn = (view.section, view.scene, view.appearance, view.sector)
        section, scene, appearance, sector = jax.tree.map(np.float32, drawn)
        for first in range(0, frames, TOGETHER):
            place = order[first : first + TOGETHER]
            padded = np.resize(contracted[place], TOGETHER)
            drawing = section, scene, appearance, sector, view.speckle, padded
            more: tuple[jax.Array, ...] = ()
            if coherence:
                gray, *more_of, start = elements.render(*drawing)
                more = tuple(more_of)
            else:
                gray, start = acoustics.render(*drawing)
            found, beside = _look_up(section, gray, start, more, raster)
            pictures[:, place[:, None], raster.inside] = found[:, : len(place)]
            heard[:, place[:, None], raster.inside] = beside[:, : len(place)]
    shape = frames, raster.rows, raster.columns
    images, masks = pictures.reshape(2, *shape)
    inside = np.zeros(pixels, bool)
    inside[raster.inside] = True
    of_elements = None
    if coherence:
        factor, echo, stray = heard.reshape(-1, *shape)
        of_elements = Elements(np.round(255 * factor).astype(np.uint8), echo, stray)
    return Frames(images, masks, raster.spacing, inside.reshape(shape[1:]), of_elements)


def raster_of(sector: Sector, size: int | None) -> Raster:
    """The pixels of a frame: `size` rows over the sector's depth, or 0.308 mm each."""
    spacing = NATIVE_SPACING if size is None else sector.depth / size
    rows = round(sector.depth / NATIVE_SPACING) if size is None else size
    return _raster(sector.depth, sector.half_angle, spacing, rows)


@lru_cache(maxsize=4)
def _raster(depth: float, half_angle: float, spacing: float, rows: int) -> Raster:
    columns = 2 * round(depth * np.sin(half_angle) / spacing)
    z = (np.arange(rows) + 0.5)[:, None] * spacing
    x = (np.arange(columns) + 0.5 - columns / 2)[None, :] * spacing
    radius, angle = np.hypot(x, z), np.arctan2(x, z)
    inside = np.nonzero(((radius <= depth) & (np.abs(angle) <= half_angle)).ravel())[0]
    sample = np.clip(radius.ravel()[inside] * (SAMPLES / depth) - 0.5, 0, SAMPLES - 1)
    beam = (angle.ravel()[inside] / half_angle + 1) * ((BEAMS - 1) / 2)
    top = np.minimum(sample.astype(np.int32), SAMPLES - 2)
    left = np.minimum(beam.astype(np.int32), BEAMS - 2)
    down, right = sample - top, beam - left
    first = top * BEAMS + left
    return Raster(
        rows=rows,
        columns=columns,
        spacing=spacing,
        inside=inside.astype(np.int32),
        neighbours=np.stack([first, first + 1, first + BEAMS, first + BEAMS + 1]),
        weights=np.stack(
            [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        ).astype(np.float32),
    )


def _look_up(
    section: Section,
    gray: jax.Array,
    start: jax.Array,
    more: tuple[jax.Array, ...],
    raster: Raster,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Gray levels and labels of the pixels inside the sector, (2, frames, n), and maps of more."""
    maps = [np.asarray(each)[:, None] for each in (gray, *more)]
    stacked = np.concatenate([*maps, np.asarray(start)], 1)
    n, kinds = stacked.shape[:2]
    # Rows of one table, so that all that lies in one place is fetched at once.
    table = stacked.transpose(2, 3, 0, 1).reshape(-1, kinds * n)
    values = np.zeros((len(raster.inside), kinds * n), np.float32)
    for neighbour, weight in zip(raster.neighbours, raster.weights, strict=True):
        values += table.take(neighbour, axis=0) * weight[:, None]
    levels, *beside, x, z = values.reshape(-1, n, kinds).transpose(2, 1, 0).reshape(kinds, -1)
    labels = np.empty(len(x), np.uint8)
    for first in range(0, len(x), POINTS):
        part = slice(first, first + POINTS)
        tissue = _tissues(section, np.resize(x[part], POINTS), np.resize(z[part], POINTS))
        labels[part] = LABELS[np.asarray(tissue)][: len(x) - first]
    found = np.stack([np.round(levels).astype(np.uint8), labels]).reshape(2, n, -1)
    return found, np.array(beside, np.float32).reshape(len(more), n, len(raster.inside))


_tissues = compiled(tissues)
