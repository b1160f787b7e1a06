"""16-bit RGB, PNG and TIFF, by SimpleITK; Pillow would halve the bits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK

from echojax.errors import InputError
from echojax.media import label_files
from echojax.media.recording import Recording, full_depth, reading, writing


class DeepImageRecording(Recording):
    """A 16-bit RGB image with or without alpha, read whole, the pages of a TIFF too.

    Of what is beside the pixels only the resolution is kept. Black is 0; white is the largest value
    of all pages rounded up to a full depth: 255, 1023, 4095, 16383 or 65535.

    Raises:
        InputError: damaged, or gray with alpha.
    """

    family = "image"

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        with reading(path, kind):
            self._image = SimpleITK.ReadImage(str(path), imageIO=f"{kind}ImageIO")
            array = SimpleITK.GetArrayFromImage(self._image)
        if array.shape[-1] not in (3, 4) or array.dtype != np.uint16:
            raise InputError(
                f"{path}: {array.shape[-1]} channels of {array.dtype}; expected RGB or RGBA of "
                "16 bit, or save it with 8 bit"
            )
        pages = array.reshape(-1, *array.shape[-3:])
        self._pages, self._alpha = pages[..., :3], pages[..., 3:]
        self.count, self.shape, self.dtype = len(pages), self._pages.shape[1:], array.dtype
        self.low, self.high = 0.0, full_depth(self._pages)

    def frames(self) -> Iterator[np.ndarray]:
        """The pages one at a time, without alpha."""
        for page in self._pages:
            yield page.copy()

    def _refuse(self, path: Path) -> None:
        super()._refuse(path)
        if path.suffix.lower() in (".jpg", ".jpeg"):
            raise InputError(f"{path}: JPEG has no 16 bit; choose .png or .tif")
        if path.suffix.lower() == ".png" and self.count != 1:
            raise InputError(f"{path}: {self.count} pages do not fit in a PNG; choose .tif")

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        label_files.pictures(path, masks, description)

    def _write(
        self,
        path: Path,
        frames: Iterator[np.ndarray],
        scale: int,
        description: str,  # noqa: ARG002
    ) -> None:
        stack = np.stack(list(frames))
        alpha = self._alpha.repeat(scale, 1).repeat(scale, 2)
        stack = np.concatenate([stack, alpha], axis=3)
        image = SimpleITK.GetImageFromArray(stack if len(stack) > 1 else stack[0], isVector=True)
        spacing = self._image.GetSpacing()
        image.SetSpacing([step / scale for step in spacing[:2]] + list(spacing[2:]))
        with writing():
            SimpleITK.WriteImage(image, str(path))
