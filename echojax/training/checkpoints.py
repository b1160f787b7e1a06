"""Orbax checkpoints: of a training under way, and of a trained network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from flax import nnx
from jax.sharding import Mesh
from orbax.checkpoint import v1 as ocp

from echojax import devices
from echojax.errors import EchojaxError, InputError
from echojax.models.generator import Generator
from echojax.weights import by_name, networks


def split(model: nnx.Module | Generator) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
    """A network as its structure, its parameters and its running statistics."""
    graphdef, params, *rest = nnx.split(model, nnx.Param, nnx.BatchStat)
    return graphdef, params, rest[0]


def checkpointer_of(directory: Path, metadata: dict[str, Any] | None) -> ocp.training.Checkpointer:
    """What keeps the newest checkpoint of a training, and says of which network it is."""
    return ocp.training.Checkpointer(
        directory.absolute(),
        # When to save is the loop's decision; a torn write never replaces the last whole one.
        save_decision_policy=ocp.training.save_decision_policies.FixedIntervalPolicy(1),
        preservation_policy=ocp.training.preservation_policies.LatestN(1),
        custom_metadata=metadata,
    )


def abstract(tree: Any) -> Any:
    """Shapes, types and places of arrays, which Orbax restores to whatever the device count was."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def save_network(model: nnx.Module, directory: Path) -> None:
    """Keep a trained network, without the state of its optimiser, as an Orbax checkpoint."""
    _, params, stats = split(model)
    ocp.save(directory.absolute(), {"params": params, "stats": stats}, overwrite=True)


def load_network(model: nnx.Module, directory: Path, mesh: Mesh) -> None:
    """Fill a network from what `save_network` kept of one like it, on every device of a mesh.

    Raises:
        EchojaxError: the checkpoint is damaged.
    """
    _, params, stats = split(model)
    like = abstract(devices.replicate({"params": params, "stats": stats}, mesh))
    stored = load(
        lambda abstract_state: ocp.load(directory.absolute(), abstract_state), directory, like
    )
    nnx.update(model, stored["params"], stored["stats"])


def load(loader: Callable[..., Any], directory: Path, like: Any) -> Any:
    """Call an Orbax loader; a damaged checkpoint becomes an error that says what to do.

    Raises:
        EchojaxError: the checkpoint is damaged, or of something else.
    """
    try:
        return loader(abstract_state=like)
    except (ValueError, KeyError, OSError) as error:
        raise EchojaxError(
            f"{directory}: not a whole checkpoint of this network ({type(error).__name__}); delete "
            "it and go on with --resume"
        ) from error


def load_generator(directory: Path) -> tuple[Generator, dict[str, str]]:
    """The generator of a training's newest checkpoint, finished or not; of SRGAN, the average.

    Returns:
        The network, and what the checkpoint says of it.

    Raises:
        InputError: no training of a generator was kept there.
        EchojaxError: the checkpoint is damaged.
    """
    if not directory.is_dir():  # Orbax would make it
        raise InputError(f"{directory}: no such folder")
    with ocp.training.Checkpointer(directory.absolute()) as checkpointer:
        newest = checkpointer.latest
        if newest is None:
            raise InputError(
                f"{directory}: no checkpoint of a training; expected RUN/sr/MODEL/PROTOCOL/foldN"
            )
        told = checkpointer.root_metadata().custom_metadata or {}
        model = networks.build(told, directory)
        # Told where to put things, Orbax needs none of the devices it was saved from.
        place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        like = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
            checkpointer.metadata(newest).metadata,
        )
        kept = load(checkpointer.load, directory, like)
    params, stats = kept["average"] if "average" in kept else (kept["params"], kept["stats"])
    leaves = by_name.leaves(params) | by_name.leaves(stats)
    # Orbax stores an NNX variable as a node of one leaf.
    tensors = {name.removesuffix(".value"): leaf for name, leaf in leaves.items()}
    by_name.fill(model, tensors, directory)
    fields = networks.describe(model).keys()
    card = {key: str(value) for key, value in told.items() if key not in fields}
    return model, {**card, "checkpoint": f"step {newest.step}"}
