import jax
import numpy as np
import pytest

from echojax.training.joint_augmentation import augment

SIDE = 48


@pytest.fixture(scope="module")
def changed():
    """Two hundred copies of a frame and its mask, changed at random, not mirrored and mirrored."""
    rows, columns = np.indices((SIDE, SIDE))
    disc = (np.hypot(rows - 20, columns - 18) < 8).astype(np.float32)
    frames = np.repeat(0.5 * disc[None], 200, axis=0)
    targets = np.repeat(np.stack([disc, 1 - disc], axis=-1)[None], 200, axis=0)
    keys = jax.random.split(jax.random.key(0), 200)

    def change(mirror):
        program = jax.jit(augment, static_argnames="mirror")
        return tuple(map(np.asarray, program(keys, frames, targets, mirror=mirror)))

    return disc, change(False), change(True)


def centres(maps):
    """Row and column of the middle of each map (n, h, w)."""
    total = maps.sum(axis=(1, 2))
    return np.stack(
        [(maps.sum(axis=2 - k) * np.arange(SIDE)).sum(axis=1) / total for k in range(2)], axis=1
    )


def test_masks_go_where_frames_go(changed):
    for frames, targets in changed[1:]:
        inside = targets[..., 0] > 1e-3
        assert (frames[inside] > 0).all()
        assert (frames[~inside] < 1e-2).all()


def test_half_are_moved_within_the_stated_range(changed):
    disc, (_, targets), _ = changed
    moved = np.abs(centres(targets[..., 0]) - centres(disc[None])).max(axis=1)
    assert 0.35 < np.mean(moved > 0.01) < 0.65
    # A tenth of the side, and what turning and scaling about the middle add.
    assert 2 < moved.max() < 0.1 * SIDE + 0.3 * 8
    scale = np.sqrt(targets[..., 0].sum(axis=(1, 2)) / disc.sum())
    assert 0.78 < scale.min() < 0.85
    assert 1.05 < scale.max() < 1.12


def test_shares_of_structures_never_exceed_one_and_are_nothing_outside(changed):
    _, (_, targets), _ = changed
    whole = targets.sum(axis=-1)
    assert whole.max() < 1 + 1e-5
    assert (whole.min(axis=(1, 2)) < 0.5).any()  # some were moved over the edge


def test_light_changes_frames_and_no_mask(changed):
    _, (frames, targets), _ = changed
    still = np.abs(targets - np.round(targets)).max(axis=(1, 2, 3)) < 1e-3
    levels = {round(float(frame.max()), 3) for frame in frames[still]}
    assert 0.5 in levels
    assert len(levels) > 5


def test_half_are_mirrored_if_asked_for(changed):
    disc, (_, plain), (_, mirrored) = changed
    assert disc[:, : SIDE // 2].sum() > disc[:, SIDE // 2 :].sum()
    right = centres(mirrored[..., 0])[:, 1] > SIDE / 2
    assert 0.35 < right.mean() < 0.65
    np.testing.assert_allclose(mirrored[right], plain[right][:, :, ::-1], atol=1e-6)
