import jax
import jax.numpy as jnp
import numpy as np
import pytest

from echojax.training import augmentation
from echojax.training.augmentation import augment

SIDE = 48
TRANSFORMS = ["_shadow", "_move", "_blur", "_light", "_noise", "_erase"]
changed = jax.jit(augment, static_argnums=2)


def each(name):
    """One transform, of many frames at once."""
    return jax.jit(jax.vmap(getattr(augmentation, name), (0, 0, None)))


def keys(number, seed=0):
    return jax.random.split(jax.random.key(seed), number)


def noisy(number):
    return np.random.default_rng(0).random((number, SIDE, SIDE), np.float32)


def test_strength_0_changes_nothing():
    frames = noisy(16)
    np.testing.assert_allclose(changed(keys(16), frames, 0.0), frames, atol=1e-4)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_takes_part_and_is_told_how_strongly(name):
    transform, frames = each(name), 0.1 + 0.8 * noisy(32)

    def difference(strength):
        return np.abs(transform(keys(32), frames, strength) - frames).mean()

    assert difference(0.0) < 1e-4
    assert 1e-3 < difference(0.5) < difference(1.0)


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_gray_levels_stay_in_range(strength):
    result = np.asarray(changed(keys(64), noisy(64), strength))
    assert result.shape == (64, SIDE, SIDE)
    assert result.min() >= 0
    assert result.max() <= 1
    assert result.std() > 0.1


def test_black_stays_black():
    """No noise and no brightness where a scanner shows nothing."""
    assert not np.any(changed(keys(64), np.zeros((64, SIDE, SIDE), np.float32), 2.0))


def test_what_comes_from_outside_is_black():
    moved = np.asarray(each("_move")(keys(16), jnp.ones((16, SIDE, SIDE)), 1.0))
    assert np.mean(moved[:, SIDE // 2, SIDE // 2]) == 1
    edge = np.concatenate([moved[:, 0].ravel(), moved[:, :, 0].ravel()])
    assert 0.2 < np.mean(edge == 0) < 0.95


@pytest.mark.parametrize("axis", [0, 1])
def test_nothing_is_ever_mirrored(axis):
    """A frame whose first half is bright keeps its weight there: left tells the views apart."""
    frame = np.zeros((SIDE, SIDE), np.float32)
    frame[: SIDE // 2] = 0.8
    frame = frame if axis == 0 else frame.T
    result = np.asarray(changed(keys(300), np.stack([frame] * 300), 1.0))
    first, second = np.split(np.moveaxis(result, axis + 1, 1), 2, axis=1)
    assert np.all(first.sum(axis=(1, 2)) > second.sum(axis=(1, 2)))


def test_turns_and_shifts_go_both_ways():
    spot = np.zeros((SIDE, SIDE), np.float32)
    spot[8:12, 22:26] = 1
    moved = np.asarray(each("_move")(keys(64), jnp.stack([spot] * 64), 1.0))
    columns = (moved.sum(axis=1) * np.arange(SIDE)).sum(axis=1) / moved.sum(axis=(1, 2))
    assert np.min(columns) < 20
    assert np.max(columns) > 27


def test_the_same_key_gives_the_same_frame_whatever_else_is_in_the_batch():
    frames = noisy(8)
    first = np.asarray(changed(keys(8), frames, 1.0))
    np.testing.assert_array_equal(changed(keys(8), frames, 1.0), first)
    np.testing.assert_allclose(changed(keys(8)[3:5], frames[3:5], 1.0), first[3:5], atol=1e-5)
    assert np.abs(changed(keys(8, seed=1), frames, 1.0) - first).mean() > 0.05


def test_frames_of_a_batch_are_changed_differently():
    result = np.asarray(changed(keys(8), np.stack([noisy(1)[0]] * 8), 1.0))
    assert all(np.abs(one - result[0]).mean() > 0.02 for one in result[1:])
