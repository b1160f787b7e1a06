import numpy as np
import pytest
from scipy import ndimage

from echojax.data.duplicates import duplicate_patients, merged


def heart(seed, shape=(64, 56)):
    """A smooth image of its own, with speckle: what two recordings do not share."""
    rng = np.random.default_rng(seed)
    coarse = ndimage.gaussian_filter(rng.normal(size=shape), 5)
    fine = rng.normal(scale=0.1, size=shape)
    gray = 120 + 50 * (coarse / coarse.std() + fine)
    return np.clip(gray, 0, 255).astype(np.uint8)


def noisy(image, seed, scale=3.0):
    noise = np.random.default_rng(seed).normal(scale=scale, size=image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


def pairs(frames):
    return duplicate_patients(frames.patient, frames.view, frames.phase, frames.hashes)


def test_noisy_copies_are_found(make_frames):
    frames = make_frames([heart(0), heart(1), noisy(heart(0), 9)], ["p2", "p3", "p1"])
    assert pairs(frames) == [("p1", "p2")]


def test_one_shared_frame_is_enough(make_frames):
    images = [heart(0), heart(1), heart(2), heart(1)]
    frames = make_frames(images, ["p1", "p1", "p2", "p2"], phase=[0, 1, 0, 1])
    assert pairs(frames) == [("p1", "p2")]


def test_different_patients_are_not_duplicates(make_frames):
    frames = make_frames([heart(k) for k in range(12)], [f"p{k:02}" for k in range(12)])
    assert pairs(frames) == []
    assert merged(frames.patient, []).tolist() == frames.patient.tolist()


def test_equal_frames_of_one_patient_are_no_duplicates(make_frames):
    assert pairs(make_frames([heart(0), heart(0)], ["p1", "p1"])) == []


@pytest.mark.parametrize("axis", ["view", "phase"])
def test_only_frames_of_one_view_and_phase_are_compared(make_frames, axis):
    frames = make_frames([heart(0), heart(0)], ["p1", "p2"], **{axis: [0, 1]})
    assert pairs(frames) == []


@pytest.mark.parametrize(("middle", "order"), [("p1", 1), ("p2", -1), ("p3", 1)])
def test_three_ids_of_one_recording_are_one_group(make_frames, middle, order):
    """One id shares a frame with each of the others, which have none in common."""
    one, other = (p for p in ("p1", "p2", "p3") if p != middle)
    images = [heart(0), heart(0), heart(5), heart(5), heart(7)][::order]
    patients = [one, middle, middle, other, "p4"][::order]
    frames = make_frames(images, patients, phase=[0, 0, 1, 1, 0][::order])
    found = pairs(frames)
    assert found == sorted(tuple(sorted((middle, p))) for p in (one, other))
    assert merged(frames.patient, found).tolist() == ["p1", "p1", "p1", "p1", "p4"][::order]


def test_the_known_pair_of_camus_and_no_other(camus_224):
    assert pairs(camus_224) == [("patient0033", "patient0068")]
