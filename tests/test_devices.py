import jax
import pytest

from echojax import devices
from echojax.errors import InputError


@pytest.fixture
def platforms():
    """Sets what JAX_PLATFORMS would have set."""
    before = jax.config.jax_platforms
    yield lambda names: jax.config.update("jax_platforms", names)
    jax.config.update("jax_platforms", before)


@pytest.mark.parametrize("names", ["cpu", "cuda,cpu", "", None])
def test_the_cpu_is_there_unless_it_is_left_out(names, platforms):
    assert jax.devices()
    platforms(names)
    assert devices.cpu().platform == "cpu"


def test_a_cpu_that_is_left_out_is_asked_for(platforms):
    platforms("cuda")
    with pytest.raises(InputError, match="JAX_PLATFORMS=cuda leaves out cpu; use cuda,cpu"):
        devices.cpu()
