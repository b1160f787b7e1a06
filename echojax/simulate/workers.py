"""Work spread over processes of this machine, which go when it is done, fails or is interrupted."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import jax

from echojax import devices
from echojax.errors import EchojaxError

# Starting a process costs about as much as so many patients of two phases.
WORTH_A_PROCESS = 8
# Each takes half a gigabyte.
MOST = 16
MOST_ON_WINDOWS = 61  # that one process can wait for there


def sensible(patients: int) -> int:
    """How many workers to use for the work of so many patients: one a CPU, fewer where few pay."""
    return max(1, min(_cpus(), patients // WORTH_A_PROCESS, MOST))


def spread(
    work: Callable[..., None],
    arguments: Sequence[tuple[Any, ...]],
    workers: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Call `work` with each of `arguments`, in `workers` processes, or in this one if it is one.

    Of more workers than there is work for, or than Windows allows, the rest are not started.
    `progress` is called with 1 after each. Any exception, of `work`, of `progress` or an interrupt
    of the user, comes out once no process is left.

    Raises:
        EchojaxError: a worker was killed, or could not start.
    """
    workers = min(workers, len(arguments))
    if sys.platform == "win32":
        workers = min(workers, MOST_ON_WINDOWS)
    if workers <= 1:
        _keep_programs()
        for each in arguments:
            work(*each)
            if progress is not None:
                progress(1)
        return
    # Spawned: a fork would inherit JAX's threads in any state. A script that comes here is
    # imported again by each worker.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, context, initializer=_start) as pool:
        try:
            with _interrupts_later():
                futures = [pool.submit(work, *each) for each in arguments]
            for future in as_completed(futures):
                future.result()
                if progress is not None:
                    progress(1)
        except BrokenProcessPool as error:
            raise EchojaxError(
                "a worker process ended unexpectedly, for want of memory perhaps; use fewer "
                "workers, or 1. A script must start its work below `if __name__ == '__main__':`"
            ) from error
        except BaseException:
            # What they are at is not wanted any more, and may take long.
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Keep interrupts until the block is over, and for ever from the processes started in it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    """Prepare a worker, which computes on one CPU; the terminal's interrupt is for its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["NPROC"] = "1"  # threads of XLA
    jax.config.update("jax_platforms", "cpu")
    devices.start()
    _keep_programs()


def _keep_programs() -> None:
    """Keep the parts of rendering, which compile in less than the second from which others are."""
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
