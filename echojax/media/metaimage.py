"""MetaImage: a .mhd header with its data beside it, or both in one .mha."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import SimpleITK

from echojax.errors import InputError
from echojax.media.recording import Recording, bounds, reading, writing


class MetaImageRecording(Recording):
    """A .mhd or .mha file, read whole; the axes after columns and rows count frames.

    Raises:
        InputError: not MetaImage, cut off, its data file missing, or neither gray nor RGB.
    """

    family = "MetaImage"

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "MetaImage"):
            header, self._data = _header(path)
            missing = [file for file in self._data if not file.is_file()]
            if missing:
                raise InputError(
                    f"{path}: its data file {missing[0].name} is missing; put it beside the header"
                )
            try:
                self._image = SimpleITK.ReadImage(str(path), imageIO="MetaImageIO")
            except RuntimeError as error:  # its message says that there is no such file
                raise InputError(
                    f"{path}: cannot be read as MetaImage, probably cut off; copy it again"
                ) from error
            array = SimpleITK.GetArrayViewFromImage(self._image)
        channels = self._image.GetNumberOfComponentsPerPixel()
        if channels not in (1, 3) or array.dtype.kind not in "iuf":
            raise InputError(
                f"{path}: {channels} channels of {array.dtype}; expected gray or RGB numbers"
            )
        plane = 2 if channels == 1 else 3
        self._planes = array.reshape(-1, *array.shape[-plane:])
        self._compressed = header.get("CompressedData", "").lower() == "true"
        self.count, *shape = self._planes.shape
        self.shape = tuple(shape)
        self.dtype = array.dtype
        self.low, self.high = bounds([array])

    @property
    def files(self) -> tuple[Path, ...]:
        """The header and its data files."""
        return (self.path, *self._data)

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one at a time."""
        for plane in self._planes:
            yield plane.copy()

    def write(self, path: Path, frames: Iterable[np.ndarray], scale: int, description: str) -> None:
        """Write as `Recording.write`; a .mhd gets its data file beside it."""
        self._refuse(path)
        checked = self._checked(frames, scale)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A .mhd names its data file, so both are written under their last names, in a folder aside.
        with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
            # ITK would lower the suffix by itself, and write where nobody looked.
            aside = Path(folder) / path.with_suffix(path.suffix.lower()).name
            self._write(aside, checked, scale, description)
            for data in Path(folder).iterdir():
                if data != aside:
                    data.replace(path.parent / data.name)
            aside.replace(path)  # the header last

    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        old = self._image
        rows, columns, *channels = self.shape
        size = (rows * scale, columns * scale, *channels)
        stack = np.empty((len(self._planes), *size), self.dtype)
        for place, frame in zip(stack, frames, strict=True):
            place[:] = frame
        outer = old.GetSize()[:1:-1]
        image = SimpleITK.GetImageFromArray(stack.reshape(*outer, *size), isVector=bool(channels))
        image.SetDirection(old.GetDirection())
        image.SetSpacing([s / scale for s in old.GetSpacing()[:2]] + list(old.GetSpacing()[2:]))
        half = 0.5 / scale - 0.5  # the centre of the first new pixel, counted in old pixels
        first = [half, half] + [0.0] * len(outer)
        image.SetOrigin(old.TransformContinuousIndexToPhysicalPoint(first))
        for key in old.GetMetaDataKeys():
            if not key.startswith("ITK_"):  # those say how ITK read the file
                image.SetMetaData(key, old.GetMetaData(key))
        image.SetMetaData("Comment", description)
        with writing():
            SimpleITK.WriteImage(image, str(path), useCompression=self._compressed)


def _header(path: Path) -> tuple[dict[str, str], list[Path]]:
    """The fields of a header, and the files beside it that hold its data, which it names last."""
    fields = {}
    with path.open("rb") as file:
        for line in file:
            key, _, value = line.decode(errors="surrogateescape").partition("=")
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile" or file.tell() > 1 << 20:
                break
        named = fields.get("ElementDataFile", "LOCAL")
        if named == "LIST":
            names = file.read().decode(errors="surrogateescape").splitlines()
        else:
            names = [] if named == "LOCAL" else [named]
    return fields, [path.parent / name.strip() for name in names if name.strip()]
