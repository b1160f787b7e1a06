"""MobileNetV2 without BatchNorm, as programs for phones keep it, from a NumPy file (.npz).

Such a file has the kernel and the bias of each of the 53 layers in the order of the network,
named by number and order of axes, as 00_conv_kernel_OHWI, 00_bias, 01_depthwise_kernel_1HWC: what
a TensorFlow Lite file holds once its bytes are multiplied out.
"""

import zipfile
from pathlib import Path

import numpy as np

from echojax.errors import InputError
from echojax.models.mobilenet import STEM, MobileNetV2, MobileNetV2Settings
from echojax.weights import by_name, kinds

LAYOUT = "folded MobileNetV2"
NOTE = (
    "BatchNorm was folded: statistics are 0 and 1, shifts the biases; padded as TensorFlow does, "
    "input (pixel - 128) / 128"
)
_LARGEST = 256 * 2**20  # bytes of all arrays
_LAST = "classifier"


def is_folded(path: Path) -> bool:
    """Whether a file is one of NumPy's with several arrays, by its name."""
    return path.suffix == ".npz" and path.is_file()


def network(path: Path) -> MobileNetV2:
    """The network of such a file.

    Every BatchNorm gets the mean 0 and the variance 1, so that it adds the bias and nothing else;
    `models.mobilenet.adopt` makes one to train further of it.

    Raises:
        InputError: no such arrays; those that are missing, left over or of another shape are named.
    """
    layers = _layers(path)
    (first, *_), (last, _) = layers[0], layers[-1]
    settings = MobileNetV2Settings(
        channels=first.shape[2],
        outputs=last.shape[-1],
        width=first.shape[-1] / STEM,
        padding="tensorflow",
    )
    try:
        model: MobileNetV2 = kinds.empty("mobilenetv2", settings)
    except ValueError as error:
        raise InputError(f"{path}: no MobileNetV2 ({error})") from None
    tensors: dict[str, np.ndarray] = {}
    names = [name.removesuffix(".conv") for name in _modules(model)]
    if len(names) != len(layers):
        raise InputError(f"{path}: {len(layers)} layers; MobileNetV2 has {len(names)}")
    for name, (kernel, bias) in zip(names, layers, strict=True):
        if name == _LAST:
            tensors |= {f"{name}.kernel": kernel[0, 0], f"{name}.bias": bias}
            continue
        one = np.ones_like(bias)
        tensors |= {
            f"{name}.conv.kernel": kernel,
            f"{name}.norm.scale": one,
            f"{name}.norm.bias": bias,
            f"{name}.norm.mean": 0 * one,
            f"{name}.norm.var": one - np.float32(settings.epsilon),
        }
    by_name.fill(model, tensors, path)
    return model


def _modules(model: MobileNetV2) -> list[str]:
    """Names of all that has a kernel, as data flow."""
    parts = ("expand", "depthwise", "project")
    names = {name.removesuffix(".kernel") for name in by_name.arrays(model) if "kernel" in name}
    order = ["stem.conv"]
    order += [f"blocks.{k}.{part}.conv" for k in range(len(model.blocks)) for part in parts]
    return [name for name in [*order, "head.conv", _LAST] if name in names]


def _layers(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel, (rows, columns, inputs, outputs), and bias of every layer, float32."""
    arrays = _arrays(path)
    numbered: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        number, _, what = name.partition("_")
        numbered.setdefault(number, {})[what] = array.astype(np.float32)
    layers = []
    for number in sorted(numbered):
        found = numbered[number]
        if "conv_kernel_OHWI" in found:
            kernel = found.pop("conv_kernel_OHWI"), (1, 2, 3, 0)
        else:
            kernel = found.pop("depthwise_kernel_1HWC", np.empty(0)), (1, 2, 0, 3)
        bias = found.pop("bias", np.empty(0))
        if kernel[0].ndim != 4 or bias.ndim != 1 or found or not np.isfinite(bias).all():
            raise InputError(
                f"{path}: layer {number} is not a kernel of four axes, named conv_kernel_OHWI or "
                "depthwise_kernel_1HWC, and a bias"
            )
        layers.append((kernel[0].transpose(kernel[1]), bias))
    if not layers:
        raise InputError(f"{path}: holds no layers, as 00_conv_kernel_OHWI and 00_bias")
    return layers


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST:
            raise InputError(f"{path}: {size:,} bytes of arrays; expected at most {_LARGEST:,}")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read as a NumPy file ({error})") from error
