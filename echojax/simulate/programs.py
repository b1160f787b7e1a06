"""How the simulator's programs are compiled: every bit is the same for any number of threads.

XLA hands matrix products and sums of many values to libraries that divide them among threads, and
rounds the parts; what is compiled here does without, so that a seed fixes every pixel.
"""

from collections.abc import Callable
from typing import Any

import jax

# XLA cuts loops into parts for as many threads as it counts, too. Work is spread over CPUs by
# patients instead.
UNCUT = {"xla_disable_hlo_passes": "cpu-parallel-task-assigner"}


def compiled(function: Callable[..., Any]) -> jax.stages.Wrapped:
    """One program of a function of arrays, no operation of which is divided among threads.

    It cannot be called from another one: such options are of a program as a whole.
    """
    return jax.jit(function, compiler_options=UNCUT)
