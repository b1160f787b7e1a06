"""Layers as the papers' PyTorch code has them, where Flax's defaults differ."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from flax.nnx.nn.linear import default_kernel_init
from jax import lax
from jax.nn.initializers import Initializer

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def as_imagenet(x: jax.Array) -> jax.Array:
    """(..., 1 or 3) in [0, 1] to (..., 3) as networks of ImageNet expect it, gray replicated."""
    channels = (*(1,) * (x.ndim - 1), 3)
    return (x - IMAGENET_MEAN.reshape(channels)) / IMAGENET_STD.reshape(channels)


def conv(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    bias: bool = True,
    init: Initializer = default_kernel_init,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A square convolution, padded symmetrically so that stride 1 keeps the size.

    "SAME" would pad only below and right when the stride is 2.
    """
    return nnx.Conv(
        inputs,
        outputs,
        (kernel, kernel),
        strides=stride,
        padding=kernel // 2,
        use_bias=bias,
        kernel_init=init,
        rngs=rngs,
    )


def norm(channels: int, rngs: nnx.Rngs, epsilon: float = 1e-5) -> nnx.BatchNorm:
    """BatchNorm with PyTorch's momentum of 0.1, the complement of Flax's."""
    return nnx.BatchNorm(channels, momentum=0.9, epsilon=epsilon, rngs=rngs)


def depthwise(
    x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]]
) -> jax.Array:
    """A convolution of every channel by itself.

    On CPU as shifted products, one for each number of the kernel: XLA's grouped convolution takes
    4 to 20 times as long there.

    Args:
        x: (n, h, w, channels).
        kernel: (rows, columns, 1, channels).
        stride: in both directions.
        padding: pixels before and after, of rows and of columns.
    """
    return lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: _shifted_products(x, kernel, stride, padding),
        default=lambda x, kernel: _grouped(x, kernel, stride, padding),
    )


def _shifted_products(
    x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]]
) -> jax.Array:
    x = jnp.pad(x, [(0, 0), *padding, (0, 0)])
    rows, columns = kernel.shape[:2]
    height, width = (x.shape[1] - rows) // stride, (x.shape[2] - columns) // stride  # less one
    products = [
        x[:, r : r + stride * height + 1 : stride, c : c + stride * width + 1 : stride]
        * kernel[r, c][None, None]
        for r in range(rows)
        for c in range(columns)
    ]
    return functools.reduce(jnp.add, products)


def _grouped(
    x: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]]
) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


def prelu() -> nnx.PReLU:
    """PReLU of one slope, which starts at PyTorch's 0.25."""
    return nnx.PReLU(negative_slope_init=0.25)


def pixel_shuffle(x: jax.Array, factor: int = 2) -> jax.Array:
    """(n, h, w, c f f) to (n, f h, f w, c), channels ordered (c, row, column) as PyTorch does."""
    n, h, w, channels = x.shape
    c = channels // factor**2
    x = x.reshape(n, h, w, c, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * factor, w * factor, c)
