"""Gray levels, speckle and geometry of frames, real or simulated.

    python benchmarks/frame_statistics.py DIR [DIR ...] [--quality Good] [--json OUT] [--limit N]

Each DIR is a folder in CAMUS's layout. Of every view, phase and quality it prints the median and
the quartiles over the frames. `--targets` sets good frames beside the calibration targets,
`--sheet` draws a few frames of every folder, those of the first DIR above those of the next, and
`--means` draws mean frames: where real and simulated hearts lie, and what differs between phases
and between views, in the one and in the other.

Masks that were resampled linearly and rounded have thin bands of label 1 between labels 0 and 2.
Of every mask only the largest connected part of label 1 after an opening by one pixel is kept.

Frames whose spacing is exactly 1 x 1 were resampled without regard to their aspect: they have no
millimetres, and statistics in them are left out ("-"). `--resample N` does the same to others: it
gives the pixels of `data/camus_224` to one gray level (linear, corner on corner, not antialiased,
then scaled from minimum and maximum to 0-255).

The standard deviation and the speckle cell are measured in windows of pixels: they compare frames
of like spacing, and their targets are of CAMUS's own 0.308 mm.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from echojax import text_table
from echojax.progress import bar
from echojax.simulate.preview import contact_sheet
from echojax.vocabulary import PHASES, VIEWS
from tfds_camus import CamusError, FrameFiles, scan
from tfds_camus.files import read_frame, read_info, read_mask

CAVITY, MYOCARDIUM, ATRIUM = 1, 2, 3
QUALITIES = ("Good", "Medium", "Poor", "unlabelled")

WINDOW = 5  # pixels: of the standard deviation, and of the closing that fills the sector
PATCH = 20  # pixels: side of a patch that the speckle cell is measured in
PATCH_INSIDE = 0.9  # part of such a patch that must be more than this in the myocardium
TILT_ROWS = 0.03  # part of the cavity's rows that is its top, and its bottom
SHEET_FRAMES = 6
MEAN_SIZE = 112  # pixels: side of a mean frame
MAGNIFIED = 3  # differences of mean frames, around middle gray

Spacing = tuple[float, float]
"""Millimetres between rows and between columns."""


class Statistic(NamedTuple):
    """What a number is called in tables, and how many decimals it is worth."""

    title: str
    decimals: int


STATISTICS = {
    "cavity": Statistic("LV cavity", 0),
    "myocardium": Statistic("myocardium", 0),
    "atrium": Statistic("left atrium", 0),
    "contrast": Statistic("myocardium minus cavity", 0),
    "deviation": Statistic("myocardium 5x5 standard deviation", 2),
    "sector_5": Statistic("sector 5 percentile", 0),
    "sector_50": Statistic("sector 50 percentile", 0),
    "sector_95": Statistic("sector 95 percentile", 0),
    "cavity_area": Statistic("LV cavity, % of the frame", 1),
    "myocardium_area": Statistic("myocardium, % of the frame", 1),
    "atrium_area": Statistic("left atrium, % of the frame", 1),
    "cavity_top": Statistic("top of the cavity, % of the rows", 1),
    "cavity_bottom": Statistic("bottom of the cavity, % of the rows", 1),
    "apex": Statistic("apex depth, mm", 1),
    "tilt": Statistic("axis tilt, degrees", 1),
    "cell_lateral": Statistic("speckle cell, lateral, mm", 2),
    "cell_axial": Statistic("speckle cell, axial, mm", 2),
}


@dataclass(frozen=True)
class Target:
    """What a median should be: near a value, inside quartiles around it, or in a range."""

    value: float | None = None
    bounds: tuple[float, float] | None = None

    def text(self, decimals: int) -> str:
        """As 56 [46-69], 9.96 or 2.10-2.50."""
        value = "" if self.value is None else f"{self.value:.{decimals}f}"
        if self.bounds is None:
            return value
        between = "-".join(f"{bound:.{decimals}f}" for bound in self.bounds)
        return f"{value} [{between}]" if value else between

    def verdict(self, median: float, decimals: int) -> str:
        """Whether a median is inside the quartiles; where there are none, how far off it is."""
        if np.isnan(median):
            return "-"
        if self.bounds is None:
            return _signed(median - (self.value or 0.0), decimals)
        low, high = self.bounds
        if self.value is not None:
            return "inside" if low <= median <= high else "outside"
        return _signed(median - min(max(median, low), high), decimals)


def _signed(difference: float, decimals: int) -> str:
    return f"{round(difference, decimals) + 0.0:+.{decimals}f}"  # + 0.0 leaves no -0


def _targets() -> dict[tuple[str, str], dict[str, Target]]:
    """Calibration targets of good frames, by view and phase."""
    groups = (("4CH", "ED"), ("4CH", "ES"), ("2CH", "ED"), ("2CH", "ES"))
    quartiles = {  # median, lower and upper quartile
        "cavity": ((56, 46, 69), (58, 47, 72), (58, 45, 71), (60, 47, 74)),
        "myocardium": ((97, 84, 112), (102, 89, 116), (102, 89, 117), (106, 91, 120)),
        "atrium": ((91, 70, 117), (60, 48, 78), (82, 65, 109), (61, 43, 79)),
        "contrast": ((40, 33, 47), (43, 36, 49), (44, 36, 53), (44, 38, 51)),
    }
    values = {
        "deviation": (9.96, 10.21, 9.36, 9.88),
        "sector_5": (39, 40, 40, 41),
        "sector_50": (83, 80, 85, 82),
        "sector_95": (184, 171, 182, 170),
        "apex": (27.4, 29.9, 24.6, 26.8),
        "tilt": (5.7, 3.9, 7.3, 6.2),
    }
    ranges = {"cell_lateral": (2.1, 2.5), "cell_axial": (1.7, 2.4)}  # of all groups
    return {
        group: {name: Target(row[k][0], row[k][1:]) for name, row in quartiles.items()}
        | {name: Target(value[k]) for name, value in values.items()}
        | {name: Target(bounds=bounds) for name, bounds in ranges.items()}
        for k, group in enumerate(groups)
    }


TARGETS = _targets()


class Group(NamedTuple):
    """Frames that are measured together."""

    folder: Path
    view: str
    phase: str
    quality: str


@dataclass(frozen=True)
class Summary:
    """Lower quartile, median and upper quartile of every statistic over the frames of a group."""

    group: Group
    frames: int
    quartiles: dict[str, tuple[float, float, float]]

    def as_json(self) -> dict[str, object]:
        """All of it for `json.dumps`; what could not be measured is None."""
        return {
            **self.group._asdict(),
            "folder": str(self.group.folder),
            "frames": self.frames,
            "quartiles": {
                name: None if np.isnan(values).any() else values
                for name, values in self.quartiles.items()
            },
        }


def cleaned(mask: np.ndarray) -> np.ndarray:
    """A mask without the parts of label 1 that are not the cavity, which become background."""
    parts, _ = ndimage.label(ndimage.binary_opening(mask == CAVITY))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    cavity = (parts == sizes.argmax()) & (parts > 0)
    return np.where((mask == CAVITY) & ~cavity, np.uint8(0), mask)


def resampled(image: np.ndarray, mask: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A frame of size x size pixels as in `data/camus_224`, but its mask by nearest neighbour."""
    factors = [size / n for n in image.shape]
    zoom = partial(ndimage.zoom, zoom=factors, mode="nearest")
    pixels = zoom(image.astype(np.float32), order=1)
    low, high = pixels.min(), pixels.max()
    scaled = (pixels - low) * (255 / max(high - low, 1e-6))
    return np.round(scaled).astype(np.uint8), zoom(mask, order=0)


def sector(image: np.ndarray) -> np.ndarray:
    """Where the frame shows echoes: pixels above 0, small gaps between them filled."""
    shown = image > 0
    return shown | ndimage.binary_closing(shown, np.ones((WINDOW, WINDOW)))


def local_deviation(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Standard deviations of all windows of 5x5 pixels that lie whole inside a region."""
    inside = sliding_window_view(region, (WINDOW, WINDOW)).all(axis=(2, 3))
    return sliding_window_view(image, (WINDOW, WINDOW))[inside].std(axis=(1, 2))


def cavity_rows(mask: np.ndarray) -> np.ndarray:
    """The rows that the LV cavity lies in, ascending."""
    return np.flatnonzero((mask == CAVITY).any(axis=1))


def extent(mask: np.ndarray) -> tuple[float, float]:
    """Where the cavity begins and ends, in percent of the rows; NaN without one."""
    rows = cavity_rows(mask)
    if not len(rows):
        return np.nan, np.nan
    return 100 * float(rows[0]) / len(mask), 100 * float(rows[-1] + 1) / len(mask)


def apex_depth(mask: np.ndarray, spacing: Spacing) -> float:
    """Depth of the first row of the LV cavity, in mm."""
    rows = cavity_rows(mask)
    return float(rows[0]) * spacing[0] if len(rows) else np.nan


def axis_tilt(mask: np.ndarray, spacing: Spacing) -> float:
    """Angle of the LV axis to the vertical in degrees, positive where the base is to the right.

    It runs from the mean point of the cavity's top 3 % of rows to that of the bottom 3 %.
    """
    rows, columns = np.nonzero(mask == CAVITY)
    if not len(rows):
        return np.nan
    ends = TILT_ROWS * (rows[-1] - rows[0] + 1)
    top, bottom = rows < rows[0] + ends, rows > rows[-1] - ends
    down = (rows[bottom].mean() - rows[top].mean()) * spacing[0]
    right = (columns[bottom].mean() - columns[top].mean()) * spacing[1]
    return float(np.degrees(np.arctan2(right, down)))


def speckle_cell(image: np.ndarray, region: np.ndarray, spacing: Spacing) -> tuple[float, float]:
    """Width of a speckle in a region, lateral and axial, in mm.

    It is the full width at half maximum of the autocovariance of patches of 20x20 pixels, each
    less its mean, averaged over all patches that lie in the region, half a patch apart.
    """
    patches = _patches(image, region)
    if not len(patches):
        return np.nan, np.nan
    patches -= patches.mean(axis=(1, 2), keepdims=True)
    lateral = _half_width(patches) * spacing[1]
    axial = _half_width(patches.swapaxes(1, 2)) * spacing[0]
    return lateral, axial


def _patches(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    if min(image.shape) < PATCH:
        return np.empty((0, PATCH, PATCH))
    step = slice(None, None, PATCH // 2)
    windows = sliding_window_view(region, (PATCH, PATCH))[step, step]
    inside = windows.mean(axis=(2, 3)) > PATCH_INSIDE
    return sliding_window_view(image, (PATCH, PATCH))[step, step][inside].astype(np.float64)


def _half_width(patches: np.ndarray) -> float:
    """Full width at half maximum of the autocovariance along the last axis, in pixels."""
    covariance = np.array(
        [(patches[..., : PATCH - lag] * patches[..., lag:]).mean() for lag in range(PATCH - 2)]
    )
    below = np.flatnonzero(covariance < covariance[0] / 2)
    if not len(below):
        return np.nan
    lag = below[0]
    before, after = covariance[lag - 1], covariance[lag]
    return float(2 * (lag - 1 + (before - covariance[0] / 2) / (before - after)))


def measure(image: np.ndarray, mask: np.ndarray, spacing: Spacing | None) -> dict[str, float]:
    """All statistics of one frame; NaN where there is nothing to measure.

    Args:
        image: (rows, columns), gray levels 0 to 255.
        mask: (rows, columns), labels 0 to 3.
        spacing: None where the frame has no millimetres.
    """
    mask = cleaned(mask)
    myocardium = mask == MYOCARDIUM
    gray = {label: _median(image[mask == label]) for label in (CAVITY, MYOCARDIUM, ATRIUM)}
    shown = image[sector(image)]
    low, middle, high = np.percentile(shown, [5, 50, 95]) if len(shown) else [np.nan] * 3
    area = {label: 100 * float((mask == label).mean()) or np.nan for label in gray}
    top, bottom = extent(mask)
    statistics = {
        "cavity": gray[CAVITY],
        "myocardium": gray[MYOCARDIUM],
        "atrium": gray[ATRIUM],
        "contrast": gray[MYOCARDIUM] - gray[CAVITY],
        "deviation": _median(local_deviation(image, myocardium)),
        "sector_5": float(low),
        "sector_50": float(middle),
        "sector_95": float(high),
        "cavity_area": area[CAVITY],
        "myocardium_area": area[MYOCARDIUM],
        "atrium_area": area[ATRIUM],
        "cavity_top": top,
        "cavity_bottom": bottom,
    }
    if spacing is None:
        return dict.fromkeys(STATISTICS, np.nan) | statistics
    lateral, axial = speckle_cell(image, myocardium, spacing)
    return statistics | {
        "apex": apex_depth(mask, spacing),
        "tilt": axis_tilt(mask, spacing),
        "cell_lateral": lateral,
        "cell_axial": axial,
    }


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan


def read(
    frame: FrameFiles, resample: int | None = None
) -> tuple[np.ndarray, np.ndarray, Spacing | None]:
    """Image, mask (all background where there is none) and spacing (None where not physical).

    Raises:
        CamusError: a file is damaged.
    """
    image, spacing = read_frame(frame.image)
    mask = read_mask(frame.mask, image.shape) if frame.mask else np.zeros_like(image)
    if resample is not None:
        return *resampled(image, mask, resample), None
    return image, mask, None if spacing == (1.0, 1.0) else spacing


def groups_of(
    folder: Path, qualities: Iterable[str] = QUALITIES, limit: int | None = None
) -> dict[Group, list[FrameFiles]]:
    """The frames of a folder by view, phase and quality, at most `limit` of each, in order.

    Raises:
        CamusError: the folder is in no CAMUS layout, or a cfg file cannot be understood.
    """
    found: dict[Group, list[FrameFiles]] = defaultdict(list)
    for frame in scan(folder).frames:
        grade = read_info(frame.cfg).quality if frame.cfg else None
        quality = grade.capitalize() if grade else "unlabelled"
        found[Group(folder, frame.view, frame.phase, quality)].append(frame)
    return {group: found[group][:limit] for group in sorted(found) if group.quality in qualities}


def summarise(group: Group, frames: Sequence[FrameFiles], resample: int | None = None) -> Summary:
    """Measure the frames of a group."""
    measured = [measure(*read(frame, resample)) for frame in frames]
    return Summary(
        group,
        len(frames),
        {name: _quartiles([statistics[name] for statistics in measured]) for name in STATISTICS},
    )


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    known = [value for value in values if not np.isnan(value)]
    low, middle, high = np.percentile(known, [25, 50, 75]).tolist() if known else [np.nan] * 3
    return low, middle, high


def table(summaries: Sequence[Summary]) -> text_table.Cells:
    """A row per statistic, a column per group; all groups are of one folder and view."""
    first = summaries[0].group
    return [
        [first.view, *(f"{s.group.phase} {s.group.quality}" for s in summaries)],
        ["frames", *(str(s.frames) for s in summaries)],
        *(
            [statistic.title, *(_cell(s.quartiles[name], statistic.decimals) for s in summaries)]
            for name, statistic in STATISTICS.items()
        ),
    ]


def _cell(quartiles: tuple[float, float, float], decimals: int) -> str:
    low, middle, high = (f"{value:.{decimals}f}" for value in quartiles)
    if "nan" in (low, middle, high):
        return "-"
    between = " to " if low.startswith("-") or high.startswith("-") else "-"
    return f"{middle} [{low}{between}{high}]"


def target_table(summary: Summary) -> text_table.Cells:
    """The medians of good frames beside their targets."""
    group = summary.group
    rows = [[f"{group.view} {group.phase}", "median [quartiles]", "target", "inside or off by"]]
    for name, target in TARGETS[group.view, group.phase].items():
        title, decimals = STATISTICS[name]
        quartiles = summary.quartiles[name]
        verdict = target.verdict(quartiles[1], decimals)
        rows.append([title, _cell(quartiles, decimals), target.text(decimals), verdict])
    return rows


def tables(summaries: Sequence[Summary]) -> str:
    """Markdown: a table for every folder and view."""
    found: dict[tuple[Path, str], list[Summary]] = defaultdict(list)
    for summary in summaries:
        found[summary.group.folder, summary.group.view].append(summary)
    return "\n\n".join(
        f"{folder}, {view}\n\n{text_table.markdown(table(of_view))}"
        for (folder, view), of_view in found.items()
    )


def target_tables(summaries: Sequence[Summary]) -> str:
    """Markdown: a table for every view and phase of good frames in every folder."""
    good = [summary for summary in summaries if summary.group.quality == "Good"]
    if not good:
        return "No good frames to set beside the targets"
    return "\n\n".join(
        f"{s.group.folder}, {s.frames} good frames\n\n{text_table.markdown(target_table(s))}"
        for s in good
    )


def draw_sheet(path: Path, groups: dict[Group, list[FrameFiles]], resample: int | None) -> None:
    """Draw six frames of every group; folders of one view, phase and quality below each other."""
    folders = list(dict.fromkeys(group.folder for group in groups))
    order = sorted(groups, key=lambda g: (g.view, g.phase, g.quality, folders.index(g.folder)))
    rows = [
        (
            f"{group.view} {group.phase} {group.quality}, {group.folder.name}",
            [read(frame, resample)[0] for frame in evenly(groups[group])],
        )
        for group in order
    ]
    contact_sheet(path, rows, [str(k + 1) for k in range(SHEET_FRAMES)])


def draw_means(path: Path, groups: dict[Group, list[FrameFiles]]) -> None:
    """Draw the mean frame of every view and phase, and differences of them; a row a folder.

    Where a folder lacks frames for it, a picture is black.
    """
    views = [(view, phase) for view in VIEWS for phase in PHASES]
    pairs = [(("4CH", phase), ("2CH", phase)) for phase in PHASES]
    pairs += [((view, "ED"), (view, "ES")) for view in VIEWS]
    headings = [" ".join(view) for view in views]
    headings += [f"{' '.join(first)} - {' '.join(second)}" for first, second in pairs]
    rows = []
    for folder in dict.fromkeys(group.folder for group in groups):
        means = {view: _mean(groups, folder, *view) for view in views}
        shown = [means[view] for view in views]
        shown += [128 + MAGNIFIED * (means[first] - means[second]) for first, second in pairs]
        pictures = [np.nan_to_num(picture).clip(0, 255).astype(np.uint8) for picture in shown]
        rows.append((folder.name, pictures))
    contact_sheet(path, rows, headings)


def _mean(groups: dict[Group, list[FrameFiles]], folder: Path, view: str, phase: str) -> np.ndarray:
    """Mean of all frames of a view and phase, NaN without frames."""
    chosen = [group for group in groups if group[:3] == (folder, view, phase)]
    frames = [read(frame, MEAN_SIZE)[0] for group in chosen for frame in groups[group]]
    return np.mean(frames, axis=0) if frames else np.full((MEAN_SIZE, MEAN_SIZE), np.nan)


def evenly(frames: Sequence[FrameFiles], count: int = SHEET_FRAMES) -> list[FrameFiles]:
    """Some of the frames, the same distance apart; all where there are not as many."""
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames)))
    return [frames[k] for k in np.round(chosen).astype(int)]


@click.command()
@click.argument(
    "folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--quality",
    "qualities",
    multiple=True,
    type=click.Choice(QUALITIES, case_sensitive=False),
    help="Only these frames; may be repeated.",
)
@click.option("--limit", type=click.IntRange(1), help="Frames of each view, phase and quality.")
@click.option("--resample", type=click.IntRange(WINDOW), help="Bring frames to N x N pixels first.")
@click.option("--targets", is_flag=True, help="Set good frames beside the calibration targets.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write the numbers here."
)
@click.option("--sheet", type=click.Path(path_type=Path), help="Draw frames of every folder, PNG.")
@click.option("--means", type=click.Path(path_type=Path), help="Draw mean frames of each, PNG.")
def main(
    folders: Sequence[Path],
    qualities: Sequence[str],
    limit: int | None,
    resample: int | None,
    targets: bool,
    json_path: Path | None,
    sheet: Path | None,
    means: Path | None,
) -> None:
    """Measure folders in CAMUS's layout, real ones or simulated ones."""
    try:
        groups: dict[Group, list[FrameFiles]] = {}
        for folder in folders:
            groups |= groups_of(folder, qualities or QUALITIES, limit)
        if not groups:
            raise click.ClickException("no such frames: " + " or ".join(qualities or QUALITIES))
        summaries = []
        with bar("Measuring frames", sum(map(len, groups.values()))) as progress:
            for group, frames in groups.items():
                summaries.append(summarise(group, frames, resample))
                progress.advance(len(frames))
    except CamusError as error:
        raise click.ClickException(str(error)) from error
    click.echo(tables(summaries))
    if targets:
        click.echo(f"\n{target_tables(summaries)}")
    if json_path is not None:
        numbers = [summary.as_json() for summary in summaries]
        json_path.write_text(json.dumps(numbers, indent=2) + "\n")
    if sheet is not None:
        draw_sheet(sheet, groups, resample)
    if means is not None:
        draw_means(means, groups)


if __name__ == "__main__":
    main()
