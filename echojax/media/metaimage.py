"""MetaImage: a .mhd header with its data beside it, or both in one .mha."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import SimpleITK

from echojax.errors import InputError
from echojax.media import metaimage_header
from echojax.media.recording import Recording, bounds, reading, writing
from echojax.wording import shown


class MetaImageRecording(Recording):
    """A .mhd or .mha file, read whole; the axes after columns and rows count frames.

    Raises:
        InputError: not MetaImage, cut off, its data file missing or outside the header's folder,
            or neither gray nor RGB.
    """

    family = "MetaImage"

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "MetaImage"):
            self._header = header = metaimage_header.read(path)
            missing = [file for file in header.files if not file.is_file()]
            if missing:
                raise InputError(
                    f"{path}: its data file {shown(missing[0].name)} is missing; put it beside the "
                    "header"
                )
            array = metaimage_header.values(path, header)
        plane = 2 if header.channels == 1 else 3
        self._planes = array.reshape(-1, *array.shape[-plane:])
        self.count, *shape = self._planes.shape
        self.shape = tuple(shape)
        self.dtype = header.dtype.newbyteorder("=")
        self.low, self.high = bounds(self._planes)

    @property
    def files(self) -> tuple[Path, ...]:
        """The header and its data files."""
        return (self.path, *(file for file in self._header.files if file != self.path))

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Millimetres between rows and between columns."""
        return self._header.spacing[1], self._header.spacing[0]

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time."""
        for plane in self._planes:
            yield plane.astype(self.dtype)

    def write(self, path: Path, frames: Iterable[np.ndarray], scale: int, description: str) -> None:
        """Write as `Recording.write`; a .mhd gets its data file beside it."""
        self._refuse(path)
        checked = self._checked(frames, scale)
        self._aside(path, lambda aside: self._write(aside, checked, scale, description))

    def write_labels(self, path: Path, masks: Iterable[np.ndarray], description: str) -> None:
        """Write as `Recording.write_labels`; a .mhd gets its data file beside it."""
        checked = self._as_labels(masks)
        self._aside(path, lambda aside: self._write_labels(aside, checked, description))

    def _aside(self, path: Path, write: Callable[[Path], None]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A .mhd names its data file, so both are written under their last names, in a folder aside.
        with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
            # ITK would lower the suffix by itself, and write where nobody looked.
            aside = Path(folder) / path.with_suffix(path.suffix.lower()).name
            write(aside)
            for data in Path(folder).iterdir():
                if data != aside:
                    data.replace(path.parent / data.name)
            aside.replace(path)  # the header last

    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        rows, columns, *channels = self.shape
        size = (rows * scale, columns * scale, *channels)
        stack = np.empty((len(self._planes), *size), self.dtype)
        self._save(path, stack, frames, scale, description)

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        stack = np.empty((len(self._planes), *self.shape[:2]), np.uint8)
        self._save(path, stack, masks, 1, description)

    def _save(
        self,
        path: Path,
        stack: np.ndarray,
        frames: Iterator[np.ndarray],
        scale: int,
        description: str,
    ) -> None:
        for place, frame in zip(stack, frames, strict=True):
            place[:] = frame
        header, size = self._header, stack.shape[1:]
        channels, outer = size[2:], header.size[:1:-1]
        image = SimpleITK.GetImageFromArray(stack.reshape(*outer, *size), isVector=bool(channels))
        with reading(self.path, "MetaImage"):
            image.SetDirection(header.direction.T.ravel().tolist())
            image.SetOrigin(header.origin)
            image.SetSpacing(header.spacing)
            half = 0.5 / scale - 0.5  # the centre of the first new pixel, counted in old pixels
            first = [half, half] + [0.0] * len(outer)
            image.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first))
            finer = [step / scale for step in header.spacing[:2]]
            image.SetSpacing([*finer, *header.spacing[2:]])
            for key, value in header.remarks.items():
                image.SetMetaData(key, value)
        image.SetMetaData("Comment", description)
        with writing():
            SimpleITK.WriteImage(image, str(path), useCompression=header.compressed)
