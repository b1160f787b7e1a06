import numpy as np
import pytest

from echojax.inference.classify import Shape, inputs
from echojax.recipes import thumbnail


def test_it_learns_what_a_thumbnail_shows_and_nothing_else():
    rng = np.random.default_rng(0)
    frames, labels = rng.random((3000, 8, 8)), np.repeat([0, 1, 1], 1000)
    blind = thumbnail.probabilities(frames[::2], labels[::2], frames[1::2])
    assert np.mean((blind >= 0.5) == labels[1::2]) < 0.75
    frames[labels == 1, 2, 3] += 1
    seeing = thumbnail.probabilities(frames[::2], labels[::2], frames[1::2])
    assert np.mean((seeing >= 0.5) == labels[1::2]) > 0.9
    assert 0 <= seeing.min() < seeing.max() <= 1


def test_it_is_the_ridge_regression_of_the_normal_equations():
    """Reference: the same in NumPy by an augmented least-squares problem; tolerance 1e-8."""
    rng = np.random.default_rng(1)
    learned, asked, labels = rng.random((50, 8, 8)), rng.random((9, 8, 8)), rng.integers(0, 2, 50)
    x, new = learned.reshape(50, 64), asked.reshape(9, 64)
    x, new = (x - x.mean(0)) / x.std(0), (new - x.mean(0)) / x.std(0)
    y = 2 * labels - 1
    rows, goal = np.vstack([x, np.eye(64)]), np.concatenate([y - y.mean(), np.zeros(64)])
    weights = np.linalg.lstsq(rows, goal, rcond=None)[0]
    expected = np.clip((new @ weights + y.mean() + 1) / 2, 0, 1)
    found = thumbnail.probabilities(learned, labels, asked)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_a_frame_of_one_gray_level_does_no_harm():
    flat = np.zeros((4, 8, 8))
    found = thumbnail.probabilities(flat, np.array([0, 1, 1, 1]), flat)
    np.testing.assert_allclose(found, 0.75)


@pytest.mark.parametrize(("task", "least"), [("view", 0.82), ("phase", 0.70)])
def test_of_real_frames_it_tells_what_is_known(camus_224, task, least):
    """Reference: FACTS, 87 to 89 % (view) and 74 to 77 % (phase of 2CH), split by patient."""
    frames = camus_224
    if task == "phase":
        frames = frames.take(frames.where(views=["2CH"]))
    small = inputs(frames, Shape(thumbnail.SIZE))
    fold = np.unique(frames.group, return_inverse=True)[1] % 5
    labels, right = getattr(frames, task), []
    for number in range(5):
        out = fold == number
        answers = thumbnail.probabilities(small[~out], labels[~out], small[out])
        right.append((answers >= 0.5) == labels[out])
    assert least < np.mean(np.concatenate(right)) < 0.93
