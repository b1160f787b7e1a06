"""Where arrays live: one mesh axis `data`, parameters replicated, batches sharded over it."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from echojax import session
from echojax.errors import InputError
from echojax.session import log

Tree = TypeVar("Tree")
CACHE = "~/.cache/echojax/xla"


def start() -> None:
    """Prepare JAX for a command; call before the first array is made.

    Memory of a GPU is taken as needed instead of 75 % at once, and compiled programs are kept in
    `ECHOJAX_COMPILATION_CACHE` (default ~/.cache/echojax/xla; empty for none).

    Raises:
        InputError: the device that was asked for is not there.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    cache = os.environ.get("ECHOJAX_COMPILATION_CACHE", CACHE)
    if cache:
        jax.config.update("jax_compilation_cache_dir", str(Path(cache).expanduser()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
    jax.config.update("jax_default_device", used()[0] if session.device() else None)
    if log.isEnabledFor(logging.INFO):  # devices are not looked for without need
        log.info("JAX %s on %s", jax.__version__, described())
        log.info("compiled programs: %s", cache or "not kept")


def used() -> list[jax.Device]:
    """The devices to compute on: all of the best kind there is, or what was asked for.

    Raises:
        InputError: that is not there.
    """
    asked = session.device()
    there = jax.devices("cpu") if asked == "cpu" else jax.devices()
    if asked.isdecimal():
        chosen = there[int(asked) : int(asked) + 1]
    else:
        chosen = [device for device in there if asked in ("", device.platform)]
    if not chosen:
        named = ", ".join(f"{n} ({d.platform}, {d.device_kind})" for n, d in enumerate(there))
        raise InputError(f"--device {asked}: there is no such device here; there are: {named}")
    return chosen


def cpu() -> jax.Device:
    """The CPU, for arithmetic whose every bit must be the same on all machines.

    Raises:
        InputError: JAX was told not to use it.
    """
    chosen = jax.config.jax_platforms  # type: ignore[attr-defined]
    if chosen and "cpu" not in chosen.split(","):
        raise InputError(f"JAX_PLATFORMS={chosen} leaves out cpu; use {chosen},cpu")
    return jax.local_devices(backend="cpu")[0]


def described() -> str:
    """The devices there are, as in "2 x NVIDIA H200"."""
    found = used()
    return f"{len(found)} x {found[0].device_kind}"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh of one axis, `data`, over the given devices (default: all that are used)."""
    chosen = used() if devices is None else list(devices)
    return jax.make_mesh((len(chosen),), ("data",), axis_types=(AxisType.Auto,), devices=chosen)


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Put a whole copy of every array on every device of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard(tree: Tree, mesh: Mesh) -> Tree:
    """Cut every array along its first axis over the devices of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec("data")))


def check_batch(batch: int, mesh: Mesh, key: str) -> None:
    """See that a batch can be shared out evenly.

    Raises:
        InputError: `batch`, the value of the setting `key`, is no multiple of the device count.
    """
    if batch % mesh.size:
        raise InputError(
            f"{key} = {batch} cannot be shared by {mesh.size} devices; "
            f"choose a multiple of {mesh.size}"
        )
