"""Named arrays as one .safetensors file; `networks` knows whose they are."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from echojax.errors import InputError
from echojax.files import written_whole


def save(tensors: Mapping[str, np.ndarray], path: Path, metadata: Mapping[str, str]) -> None:
    """Write tensors by name, and text metadata beside them; the same ones give the same bytes."""
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    with written_whole(path) as file:
        # `save_file` would let only us read it.
        file.write_bytes(_ordered(serialize(contiguous, dict(metadata))))


def _ordered(data: bytes) -> bytes:
    """The same file with its metadata in order; as it comes they are in another one every time."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such weights file") from None
    except (OSError, safetensors.SafetensorError) as error:
        advice = (
            "; a folder of a training's checkpoints is to be converted first: echojax weights "
            f"convert {path} -o OUT.safetensors"
            if path.is_dir()
            else ""
        )
        raise InputError(f"{path}: cannot be read as safetensors ({error}){advice}") from error


def metadata(path: Path) -> dict[str, str]:
    """The text metadata of a file.

    Raises:
        InputError: no such file, or not safetensors.
    """
    with _explained(path), safetensors.safe_open(path, "numpy") as file:
        return file.metadata() or {}


def tensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a file by name.

    Raises:
        InputError: no such file, or not safetensors.
    """
    with _explained(path):
        return load_file(path)
