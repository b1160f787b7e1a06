"""Files of masks for what has no geometry: pictures of labels, and NIfTI for clips."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

_DESCRIPTION = 270  # TIFF's tag
_LONGEST = 2**15 - 1  # axis of NIfTI-1


def pictures(path: Path, masks: Iterator[np.ndarray], description: str) -> None:
    """Write labels as gray levels of a PNG, or of the pages of a TIFF."""
    pages = [Image.fromarray(mask) for mask in masks]
    if path.suffix.lower() == ".png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Description", description)
        pages[0].save(path, "PNG", pnginfo=text)
    else:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[_DESCRIPTION] = description
        options = {"compression": "tiff_adobe_deflate", "tiffinfo": tags}
        pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], **options)


def planes(path: Path, masks: Iterator[np.ndarray], description: str) -> None:
    """Write labels as NIfTI (columns, rows, frames) in pixels, one mask in memory at a time."""
    import nibabel

    from echojax.media.nifti import write_planes

    with tempfile.TemporaryFile(dir=path.parent) as spool:  # a clip may not know its length
        number, shape = 0, (0, 0)
        for mask in masks:
            number, shape = number + 1, mask.shape
            spool.write(mask.tobytes())
        spool.seek(0)
        size = (*shape[::-1], number)
        kind = nibabel.Nifti1Header if max(size) <= _LONGEST else nibabel.Nifti2Header
        header = kind()
        header.set_data_dtype(np.uint8)
        header.set_data_shape(size)
        header["magic"] = header.single_magic
        header["vox_offset"] = header.single_vox_offset
        header.set_slope_inter(1, 0)
        header["descrip"] = description.encode("ascii", "replace")[:79]
        length = shape[0] * shape[1]
        every = (np.frombuffer(spool.read(length), np.uint8) for _ in range(number))
        write_planes(path, header, every)
