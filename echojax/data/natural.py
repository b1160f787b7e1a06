"""Natural images to pretrain on: any folder made a dataset, and read as it is needed."""

import copy
import hashlib
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from echojax.data import image_files, there
from echojax.data.image_builder import MINIMUM, Builder, Tally, examples
from echojax.data.prepared import LeftOut, check_replaceable, made_aside, opened, tfds_quiet
from echojax.data.source import Source
from echojax.data.there import DIV2K_BY_HAND
from echojax.errors import InputError
from echojax.progress import bar
from echojax.wording import one_line


@dataclass(frozen=True)
class Summary:
    """What became of a folder of images.

    Attributes:
        images: that were taken.
        parts: they were cut into.
        smallest_side: of all parts, pixels; the largest crop that can be cut from every part.
        too_small: images not taken because a side is shorter than 96 pixels.
        left_out: bad files.
        fingerprint: a short hash of the pixels.
    """

    images: int
    parts: int
    smallest_side: int
    too_small: int
    left_out: tuple[LeftOut, ...]
    fingerprint: str

    def as_text(self) -> str:
        """Lines for a terminal."""
        lines = [
            f"{self.images} images in {self.parts} parts of at least {self.smallest_side} pixels "
            "a side",
            f"Smaller than {MINIMUM} pixels, not taken: {self.too_small}",
            f"Bad files, left out: {len(self.left_out)}",
            *(f"  {one_line(f'{entry.file}: {entry.why}')}" for entry in self.left_out),
        ]
        return "\n".join(lines)


def prepare(
    source: Path, data_dir: Path, name: str, *, skip_bad: bool = False, overwrite: bool = False
) -> Summary:
    """Build the dataset of a folder of images, those in its subfolders included.

    It is made aside and put in place when it is whole, so that a failure leaves what was there.

    Args:
        source: a folder of PNG, JPEG, TIFF, BMP or WebP.
        data_dir: where the dataset goes (as `data_dir/images/<name>/1.0.0`).
        name: of the dataset: letters, digits, - and _.
        skip_bad: leave out bad files and remember which, instead of refusing the folder.
        overwrite: replace a dataset of that name.

    Raises:
        InputError: another name, a folder without a usable image, bad files (all are named), or a
            dataset is there already.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise InputError(f"name {name!r}: expected up to 64 letters, digits, - and _")
    folder = Path("images", name)
    check_replaceable(data_dir / folder, source, overwrite=overwrite)
    files = image_files.find(source, recursive=True)
    tally = Tally()
    with (
        made_aside(data_dir, str(folder)) as aside,
        tfds_quiet(),
        bar("Reading images", len(files)) as progress,
    ):
        parts = examples(source, files, tally, progress, skip_bad=skip_bad)
        # TFDS makes no empty dataset; the first part is asked for here to say why in words.
        first = list(itertools.islice(parts, 1))
        if first:
            builder = Builder(itertools.chain(first, parts), name, data_dir=aside)
            builder.download_and_prepare(download_dir=aside / "downloads")
        if tally.left_out and not (skip_bad and first):
            advice = "" if skip_bad else " (--skip-bad leaves bad files out)"
            raise InputError("; ".join(f"{b.file}: {b.why}" for b in tally.left_out) + advice)
        if not first:
            raise InputError(f"{source}: not one image has {MINIMUM} pixels a side")
        summary = Summary(
            images=tally.images,
            parts=tally.parts,
            smallest_side=tally.smallest_side,
            too_small=tally.too_small,
            left_out=tuple(tally.left_out),
            fingerprint=tally.digest.hexdigest()[:16],
        )
        builder.info.metadata.update(asdict(summary), files=tally.files)
        builder.info.write_to_directory(builder.data_dir)
    return summary


class NaturalImages:
    """A prepared dataset as gray images, each read from disk when it is asked for; a `Source`.

    An image is the luma of ITU-R BT.601 where it was RGB; in a dataset of `prepare` it is a part of
    what was in a file, and parts come in the order of the files. Any thread may read.

    Attributes:
        name: of the dataset.
        smallest_side: of all its images, pixels; None where that was not recorded.
    """

    def __init__(self, builder: Any, name: str) -> None:
        """Wrap what TFDS opened: features `image` and `file`, or DIV2K's `lr` and `hr`."""
        self.name = name
        self.smallest_side: int | None = builder.info.metadata.get("smallest_side")
        self._info = builder.info
        self._feature = "image" if "image" in builder.info.features else "hr"
        encoded = [key for key in (self._feature, "lr") if key in builder.info.features]
        with tfds_quiet():
            self._records = builder.as_data_source(
                split="train", decoders={key: tfds.decode.SkipDecoding() for key in encoded}
            )
        self._places = np.arange(len(self._records))

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._places)

    def image(self, index: int) -> np.ndarray:
        """One image, uint8 (rows, columns)."""
        encoded = self._records[int(self._places[index])][self._feature]
        with Image.open(io.BytesIO(encoded)) as image:
            return np.asarray(image.convert("L"))

    def take(self, indices: Sequence[int] | np.ndarray) -> "NaturalImages":
        """The images at some indices, in that order, not read yet."""
        some = copy.copy(self)
        some._places = self._places[np.asarray(indices, np.intp)]
        return some

    @property
    def table(self) -> dict[str, np.ndarray]:
        """Its one column, `file`: the name of the file that each image lay in."""
        if self._feature == "hr":  # of DIV2K, whose records are whole files without a name
            return {"file": self._places.astype(str)}
        parts = self._info.metadata.get("files")
        if parts is None:  # in datasets that were made before it was recorded
            names = [record["file"].decode() for record in self._records]
        else:
            names = [file for file, number in parts for _ in range(number)]
        return {"file": np.array(names)[self._places]}

    def fingerprint(self) -> str:
        """A short hash, alike only for the same images in the same order."""
        stored = self._info.metadata.get("fingerprint")
        if stored is None:
            split = self._info.splits["train"]
            stored = _hash(f"{self._info.full_name} {split.num_examples} {split.num_bytes}")
        if np.array_equal(self._places, np.arange(len(self._records))):
            return stored
        return _hash(f"{stored} {self._places.tolist()}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_is_a_source: type[Source] = NaturalImages


def hold_out(images: NaturalImages, number: int) -> tuple[NaturalImages, NaturalImages]:
    """Images to learn from, and some to measure on that nothing learned from overlaps.

    Args:
        images: to divide.
        number: how many to hold out: a part of each of the last files. If there are not more
            files than that, all but the first are held out; of a single file nothing is.

    Returns:
        The parts of all other files, and the middle part of each file held out.
    """
    file = images.table["file"]
    begins = np.append(np.flatnonzero(np.append(True, file[1:] != file[:-1])), len(images))
    last = begins[max(1, len(begins) - 1 - number) :]  # where the files held out begin, and the end
    return images.take(np.arange(last[0])), images.take((last[:-1] + last[1:]) // 2)


def open_images(data_dir: Path, name: str) -> NaturalImages:
    """Open a dataset that `prepare` made, or, as "div2k", TFDS's own `div2k/bicubic_x4`.

    TFDS makes its DIV2K only with TensorFlow, and must store it with `file_format="array_record"`
    to be read here. Its images are not cut into parts, so that a crop takes ten times as long.

    Raises:
        InputError: nothing of that name is prepared, or it is stored in another format.
    """
    builder = opened(there.images(data_dir, name))
    stored = builder.info.file_format
    if stored != tfds.core.FileFormat.ARRAY_RECORD:
        raise InputError(
            f"{builder.data_dir}: stored as {stored.value}, which needs TensorFlow; build it with "
            f'file_format="array_record", or {DIV2K_BY_HAND}'
        )
    return NaturalImages(builder, name)
