"""Public checkpoints as files of ours: converted when they are first asked for, and kept."""

import sys
from pathlib import Path

from echojax.files import sha256
from echojax.version import __version__
from echojax.weights import by_name, convert, kinds, safetensors_file
from echojax.weights.catalogue import cache_dir


def ours(path: Path) -> Path:
    """The file of ours that holds the network of a file.

    A file of ours is that itself. A public checkpoint (.pth, .pt, .pth.tar, or .safetensors with
    the names of PyTorch) is converted, which a line on standard error says; the result is kept in
    `cache_dir` under the checkpoint's hash and the version that converted it.

    Args:
        path: the file; where there is none, whoever reads it says so.

    Raises:
        InputError: no checkpoint that can be converted, as `convert.convert` says.
    """
    if not path.is_file() or convert.own_metadata(path):
        return path
    kept = cache_dir() / "converted" / f"{sha256(path)}-{__version__}.safetensors"
    if not kept.is_file():
        found = convert.convert(path)
        told = {**kinds.describe(found.model), **found.card}
        safetensors_file.save(by_name.arrays(found.model), kept, told)
        print(f"{path}: converted from {found.layout}, kept as {kept}", file=sys.stderr)
    return kept
