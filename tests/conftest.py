from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax.data import camus
from echojax.data.frames import Frames
from tests import camus_folders

# An axis that is missing fails, rather than lead to results of another shape.
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True, scope="module")
def quick_compilation() -> Iterator[None]:
    """Most programs run a few times on a few numbers: compiling them is nearly all of the time."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout."""
    folder = (Path(__file__).parents[1] / ".." / "shared" / "data").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def camus_224(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """243 real patients, prepared and loaded."""
    data_dir = tmp_path_factory.mktemp("camus_224")
    camus.prepare(shared_data / "camus_224", data_dir)
    return camus.load(data_dir)


@pytest.fixture
def nifti_folder(tmp_path: Path) -> Path:
    """A NIfTI release of two patients without lists, for tests to damage."""
    return camus_folders.nifti_release(tmp_path / "CAMUS_public")


@pytest.fixture
def challenge_folder(tmp_path: Path) -> Path:
    """A challenge release of two training patients, for tests to damage."""
    return camus_folders.challenge_release(tmp_path / "challenge")


@pytest.fixture(scope="session")
def make_frames() -> Callable[..., Frames]:
    """Frames of given images; what is not given is the same for all: 2CH, ED, good, no mask."""

    def make(
        images: Sequence[np.ndarray],
        patients: Sequence[str],
        view: Sequence[int] | int = 0,
        phase: Sequence[int] | int = 0,
        quality: Sequence[int] | int = 0,
        spacing: tuple[float, float] = (0.3, 0.3),
        masks: Sequence[np.ndarray | None] | None = None,
        **columns: np.ndarray,
    ) -> Frames:
        n = len(images)
        return Frames(
            images,
            (None,) * n if masks is None else masks,
            patient=np.array(patients),
            view=np.broadcast_to(np.asarray(view, np.int8), n),
            phase=np.broadcast_to(np.asarray(phase, np.int8), n),
            quality=np.broadcast_to(np.asarray(quality, np.int8), n),
            spacing=np.tile(np.array(spacing, np.float32), (n, 1)),
            **columns,
        )

    return make


@pytest.fixture(scope="session")
def random_network() -> Callable[..., nnx.Module]:
    """Networks with random numbers in every parameter and statistic, as if they were trained.

    Their initialisers are not run: compiling those takes longer than most tests.
    """

    def make(constructor: Callable[[], nnx.Module], seed: int = 0) -> nnx.Module:
        rng = np.random.default_rng(seed)

        def number(path: tuple, leaf: jax.ShapeDtypeStruct) -> jax.Array:
            name, noise = path[-1].key, rng.uniform(-0.2, 0.2, leaf.shape)
            if name == "kernel":
                noise = rng.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]))
            around = {"scale": 1.0, "var": 1.0, "negative_slope": 0.25}.get(name, 0.0)
            return jnp.asarray(around + noise, leaf.dtype)

        model = nnx.eval_shape(constructor)
        state = nnx.state(model)
        numbers = jax.tree_util.tree_map_with_path(number, nnx.to_pure_dict(state))
        nnx.replace_by_pure_dict(state, numbers)
        nnx.update(model, state)
        return model

    return make
