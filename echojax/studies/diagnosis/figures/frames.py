"""The frames themselves: of every quality, enhanced, and changed most."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from echojax.metrics import psnr, ssim
from echojax.report.figures import (
    QUALITY_STYLES,
    Image,
    absent,
    canvas,
    enhancement_label,
    show,
)
from echojax.studies.diagnosis.cells import in_order
from echojax.studies.diagnosis.changed import ChangedFrame
from echojax.vocabulary import PHASES, QUALITIES, VIEWS


def frames(examples: Mapping[str, Image], path: Path) -> Path | None:
    """One frame for each quality, view and phase that has any (the paper's Fig. 2).

    Args:
        examples: `fig2_{view}_{phase}_{quality}` -> uint8 frame; any may be absent.
        path: where to draw.
    """
    keys = {
        (view, phase, quality): f"fig2_{view}_{phase}_{quality}"
        for view, phase, quality in itertools.product(VIEWS, PHASES, QUALITIES)
        if f"fig2_{view}_{phase}_{quality}" in examples
    }
    if not keys:
        return None
    kinds = list(dict.fromkeys((view, phase) for view, phase, _ in keys))
    qualities = [quality for quality in QUALITIES if quality in {found for _, _, found in keys}]
    with canvas(path, 2.0 * len(kinds), 0.3 + 2.0 * len(qualities)) as figure:
        grid = figure.subplots(len(qualities), len(kinds), squeeze=False)
        for row, quality in zip(grid, qualities, strict=True):
            for axes, (view, phase) in zip(row, kinds, strict=True):
                if (view, phase, quality) in keys:
                    show(axes, examples[keys[view, phase, quality]])
                else:
                    absent(axes, "no frame")
            colour, _ = QUALITY_STYLES[quality]
            row[0].set_ylabel(quality, color=colour, fontsize=11, fontweight="bold")
        for axes, (view, phase) in zip(grid[0], kinds, strict=True):
            axes.set_title(f"{view} {phase}", loc="center")
    return path


def patches(examples: Mapping[str, Image], path: Path) -> Path | None:
    """A patch of a frame restored, with its fidelity, and enlarged (the paper's Fig. 3).

    Args:
        examples: `fig3_original` and `fig3_restore_{sr}` uint8 of shape (height, width),
            `fig3_upscale_{sr}` uint8 (4 height, 4 width), `fig3_box` top, left, height, width.
        path: where to draw.
    """
    original, box = examples.get("fig3_original"), examples.get("fig3_box")
    methods = _methods(examples, "fig3_restore_") | _methods(examples, "fig3_upscale_")
    if original is None or box is None:
        return None
    ordered = in_order(methods, "sr")
    top, left, height, width = (int(value) for value in box)
    reference = original.astype(np.float32) / 255
    columns = 1 + len(ordered)
    with canvas(path, 3.4 + 1.9 * columns, 4.4) as figure:
        grid = figure.add_gridspec(2, 1 + columns, width_ratios=[1.9] + [1] * columns)
        whole = figure.add_subplot(grid[:, 0])
        show(whole, original)
        whole.set_title("Example frame")
        whole.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor="#E69F00", linewidth=1.8)
        )
        rows = (("restore", "Reduced by 4,\nrestored", 1), ("upscale", "Enlarged\nby 4", 4))
        for line, (mode, name, scale) in enumerate(rows):
            for column, method in enumerate(["", *ordered]):
                axes = figure.add_subplot(grid[line, 1 + column])
                image = examples.get(f"fig3_{mode}_{method}") if method else original
                if image is None:
                    absent(axes, "not in this run")
                    continue
                zoom = scale if method else 1
                show(axes, _cut(image, zoom, top, left, height, width), interpolation="nearest")
                if line == 0:
                    axes.set_title(
                        enhancement_label(method) if method else "original", loc="center"
                    )
                if not method:
                    axes.set_ylabel(name)
                elif mode == "restore":
                    restored = image.astype(np.float32) / 255
                    axes.set_xlabel(
                        f"{psnr(reference, restored):.2f} dB / {ssim(reference, restored):.4f}"
                    )
                else:
                    axes.set_xlabel("no reference")
    return path


def _methods(examples: Mapping[str, Image], prefix: str) -> set[str]:
    return {key.removeprefix(prefix) for key in examples if key.startswith(prefix)}


def _cut(image: Image, zoom: int, top: int, left: int, height: int, width: int) -> Image:
    return image[top * zoom : (top + height) * zoom, left * zoom : (left + width) * zoom]


def changed(rows: Sequence[ChangedFrame], examples: Mapping[str, Image], path: Path) -> Path | None:
    """Frames of the largest gain and harm, without and with enhancement, as a classifier sees them.

    Args:
        rows: which frames.
        examples: `{row.key}_without` and `{row.key}_enhanced`, uint8; any may be absent.
        path: where to draw.
    """
    shown = [row for row in rows if f"{row.key}_without" in examples]
    if not shown:
        return None
    lines = list(dict.fromkeys((row.task, row.kind) for row in shown))
    columns = 1 + max(row.place for row in shown)
    with canvas(path, 3.0 * columns, 0.2 + 1.95 * len(lines)) as figure:
        grid = figure.subplots(len(lines), 2 * columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for row in shown:
            left, right = grid[lines.index((row.task, row.kind))][2 * row.place :][:2]
            for axes, name, probability in (
                (left, "without", row.without),
                (right, "enhanced", row.enhanced),
            ):
                axes.set_axis_on()
                show(axes, examples[f"{row.key}_{name}"])
                axes.set_title(
                    f"{name if name == 'without' else enhancement_label(row.sr)} "
                    f"{100 * probability:.0f} %",
                    loc="center",
                    fontweight="normal",
                    fontsize=9,
                )
            left.set_xlabel(f"true: {row.true_class}", fontsize=8)
            if row.place == 0:
                left.set_ylabel(f"{row.task}, {row.kind}", fontweight="bold")
    return path
