"""Keeping a network to the ultrasound of a frame: regions that are named, a sector on black.

Around the sector of an echo frame is black, and often text. A network that learned from
photographs draws a bright rim along an edge so sharp, and redraws letters as if they were tissue.
So what is outside goes by interpolation, and the network sees the sector continued beyond an edge
that is sharp. One that is blurred, as where a frame was made smaller, it sharpens better itself.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from echojax.inference.enhance import Enlarger, Interpolation, enhance
from echojax.inference.sector import sector
from echojax.media import Region
from echojax.metrics import LUMA
from echojax.vocabulary import Mode

_RIM = np.ones((3, 3), bool)  # a pixel along a hull's edge may be black already
_SHARP = 0.55  # of the brightness within, along the edge: 0.7 if it is sharp, 0.4 if it is blurred
_MARGIN = 2  # pixels around a sector whose soft edge is the network's
_PART = 0.02  # share of a frame: parts of a sector are larger, text, bars and ECGs smaller
_LEAST = 0.05  # share of a frame that has to be black around a sector
_BLACK = 4  # gray levels of 255: the noise of compressed black
_MOSTLY = 90  # percent of what surrounds a sector is black, text being the rest


def enhance_ultrasound(
    frame: np.ndarray,
    enlarger: Enlarger,
    *,
    mode: Mode,
    low: float = 0.0,
    high: float = 1.0,
    regions: Sequence[Region] = (),
) -> np.ndarray:
    """Upscale, restore or filter the ultrasound of a frame; the rest is interpolated, or kept.

    Args:
        frame: as `enhance` takes it.
        enlarger: what enlarges the ultrasound.
        mode: as of `enhance`; what is no ultrasound is enlarged bicubically where the frame
            becomes larger, and stays as it was where it does not.
        low: the value of black.
        high: the value of white, above `low`.
        regions: where ultrasound is shown, in pixels of the frame; none if that is not known.

    Returns:
        As `enhance`.
    """
    regions = regions or (Region(0, frame.shape[0], 0, frame.shape[1]),)
    masks = [surrounded(_cut(frame, region), low, high) for region in regions]
    if len(masks) == 1 and masks[0] is None and _cut(frame, regions[0]).shape == frame.shape:
        return enhance(frame, enlarger, mode=mode, low=low, high=high)
    result = _interpolated(frame, enlarger.scale, mode, low, high)
    scale = len(result) // len(frame)
    for region, mask in zip(regions, masks, strict=True):
        place = _cut(result, Region(*(scale * edge for edge in region)))
        part = _cut(frame, region)
        if mask is None:
            place[...] = enhance(part, enlarger, mode=mode, low=low, high=high)
        else:
            _put_sector(place, part, mask, enlarger, mode=mode, low=low, high=high)
    return result


def surrounded(frame: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray | None:
    """The sector of a frame that shows one on black, a mask; None for any other frame.

    Args:
        frame: (rows, columns[, 1 or 3]) of any real type.
        low: the value of black.
        high: the value of white, above `low`.
    """
    known = np.where(np.isfinite(frame), frame, low).astype(np.float32)
    gray = np.atleast_3d(((known - low) / (high - low)).clip(0, 1))
    gray = gray @ LUMA if gray.shape[-1] == 3 else gray
    levels = (255 * gray[..., 0]).round().astype(np.uint8)
    mask = sector(levels, _PART)
    outside = levels[~mask]
    if outside.size < _LEAST * mask.size or np.percentile(outside, _MOSTLY) > _BLACK:
        return None
    return mask


def continued(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A frame whose sector goes on beyond its edge: every pixel is the nearest one within.

    Args:
        frame: (rows, columns[, channels]).
        mask: what is kept, (rows, columns); at least one pixel of it.
    """
    rows, columns = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return frame[rows, columns]


def _put_sector(
    place: np.ndarray,
    frame: np.ndarray,
    mask: np.ndarray,
    enlarger: Enlarger,
    *,
    mode: Mode,
    low: float,
    high: float,
) -> None:
    """Replace, in an enlarged frame, its sector by what an enlarger makes of that."""
    # Smaller, an edge is soft; and a restorer learned from frames on black. Both see the black.
    if mode == "upscale" and _is_sharp(frame, mask, low):
        core = binary_erosion(mask, _RIM, border_value=1)  # where the frame ends, no black is
        seen = continued(frame, core)
    else:
        core, seen = binary_dilation(mask, _RIM, iterations=_MARGIN), frame
    inside = enhance(seen, enlarger, mode=mode, low=low, high=high)
    share = core[..., None].astype(np.float32)
    # Piece by piece: floats of the whole would take several times as much memory.
    for piece in Interpolation("bicubic", len(inside) // len(frame)).pieces(share):
        spot = piece.rows, piece.columns
        place[spot] = _mixed(place[spot], inside[spot], piece.values)


def _is_sharp(frame: np.ndarray, mask: np.ndarray, low: float) -> bool:
    """Whether a sector ends between one pixel and the next, as where a scanner cut it out."""
    first = binary_erosion(mask, _RIM, border_value=1)
    second = binary_erosion(first, _RIM, border_value=1)
    rings = frame[mask & ~first], frame[first & ~second]
    if not all(ring.size for ring in rings):
        return False
    edge, within = (np.nanmean(ring.astype(np.float64)) - low for ring in rings)
    return bool(edge > _SHARP * within)


def _mixed(outside: np.ndarray, inside: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Of two arrays, the second as far as `share` says, (rows, columns, 1) in [0, 1]."""
    share = share.reshape(*share.shape[:2], *(1,) * (inside.ndim - 2))
    with np.errstate(invalid="ignore"):  # holes of no number
        mixed = outside + share.astype(np.float64) * (inside.astype(np.float64) - outside)
    if np.issubdtype(inside.dtype, np.integer):
        mixed = mixed.round()
    return mixed.astype(inside.dtype)


def _interpolated(frame: np.ndarray, scale: int, mode: Mode, low: float, high: float) -> np.ndarray:
    if mode != "upscale":
        return frame.copy()
    return enhance(frame, Interpolation("bicubic", scale), mode=mode, low=low, high=high)


def _cut(frame: np.ndarray, region: Region) -> np.ndarray:
    return frame[region.top : region.bottom, region.left : region.right]
