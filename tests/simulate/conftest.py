import jax
import pytest

from echojax import devices
from echojax.simulate.dataset import simulate
from tests.simulate.reading import PATIENTS, SEED, SIZE


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Not here: how programs are compiled may change a pixel."""


@pytest.fixture(scope="session", autouse=True)
def programs():
    """Rendering takes ten seconds to compile; what was compiled before is used again.

    By the processes that tests start, too: every program is kept, however fast it compiled.
    """
    devices.start()
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@pytest.fixture(scope="session")
def dataset(programs, tmp_path_factory):
    """Ten patients, stills only."""
    folder = tmp_path_factory.mktemp("simulated") / "camus"
    simulate(folder, patients=PATIENTS, seed=SEED, size=SIZE, workers=1)
    return folder


@pytest.fixture(scope="session")
def sequences(programs, tmp_path_factory):
    """Two patients of the same seed, with sequences of five frames."""
    folder = tmp_path_factory.mktemp("sequences") / "camus"
    simulate(folder, patients=2, seed=SEED, size=SIZE, frames=5, workers=1)
    return folder
