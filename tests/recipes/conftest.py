import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Steps are few: compiling their programs is nearly all of the time."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
