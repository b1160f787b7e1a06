"""The one resampling of the project: bicubic and Lanczos, up and down, on NumPy and JAX arrays.

Bicubic is Keys' kernel with a = -0.5, widened by the factor of reduction (antialiasing), as
MATLAB's imresize and the super-resolution literature have it. At the borders weights that fall
outside are dropped and the rest renormalised, as Pillow and `jax.image.resize` do; MATLAB mirrors
instead, which changes only the outermost pixels.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Method = Literal["bicubic", "lanczos"]
Array = TypeVar("Array", np.ndarray, jax.Array)


def _keys(x: np.ndarray) -> np.ndarray:
    a = -0.5
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos3(x: np.ndarray) -> np.ndarray:
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


_KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"bicubic": _keys, "lanczos": _lanczos3}


@functools.lru_cache(maxsize=64)  # a matrix of 1024 x 4096 takes 16 MB
def _weights(old: int, new: int, method: Method) -> np.ndarray:
    """Matrix (new, old) that resamples one axis."""
    step = old / new
    centre = (np.arange(new) + 0.5) * step - 0.5
    distance = np.abs(centre[:, None] - np.arange(old)[None, :]) / max(step, 1.0)
    weights = _KERNELS[method](distance)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resize(images: Array, size: tuple[int, int], method: Method = "bicubic") -> Array:
    """Resize images, antialiased where they get smaller; values are not clipped.

    Args:
        images: floating-point (..., rows, columns, channels).
        size: new (rows, columns).
        method: "bicubic" or "lanczos" (three lobes).

    Returns:
        (..., *size, channels) float32, a NumPy array for a NumPy array, else a JAX array.
    """
    rows = _weights(images.shape[-3], size[0], method)
    columns = _weights(images.shape[-2], size[1], method)
    if isinstance(images, np.ndarray):
        tall = np.einsum("...rcd,Rr->...Rcd", images, rows, optimize=True)
        return np.einsum("...rcd,Cc->...rCd", tall, columns, optimize=True).astype(np.float32)
    # Accelerators would otherwise multiply in bfloat16 or TF32, a visible error in PSNR.
    einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    return einsum("...rcd,Rr,Cc->...RCd", images, rows, columns)


def square_size(size: tuple[int, int], spacing: Sequence[float] | np.ndarray) -> tuple[int, int]:
    """The size of an image once its pixels are square, of the wider of its two spacings."""
    wider = float(max(spacing))
    rows, columns = (round(n * float(step) / wider) for n, step in zip(size, spacing, strict=True))
    return rows, columns


def resize_gray(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a uint8 image (rows, columns) to gray levels; one of the size stays as it is."""
    if image.shape == size:
        return image
    resized = resize(image[..., None].astype(np.float32), size)[..., 0]
    return np.clip(np.round(resized), 0, 255).astype(np.uint8)


def reduce(images: Array, scale: int = 4) -> Array:
    """Bicubic reduction of (..., rows, columns, channels) by `scale`, which must divide the size.

    Raises:
        ValueError: rows or columns are not a multiple of `scale`.
    """
    rows, columns = images.shape[-3:-1]
    if rows % scale or columns % scale:
        raise ValueError(f"{rows}x{columns} pixels cannot be reduced by {scale} exactly")
    return resize(images, (rows // scale, columns // scale))


def enlarge(images: Array, scale: int = 4, method: Method = "bicubic") -> Array:
    """Enlargement of (..., rows, columns, channels) by `scale`."""
    return resize(images, (images.shape[-3] * scale, images.shape[-2] * scale), method)
