import jax
import jax.numpy as jnp
import numpy as np

from echojax.inference.regions import MIRRORED
from echojax.training.grading_augmentation import augment, moved


def test_grades_change_places_with_the_frame_and_stay_the_same_otherwise():
    """A frame that is bright on the left: where it comes back bright on the right, so do grades."""
    frame = jnp.zeros((33, 33)).at[8:25, 6:12].set(0.5)
    grades = jnp.arange(8.0)
    n = 64
    keys = jax.random.split(jax.random.key(0), n)
    frames, changed = augment(keys, jnp.stack([frame] * n), jnp.stack([grades] * n), MIRRORED)
    right = np.asarray(frames[:, :, 17:].sum((1, 2)) > frames[:, :, :16].sum((1, 2)))
    swapped = np.asarray(changed[:, 0] == MIRRORED[0])
    assert np.array_equal(right, swapped)
    assert 16 < swapped.sum() < 48
    np.testing.assert_array_equal(changed[~swapped], np.tile(grades, (n - swapped.sum(), 1)))
    assert frames.min() >= 0
    assert frames.max() <= 1


def test_no_grade_becomes_one():
    grades = jnp.full((16, 8), jnp.nan).at[:, 2].set(4.0)
    keys = jax.random.split(jax.random.key(1), 16)
    _, changed = augment(keys, jnp.full((16, 8, 8), 0.5), grades, MIRRORED)
    assert np.array_equal(np.isfinite(changed).sum(1), np.ones(16))


def test_a_frame_is_turned_and_enlarged_about_its_middle():
    """Reference: quarter turns of NumPy, and a square whose sides are known; tolerance 1e-5."""
    frame = jnp.asarray(np.random.default_rng(0).random((9, 9)), jnp.float32)
    same = moved(frame, jnp.float32(0), jnp.float32(1))
    np.testing.assert_allclose(same, frame, atol=1e-5)
    turned = moved(frame, jnp.float32(np.pi / 2), jnp.float32(1))
    either = [np.abs(turned - np.rot90(frame, k)).max() for k in (1, 3)]
    assert min(either) < 1e-5
    square = jnp.zeros((40, 40)).at[15:25, 15:25].set(1.0)
    large = moved(square, jnp.float32(0), jnp.float32(1.5))
    assert abs(float(large.sum()) - 15**2) < 10
