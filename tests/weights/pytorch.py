"""Checkpoints as PyTorch writes them, without it."""

from pathlib import Path

import numpy as np

from tests.weights.test_torch_file import tensor, write_archive


def save_pth(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """Write a state dictionary as `torch.save` does."""
    value, storages = {}, {}
    for number, (name, array) in enumerate(tensors.items()):
        storages[str(number)] = flat = np.ascontiguousarray(array).reshape(-1)
        strides = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        value[name] = tensor(str(number), flat, array.shape, strides if array.shape else ())
    return write_archive(path, value, storages)
