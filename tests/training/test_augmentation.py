import jax
import numpy as np
import pytest

from echojax.training.augmentation import augment

FRAMES, SIDE = 64, 96
MIDDLE = slice(SIDE // 4, -SIDE // 4)  # where nothing from outside the frame comes


@pytest.fixture(scope="module")
def changed():
    """Frames (n, SIDE, SIDE) changed at some strength; one program for all."""
    program = jax.jit(augment)

    def change(frames, strength, seed=0):
        keys = jax.random.split(jax.random.key(seed), len(frames))
        return np.asarray(program(keys, np.asarray(frames, np.float32), np.float32(strength)))

    return change


def noisy():
    return np.random.default_rng(0).random((FRAMES, SIDE, SIDE), np.float32)


def same(frame):
    return np.stack([np.asarray(frame, np.float32)] * FRAMES)


def gray():
    return same(np.full((SIDE, SIDE), 0.5))


def spot():
    frame = np.zeros((SIDE, SIDE))
    frame[44:52, 44:52] = 1
    return same(frame)


def stripes():
    """Black and gray, sixteen pixels wide."""
    frame = np.zeros((SIDE, SIDE))
    frame[:, np.arange(SIDE) // 16 % 2 == 1] = 0.5
    return same(frame)


def middle(frames):
    return frames[:, MIDDLE, MIDDLE]


def columns_of(spots):
    """Where spots lie, of those that can still be seen."""
    seen = spots[spots.sum((1, 2)) > 1]
    return (seen.sum(1) * np.arange(SIDE)).sum(1) / seen.sum((1, 2))


def level(frames):
    return np.median(middle(frames), axis=(1, 2))


def moved(change, strength):
    return columns_of(change(spot(), strength)).std()


def lit(change, strength):
    """How differently bright the frames are."""
    return level(change(gray(), strength)).std()


def blurred(change, strength):
    """How many pixels are neither dark nor as bright as the stripes."""
    result = change(stripes(), strength)
    part = result / np.quantile(result, 0.9, axis=(1, 2), keepdims=True).clip(0.1)
    return np.mean((part > 0.25) & (part < 0.75))


def grainy(change, strength):
    return np.median(np.abs(np.diff(middle(change(gray(), strength)), axis=2)))


def erased(change, strength):
    return np.mean(middle(change(gray(), strength)) == 0)


def shadowed(change, strength):
    """How many pixels are much darker than their frame, but not black."""
    result = change(gray(), strength)
    part = middle(result) / level(result).clip(0.1)[:, None, None]
    return np.mean((part > 0) & (part < 0.6))


def test_strength_0_changes_nothing(changed):
    np.testing.assert_allclose(changed(noisy(), 0.0), noisy(), atol=1e-4)


# What is left of an effect without its own transform, by the others, is less.
@pytest.mark.parametrize(
    ("effect", "least"),
    [
        (moved, 2),
        (lit, 0.05),
        (blurred, 0.07),
        (grainy, 0.01),
        (erased, 0.01),
        (shadowed, 0.01),
    ],
)
def test_every_effect_is_there_and_grows_with_the_strength(changed, effect, least):
    none, half, whole = (effect(changed, strength) for strength in (0.0, 0.5, 1.0))
    assert none < 1e-4
    assert none < half < whole
    assert whole > least


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_gray_levels_stay_in_range(changed, strength):
    result = changed(noisy(), strength)
    assert result.shape == (FRAMES, SIDE, SIDE)
    assert result.min() >= 0
    assert result.max() <= 1
    assert result.std() > 0.1


def test_black_stays_black(changed):
    """No noise and no brightness where a scanner shows nothing."""
    assert not np.any(changed(np.zeros((FRAMES, SIDE, SIDE)), 2.0))


def test_what_comes_from_outside_is_black(changed):
    result = changed(gray(), 1.0)
    edge = np.concatenate([result[:, 0].ravel(), result[:, :, 0].ravel()])
    assert np.mean(edge == 0) > 0.1 + np.mean(middle(result) == 0)


@pytest.mark.parametrize("axis", [0, 1])
def test_nothing_is_ever_mirrored(changed, axis):
    """A frame whose first half is bright keeps its weight there: left tells the views apart."""
    frame = np.zeros((SIDE, SIDE))
    frame[: SIDE // 2] = 0.8
    result = np.concatenate(
        [changed(same(frame if axis == 0 else frame.T), 1.0, seed) for seed in range(4)]
    )
    first, second = np.split(np.moveaxis(result, axis + 1, 1), 2, axis=1)
    assert np.all(first.sum(axis=(1, 2)) > second.sum(axis=(1, 2)))


def test_turns_and_shifts_go_both_ways(changed):
    high = np.roll(spot(), -28, axis=1)
    columns = columns_of(changed(high, 1.0))
    assert np.min(columns) < 40
    assert np.max(columns) > 55


def test_the_same_key_gives_the_same_frame_whatever_else_is_in_the_batch(changed):
    frames = noisy()
    first = changed(frames, 1.0)
    np.testing.assert_array_equal(changed(frames, 1.0), first)
    others = np.concatenate([frames[:8], 1 - frames[8:]])
    np.testing.assert_allclose(changed(others, 1.0)[:8], first[:8], atol=1e-5)
    assert np.abs(changed(frames, 1.0, seed=1) - first).mean() > 0.05


def test_frames_of_a_batch_are_changed_differently(changed):
    result = changed(same(noisy()[0]), 1.0)
    assert all(np.abs(one - result[0]).mean() > 0.02 for one in result[1:])
