"""Learning coherence from frames: the loss, changes at random, controls, and a network's file."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from echojax.cli import main
from echojax.errors import InputError
from echojax.inference.coherence import CoherenceNetwork
from echojax.metrics import ssim
from echojax.recipes import coherence, coherence_scores
from echojax.recipes.coherence import CoherenceConfig
from echojax.training.coherence_augmentation import augment
from tests import camus_folders


def disc(size=64):
    """A sector, as a disc, of 0 and 1."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    return (np.hypot(rows, columns) < 0.45 * size).astype(np.float32)


def test_similarity_is_that_of_the_metric():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 64, 64)).astype(np.float32)
    found = np.asarray(coherence.similarity(jnp.asarray(one[None]), jnp.asarray(other[None])))[0]
    inside = np.zeros((64, 64), bool)
    inside[12:-12, 12:-12] = True
    assert found[inside].mean() == pytest.approx(ssim(one, other, inside), abs=2e-3)
    assert (
        np.asarray(coherence.similarity(jnp.asarray(one[None]), jnp.asarray(one[None]))).min()
        > 0.999
    )


def maps(number, seed=0):
    rng = np.random.default_rng(seed)
    inside = np.broadcast_to(disc(), (number, 64, 64))
    frames, factors = rng.uniform(0.2, 1, (2, number, 64, 64)) * inside
    return jnp.asarray(np.stack([frames, factors, inside], axis=-1), jnp.float32)


def test_frame_and_coherence_are_moved_alike_and_only_the_frame_is_lit():
    given = maps(32)
    given = given.at[..., 1].set(given[..., 0])  # coherence that looks like its frame
    changed = np.asarray(augment(jax.random.split(jax.random.key(0), 32), given))
    assert changed.min() >= 0
    assert changed.max() <= 1
    moved = [
        not np.allclose(c[..., 1], g[..., 1], atol=1e-3)
        for c, g in zip(changed, given, strict=True)
    ]
    lit = [not np.allclose(c[..., 0], c[..., 1], atol=1e-3) for c in changed]
    assert 16 <= sum(moved) < 32  # one of three changes, half of the time each
    assert 12 <= sum(lit) < 32
    # Levels stay in their order: what is lit is the frame that was moved.
    for own in changed:
        inside = own[..., 2] > 0.99999
        order = np.argsort(own[..., 1][inside])
        assert (np.diff(own[..., 0][inside][order]) > -1e-3).all()


def test_outside_the_sector_nothing_is_learned():
    """The loss of a network does not change with what coherence is said to be outside."""
    given = (255 * np.asarray(maps(2))).astype(np.uint8)
    black = given.copy()
    black[..., 2] = 0
    config = CoherenceConfig(augment=False)

    class Answer:
        def __call__(self, x, *, train):
            return jnp.zeros_like(x)

    loss = coherence.loss_of(config)
    value, _ = loss(Answer(), jnp.asarray(given), jax.random.key(0))
    none, _ = loss(Answer(), jnp.asarray(black), jax.random.key(0))
    assert value < -0.01
    assert none == 0


def test_controls_find_what_they_can():
    given = (255 * np.asarray(maps(4))).astype(np.uint8)
    given[..., 1] = np.round(40 + 0.5 * given[..., 0]) * (given[..., 2] > 0)
    found = coherence_scores.scores(given[2:], coherence_scores.blurred(given[:2], given[2:]))
    assert found["psnr_sector"] > 45
    assert found["ssim_sector"] > 0.98
    assert found["relative_error"] < 1
    depth = np.hypot(np.arange(64)[:, None], np.arange(64)[None] - 32).astype(int)
    given[..., 1] = (2 * depth) * (given[..., 2] > 127)
    found = coherence_scores.scores(given[2:], coherence_scores.of_depth(given[:2], given[2:]))
    assert found["relative_error"] < 0.5


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Frames of eight persons whose coherence is known."""
    folder = tmp_path_factory.mktemp("coherence")
    patients = [f"patient000{k}" for k in range(1, 9)]
    release = camus_folders.nifti_release(folder / "camus", patients)
    for patient in patients:
        for view in ("2CH", "4CH"):
            camus_folders.add_coherence(release, f"{patient}_{view}_ED")
    words = ["prepare", "camus", "--from", str(release), "--data-dir", str(folder / "data")]
    assert main(words) == 0
    return folder / "data"


SETTINGS = {"size": 64, "steps": 2, "batch": 2, "evaluate_frames": 2}


def test_a_trained_network_comes_back_and_answers_in_the_frame_s_own_size(
    data_dir, tmp_path, capsys
):
    words = [f"coherence.{key}={value}" for key, value in SETTINGS.items()]
    given = [part for word in words for part in ("--set", word)]
    run = tmp_path / "run"
    assert main(["train-coherence", "--data-dir", str(data_dir), "--run", str(run), *given]) == 0
    printed = capsys.readouterr().out
    for name in coherence_scores.WAYS.values():
        assert name in printed
    network = CoherenceNetwork.load(run / "coherence.safetensors")
    assert network.size == 64
    frame = np.zeros((90, 70), np.uint8)
    frame[20:80, 10:60] = 120
    found = network(frame)
    assert found.shape == frame.shape
    assert found.dtype == np.float32
    assert (found[25:75, 15:55] > 0).all()
    assert found.max() <= 1
    assert not found[:15].any()


def test_frames_without_coherence_are_refused_with_what_to_do(nifti_folder, tmp_path, capsys):
    data = tmp_path / "data"
    assert main(["prepare", "camus", "--from", str(nifti_folder), "--data-dir", str(data)]) == 0
    words = ["train-coherence", "--data-dir", str(data), "--run", str(tmp_path / "run")]
    assert main(words) == 2
    assert "simulate OUT --coherence" in capsys.readouterr().err


def test_a_file_of_another_network_is_refused(tmp_path):
    with pytest.raises(InputError):
        CoherenceNetwork.load(tmp_path / "none.safetensors")
