import jax
import pytest

from echojax import devices
from echojax.simulate.dataset import simulate
from tests.simulate.reading import PATIENTS, SEED, SIZE


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Not here: how programs are compiled may change a pixel, be it by the tests of before."""
    jax.clear_caches()


@pytest.fixture(scope="session", autouse=True)
def programs():
    """Rendering takes ten seconds to compile; what was compiled before is used again.

    By the processes that tests start, too: every program is kept, however fast it compiled.
    """
    devices.start()
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def made(parent, **settings):
    """A simulated folder; fixtures of a session come before those of a module."""
    jax.clear_caches()
    simulate(parent / "camus", seed=SEED, size=SIZE, workers=1, **settings)
    return parent / "camus"


@pytest.fixture(scope="session")
def dataset(programs, tmp_path_factory):
    """Ten patients, stills only."""
    return made(tmp_path_factory.mktemp("simulated"), patients=PATIENTS)


@pytest.fixture(scope="session")
def grades(programs, tmp_path_factory):
    """Five patients of the same seed, each in good, medium and poor quality."""
    return made(tmp_path_factory.mktemp("grades"), patients=5, grades="each")


@pytest.fixture(scope="session")
def coherent(programs, tmp_path_factory):
    """Two patients of the same seed, received element by element."""
    return made(tmp_path_factory.mktemp("coherent"), patients=2, coherence=True)


@pytest.fixture(scope="session")
def sequences(programs, tmp_path_factory):
    """Two patients of the same seed, with sequences of five frames."""
    return made(tmp_path_factory.mktemp("sequences"), patients=2, frames=5)
