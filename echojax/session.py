"""How a command was asked to run: how much it says beside results and errors, and on what."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Literal

Level = Literal["quiet", "normal", "verbose"]
KINDS = ("cpu", "gpu", "tpu")  # of devices

log = logging.getLogger("echojax")  # which devices, files and programs are used; shown if verbose
_level: Level = "normal"
_device = ""


def quiet() -> bool:
    """Whether progress and notes are left out."""
    return _level == "quiet"


def device() -> str:
    """The device to compute on: one of `KINDS`, or a number; "" for all there are."""
    return _device


@contextlib.contextmanager
def asked(level: Level = "normal", device: str = "") -> Iterator[None]:
    """Run so while the block runs."""
    global _level, _device
    before = _level, _device
    _level, _device = level, device
    handler = logging.StreamHandler(sys.stderr)
    if level == "verbose":
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    try:
        with _only_cpu() if device == "cpu" else contextlib.nullcontext():
            yield
    finally:
        _level, _device = before
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)


@contextlib.contextmanager
def _only_cpu() -> Iterator[None]:
    """Keep JAX, should it start in the block, from looking for anything else."""
    name = "JAX_PLATFORMS"
    before = os.environ.get(name)
    os.environ[name] = "cpu"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
