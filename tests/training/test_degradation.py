import jax
import numpy as np
import pytest

from echojax.training.degradation import degrade

FRAMES, SIDE = 64, 96


@pytest.fixture(scope="module")
def poorer():
    """Frames (n, SIDE, SIDE) degraded at some strength; one program for all."""
    program = jax.jit(degrade)

    def make(frames, strength, seed=0):
        keys = jax.random.split(jax.random.key(seed), len(frames))
        return np.asarray(program(keys, np.asarray(frames, np.float32), np.float32(strength)))

    return make


def same(frame):
    return np.stack([np.asarray(frame, np.float32)] * FRAMES)


def inside():
    """A sector of a quarter turn with a black surround."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle = np.arctan2(columns - SIDE / 2, rows)
    return (np.hypot(rows, columns - SIDE / 2) < 0.9 * SIDE) & (np.abs(angle) < np.pi / 4)


def fan(bright=0.5, dark=0.2):
    """Stripes of two gray levels, eight pixels wide, in a sector."""
    stripes = np.where(np.arange(SIDE) // 8 % 2, bright, dark)
    return same(np.where(inside(), stripes, 0))


def lower(frames):
    """Well inside the sector, below what is near the probe."""
    return frames[:, 60:80, 32:64]


def contrast(frames):
    return lower(frames).std(axis=(1, 2))


def moved(frames, before):
    return np.sqrt(np.mean((frames - before) ** 2, axis=(1, 2)))


def test_strength_0_changes_nothing(poorer):
    np.testing.assert_allclose(poorer(fan(), 0.0), fan(), atol=1e-4)


def test_frames_become_anything_from_nearly_unchanged_to_poor(poorer):
    change = moved(poorer(fan(), 1.0), fan())
    assert change.min() < 0.02
    assert change.max() > 0.1
    assert np.mean(change < 0.05) > 0.1


def test_more_strength_moves_frames_further(poorer):
    half, whole = (moved(poorer(fan(), strength), fan()).mean() for strength in (0.5, 1.0))
    assert 0 < half < whole


def test_contrast_is_only_lost(poorer):
    smooth = poorer(fan(), 1.0)
    # A pixel of noise adds to the deviation.
    assert np.mean(contrast(smooth) < contrast(fan())) > 0.8
    assert np.median(contrast(smooth)) < 0.8 * contrast(fan())[0]


def test_haze_is_brightest_near_the_probe(poorer):
    """Of a dark sector, where what is lost cannot be seen."""
    frames = same(np.where(inside(), 0.05, 0))
    change = np.where(inside(), poorer(frames, 1.0) - frames, 0).mean(0)
    rows = change.sum(1) / inside().sum(1).clip(1)
    assert rows[8:20].mean() > 3 * rows[70:].mean()
    assert rows[8:20].mean() > 0.02


@pytest.mark.parametrize("axis", [1, 2])
def test_edges_get_wider_along_either_axis(poorer, axis):
    step = np.full((SIDE, SIDE), 0.2)
    step[SIDE // 2 :] = 0.6
    frames = same(step if axis == 1 else step.T)
    profile = np.median(poorer(frames, 2.0), axis=3 - axis)
    rise = profile[:, 60:70].mean(1) - profile[:, 26:36].mean(1)
    steepest = np.diff(profile)[:, 44:52].max(axis=1) / rise  # of a sharp edge 1
    assert np.quantile(steepest, 0.25) < 0.6
    assert steepest.max() > 0.9


def test_some_frames_have_a_shadow(poorer):
    """A wedge much darker than its frame, without anything in there that was dark before."""
    frames = same(np.where(inside(), 0.5, 0))
    result = lower(poorer(frames, 1.0))
    level = np.quantile(result, 0.9, axis=(1, 2))[:, None, None]
    shadowed = np.mean(result < 0.5 * level, axis=(1, 2)) > 0.05
    assert 0.02 < shadowed.mean() < 0.5


def test_noise_is_added(poorer):
    frames = same(np.full((SIDE, SIDE), 0.5))
    grain = np.abs(np.diff(poorer(frames, 1.0), axis=2)).mean((1, 2))
    assert grain.max() > 0.02
    assert grain.min() < 0.01


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_gray_levels_stay_in_range_and_the_surround_black(poorer, strength):
    result = poorer(fan(1.0, 0.1), strength)
    assert result.shape == (FRAMES, SIDE, SIDE)
    assert result.min() >= 0
    assert result.max() <= 1
    # A blur spreads the sector's edge by a few pixels.
    corner = result[:, :20, :10]
    assert corner.max() < 1e-3


def test_the_same_key_gives_the_same_frame_whatever_else_is_in_the_batch(poorer):
    frames = fan()
    first = poorer(frames, 1.0)
    np.testing.assert_array_equal(poorer(frames, 1.0), first)
    others = np.concatenate([frames[:8], frames[8:] / 2])
    np.testing.assert_allclose(poorer(others, 1.0)[:8], first[:8], atol=1e-5)
    assert np.abs(poorer(frames, 1.0, seed=1) - first).mean() > 0.01
