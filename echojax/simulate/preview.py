"""A contact sheet: frames by view, phase and quality, to be looked at before a dataset is made."""

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.simulate.dataset import check_seed
from echojax.simulate.quality import QUALITIES
from echojax.simulate.view import draw_frames, draw_view
from echojax.vocabulary import PHASES, VIEWS

PATIENTS = 3  # of each quality
# Lengths in pixels of the sheet.
HEIGHT = 256  # of a frame
GAP = 6
GROUP_GAP = 24
TEXT = 30
HEADING = 48
WHITE, LIGHT = 255, 190

Picture = NDArray[np.uint8]


def draw_preview(path: Path, seed: int) -> None:
    """Draw frames of a seed's first patients, three of each quality, as a PNG.

    Raises:
        InputError: `seed` < 0, or nothing can be written to `path`.
    """
    check_seed(seed)
    check_destination(path)
    headings = [quality for quality in QUALITIES for _ in range(PATIENTS)]
    rows: list[tuple[str, list[Picture]]] = []
    for name in VIEWS:
        columns = [
            draw_frames(draw_view(seed, number, name, quality), HEIGHT).images
            for number, quality in enumerate(headings)
        ]
        rows += [
            (f"{name} {phase}", [column[index] for column in columns])
            for index, phase in enumerate(PHASES)
        ]
    contact_sheet(path, rows, headings)


def check_destination(path: Path) -> None:
    """See that a picture can be written to a path, before what it shows is made.

    Raises:
        InputError: there is a folder, a file is where its folder would be, or writing is forbidden.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file for the preview")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; choose another folder for the preview")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: cannot be written to; choose another folder for the preview")


def contact_sheet(
    path: Path, rows: Sequence[tuple[str, Sequence[Picture]]], headings: Sequence[str]
) -> None:
    """Draw labelled rows of pictures on black, as a PNG.

    Args:
        path: where to; its folder is made if need be.
        rows: label and pictures, uint8 (height, width), of any size; all are shown equally high.
            A row may have fewer pictures than there are headings.
        headings: of the columns; neighbours with the same one share it.
    """
    shown = [(label, [_fit(picture) for picture in pictures]) for label, pictures in rows]
    widths = [
        max((row[column].width for _, row in shown if column < len(row)), default=0)
        for column in range(len(headings))
    ]
    font = ImageFont.load_default(TEXT)
    lefts, right = [], int(max(font.getlength(label) for label, _ in rows)) + 3 * GAP
    for column, width in enumerate(widths):
        if column:
            right += GAP if headings[column] == headings[column - 1] else GROUP_GAP
        lefts.append(right)
        right += width
    sheet = Image.new("L", (right + GAP, HEADING + len(rows) * (HEIGHT + GAP)))
    pen = ImageDraw.Draw(sheet)
    for heading, group in groupby(range(len(headings)), key=lambda column: headings[column]):
        first, *rest = group
        last = rest[-1] if rest else first
        middle = (lefts[first] + lefts[last] + widths[last]) // 2
        pen.text((middle, HEADING // 2), heading, WHITE, font, anchor="mm")
    for line, (label, pictures) in enumerate(shown):
        top = HEADING + line * (HEIGHT + GAP)
        pen.text((GAP, top + HEIGHT // 2), label, LIGHT, font, anchor="lm")
        for left, width, picture in zip(lefts, widths, pictures, strict=False):
            sheet.paste(picture, (left + (width - picture.width) // 2, top))
    with written_whole(path) as aside:
        sheet.save(aside, "PNG")


def _fit(picture: Picture) -> Image.Image:
    height, width = picture.shape
    size = round(width * HEIGHT / height), HEIGHT
    image = Image.fromarray(picture)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
