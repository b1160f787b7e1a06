"""PNG, JPEG, TIFF, BMP and WebP by Pillow; what Pillow cannot hold is in `deep_images`."""

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, TiffImagePlugin

from echojax.errors import InputError
from echojax.media import label_files
from echojax.media.limits import check_bytes, check_frames, check_pixels
from echojax.media.pillow import open_bounded
from echojax.media.recording import Recording, full_depth, keeping, reading

KINDS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}
_MODES = {  # what Pillow's modes are read as; L and LA are gray without and with alpha
    **{mode: mode for mode in ("L", "LA", "RGB", "RGBA", "I;16")},
    **dict.fromkeys(("RGBX", "CMYK", "YCbCr", "LAB"), "RGB"),
    "1": "L",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "I;16B": "I;16",
    "I;16L": "I;16",
}
_LOSSLESS_TIFF = ("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate")
_KEPT_TAGS = (269, 271, 272, 305, 306, 315, 316)  # document, device, software, date, author, host
_BITS, _INKS, _DESCRIPTION = 258, 262, 270
_ALPHA = ("PNG", "TIFF", "WEBP")  # which can hold it, as far as Pillow writes and reads it back
_WEBP_SIDE = 16383  # pixels of the longest side that the format can hold


def open_image(path: Path) -> Recording:
    """Open a PNG, JPEG, TIFF, BMP or WebP.

    Raises:
        InputError: another format, damaged, animated, or pixels that are not 8 or 16 bit.
    """
    kind = KINDS[path.suffix.lower()]
    with reading(path, kind), open_bounded(path, kind) as image:
        if kind in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{path}: an animated {kind}; save it as GIF or MP4")
        deep = _bits(image) == 16 and not image.mode.startswith("I;16")
        if deep:  # which is read whole, by a reader that bounds nothing
            pages = getattr(image, "n_frames", 1)
            check_bytes(path, pages * image.width * image.height * 4 * 2)
    if deep:
        from echojax.media.deep_images import DeepImageRecording

        return DeepImageRecording(path, kind)
    return ImageRecording(path, kind)


class ImageRecording(Recording):
    """An image, or the pages of a TIFF; alpha is kept aside and enlarged by repetition.

    Black is 0; white is 255 for 8 bit, and for 16 bit the largest value of all pages rounded up to
    a full depth: 255, 1023, 4095, 16383 or 65535.
    """

    family = "image"

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.kind = kind
        with reading(path, kind), open_bounded(path, kind) as image:
            self.count = getattr(image, "n_frames", 1) if kind == "TIFF" else 1
        first, alpha = next(self._pages())
        self.shape, self.dtype = first.shape, first.dtype
        self._transparent = alpha is not None
        self.low, self.high = 0.0, 255.0
        if self.dtype != np.uint8:
            check_frames(path, self.count, *self.shape[:2])
            self.high = full_depth(self.frames())

    def frames(self) -> Iterator[np.ndarray]:
        """The pages one at a time, upright, without alpha."""
        for page, alpha in self._pages():
            if (page.shape, page.dtype, alpha is not None) != (
                self.shape,
                self.dtype,
                self._transparent,
            ):
                raise InputError(
                    f"{self.path}: its pages differ in size or colours; save them as one file each"
                )
            yield page

    def _pages(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        with reading(self.path, self.kind), open_bounded(self.path, self.kind) as image:
            for number in range(self.count or 1):
                if number:
                    image.seek(number)
                    check_pixels(self.path, image.height, image.width)
                yield _split(self.path, image)

    def _refuse(self, path: Path) -> None:
        super()._refuse(path)
        kind = KINDS[path.suffix.lower()]
        if self.count != 1 and kind != "TIFF":
            raise InputError(f"{path}: {self.count} pages do not fit in a {kind}; choose .tif")
        if self.dtype != np.uint8 and kind not in ("PNG", "TIFF"):
            raise InputError(f"{path}: {kind} has no 16 bit; choose .png or .tif")
        if self._transparent and kind not in _ALPHA:
            raise InputError(f"{path}: alpha is not written as {kind}; choose .png or .tif")

    def _write_labels(self, path: Path, masks: Iterator[np.ndarray], description: str) -> None:
        label_files.pictures(path, masks, description)

    def _write(
        self, path: Path, frames: Iterator[np.ndarray], scale: int, description: str
    ) -> None:
        kind = KINDS[path.suffix.lower()]
        if kind == "WEBP" and scale * max(self.shape[:2]) > _WEBP_SIDE:
            raise InputError(
                f"{self.path}: enlarged, a side has more than the {_WEBP_SIDE:,} pixels of WebP; "
                "choose .png or .tif"
            )
        with reading(self.path, self.kind), open_bounded(self.path, self.kind) as image:
            image.load()  # some of what is kept stands behind the pixels
            options = self._options(image, kind, scale, description)
        # Never the shorter of the two: `frames` is to be asked whether it ends where it should.
        kept = (alpha for _, alpha in self._pages()) if self._transparent else ()
        alphas = chain(kept, repeat(None))
        pages = (
            Image.fromarray(_join(frame, alpha, scale))
            for frame, alpha in zip(frames, alphas, strict=False)
        )
        if kind == "TIFF":
            with _TiffWriter(path, new=True) as file:
                for page in pages:
                    with keeping(self.path, "TIFF"):
                        page.save(file, "TIFF", **options)
                    file.newFrame()
        else:
            for page in pages:
                with keeping(self.path, kind):
                    page.save(path, kind, **options)

    def _options(
        self, image: Image.Image, kind: str, scale: int, description: str
    ) -> dict[str, Any]:
        options: dict[str, Any] = {}
        dpi = [float(dots) for dots in image.info.get("dpi", ())]
        if dpi and all(0 < dots < 1e6 for dots in dpi):  # 0 / 0 and 1 / 0 can be stored, too
            options["dpi"] = tuple(dots * scale for dots in dpi)
        if image.info.get("icc_profile"):
            options["icc_profile"] = image.info["icc_profile"]
        if kind == "TIFF":
            return options | _tiff_options(image, description)
        if kind == "PNG":
            text = PngImagePlugin.PngInfo()
            for key, value in getattr(image, "text", {}).items():
                text.add_text(key, value)
            text.add_text("Description", description)
            options["pnginfo"] = text
        elif kind == "JPEG":
            options |= {"quality": 95, "comment": description}
        elif kind == "WEBP":  # of alpha 0, too: what is hidden is part of the file
            options |= {"lossless": True, "exact": True}
        if self.kind != "TIFF":  # there EXIF is the layout of the file
            options["exif"] = _exif(image, scale)
        return options


def _split(path: Path, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """The page an image is at: (rows, columns[, 3]), and alpha (rows, columns) if it has any."""
    mode = image.mode
    if mode == "P":
        palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
        mode = "L" if (palette == palette[:, :1]).all() else "RGB"
    mode = _MODES.get(mode, "")
    if not mode or _bits(image) not in (1, 2, 4, 8, 16):
        raise InputError(
            f"{path}: pixels of {_bits(image)} bit (mode {image.mode}); expected 8 or 16 bit "
            "gray or RGB"
        )
    if image.has_transparency_data and mode in ("L", "RGB"):
        mode += "A"
    upright = ImageOps.exif_transpose(image)
    if mode == "I;16":
        array = np.asarray(upright).astype(np.uint16)
        # Pillow turns white-is-zero round at 8 bit, not at 16.
        return (65535 - array if _tag(image, _INKS) == 0 else array), None
    array = np.array(upright.convert(mode))
    if mode.endswith("A"):
        return (array[..., 0] if mode == "LA" else array[..., :3]), array[..., -1]
    return array, None


def _join(frame: np.ndarray, alpha: np.ndarray | None, scale: int) -> np.ndarray:
    if alpha is None:
        return frame
    return np.dstack([frame, alpha.repeat(scale, 0).repeat(scale, 1)])


def _bits(image: Image.Image) -> int:
    """Bits of a channel, which Pillow halves in silence where it has no mode for 16."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = _tag(image, _BITS) or (1,)
        return max(bits) if isinstance(bits, tuple) else int(bits)
    # Of a BMP, ";16" are the bits of a pixel, not of a channel.
    deep = image.format == "PNG" and ";16" in str(getattr(image, "tile", ""))
    return 16 if deep or image.mode.startswith("I;16") else 8


def _tag(image: Image.Image, tag: int) -> Any:
    return getattr(image, "tag_v2", {}).get(tag)


class _TiffWriter(TiffImagePlugin.AppendingTiffWriter):
    def close(self) -> None:
        # Python closes it once more when it is collected, opened or not, which Pillow's own does
        # not survive.
        file = getattr(self, "f", None)
        if file is not None and not file.closed:
            super().close()


def _tiff_options(image: Image.Image, description: str) -> dict[str, Any]:
    tags = {tag: _tag(image, tag) for tag in _KEPT_TAGS if _tag(image, tag) is not None}
    old = _tag(image, _DESCRIPTION)
    # In front, so that what ImageJ and OME write of the old size is not taken for the new one.
    tags[_DESCRIPTION] = f"{description}\n{old}" if old else description
    compression = image.info.get("compression")
    if compression not in _LOSSLESS_TIFF:
        compression = "tiff_adobe_deflate"
    return {"tiffinfo": tags, "compression": compression}


def _exif(image: Image.Image, scale: int) -> Image.Exif:
    exif = image.getexif()
    exif.pop(ExifTags.Base.Orientation, None)  # the frames are upright already
    for tag in (ExifTags.Base.XResolution, ExifTags.Base.YResolution):
        if tag in exif:
            exif[tag] = exif[tag] * scale
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for part in (exif, details, exif.get_ifd(ExifTags.IFD.GPSInfo)):
        for key in [key for key, value in part.items() if _undefined(value)]:
            del part[key]
    for tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight):
        details.pop(tag, None)
    return exif


def _undefined(value: Any) -> bool:
    """Whether 0 / 0 is in it, which Pillow reads but cannot write."""
    return any(each != each for each in (value if isinstance(value, tuple) else (value,)))
