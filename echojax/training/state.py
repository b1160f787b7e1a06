"""What changes while a network is trained, and which part of the network that is."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from flax import nnx

LEARNED: nnx.filterlib.Filter = nnx.Param
"""What of a network learns if nothing else is said: all of its parameters."""


class Counted(Protocol):
    """The least that `fit` asks of a state: a pytree that counts its steps."""

    @property
    def step(self) -> jax.Array:
        """Steps taken, a scalar integer."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["step", "params", "rest", "opt_state", "key", "average"],
    meta_fields=[],
)
@dataclass(frozen=True)
class TrainState:
    """All that there is of one network in training.

    Attributes:
        step: steps taken.
        params: the parameters that learn.
        rest: everything else of the network: running statistics, and parameters that are frozen.
        opt_state: of the optimiser.
        key: data of the random key that every step draws from, see `draw`.
        average: a moving average of `params` and `rest`; None where none is kept.
    """

    step: jax.Array
    params: nnx.State
    rest: nnx.State
    opt_state: optax.OptState
    key: jax.Array
    average: tuple[nnx.State, nnx.State] | None = None

    def draw(self) -> jax.Array:
        """The random key of the step that comes next; the same whenever training is resumed."""
        return jax.random.fold_in(jax.random.wrap_key_data(self.key), self.step)


def split(
    model: Any, learned: nnx.filterlib.Filter = LEARNED
) -> tuple[nnx.GraphDef[Any], nnx.State, nnx.State]:
    """A network as its structure, the parameters that learn, and everything else.

    Args:
        model: the network.
        learned: which of its variables learn, by type and path, as `nnx.All(nnx.Param,
            nnx.PathContains("fc"))`. Variables of a type that inherits from `nnx.Param`, as
            `nnx.LoRAParam` does, are parameters too: freeze a base by `nnx.LoRAParam` alone.
    """
    graphdef, params, rest = nnx.split(model, learned, ...)  # type: ignore[misc]
    return graphdef, params, rest


def initial_state(
    model: Any,
    optimizer: optax.GradientTransformation,
    *,
    seed: int,
    learned: nnx.filterlib.Filter = LEARNED,
    average: bool = False,
) -> TrainState:
    """State at step 0 of a network as it is; its arrays are copied, as steps use up theirs."""
    _, *parts = split(model, learned)
    params, rest = jax.tree.map(jnp.copy, parts)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        rest=rest,
        opt_state=optimizer.init(params),
        key=jax.random.key_data(jax.random.key(seed)),
        average=jax.tree.map(jnp.copy, (params, rest)) if average else None,
    )
