import numpy as np
import pytest

from echojax.data.crops import crop_batches
from echojax.data.pairs import Pairs
from echojax.errors import InputError

GOOD, MEDIUM, POOR = range(3)
BOTH = {"source": ("medium", "poor"), "target": "good"}


@pytest.fixture
def graded(make_frames):
    """Two persons with three ids each, one a grade; a phase of one grade is missing."""
    each = [
        (person, quality, phase)
        for person in "ab"
        for quality in (POOR, MEDIUM, GOOD)
        for phase in (0, 1)
    ]
    each.remove(("b", GOOD, 1))
    images = [
        np.full((20, 24), 100 * "ab".index(person) + 20 * quality + 50 * phase + 10, np.uint8)
        for person, quality, phase in each
    ]
    return make_frames(
        images,
        [f"{person}{quality}" for person, quality, _ in each],
        phase=[phase for _, _, phase in each],
        quality=[quality for _, quality, _ in each],
        group=np.array([person for person, _, _ in each]),
    )


def test_frames_of_a_person_view_and_phase_make_pairs(graded):
    pairs = Pairs.of(graded, **BOTH)
    assert len(pairs) == 6  # two qualities of three frames
    assert set(pairs.worse.quality) == {MEDIUM, POOR}
    assert set(pairs.better.quality) == {GOOD}
    for column in ("group", "view", "phase"):
        assert list(pairs.worse.table[column]) == list(pairs.better.table[column])
    for k in range(len(pairs)):
        image = pairs.image(k)
        assert image.shape == (20, 24, 2)
        assert np.all(image[..., 0] - image[..., 1] == 20 * pairs.worse.quality[k])
    assert list(pairs.persons) == ["a", "b"]


def test_source_and_target_may_be_chosen(graded):
    pairs = Pairs.of(graded, source=("poor",), target="medium")
    assert set(pairs.worse.quality) == {POOR}
    assert set(pairs.better.quality) == {MEDIUM}
    assert len(pairs) == 4


def test_another_view_is_no_counterpart(graded, make_frames):
    table = {name: graded.table[name] for name in ("phase", "quality", "group")}
    view = (graded.quality == GOOD).astype(np.int8)
    apart = make_frames(graded.images, graded.patient, view=view, **table)
    with pytest.raises(InputError, match=r"medium or poor .* good .*--grades each"):
        Pairs.of(apart, **BOTH)


def test_frames_that_are_not_aligned_are_named(graded, make_frames):
    images = [
        image[:, quality:] for image, quality in zip(graded.images, graded.quality, strict=True)
    ]
    table = {name: graded.table[name] for name in ("view", "phase", "quality", "group")}
    other = make_frames(images, graded.patient, **table)
    with pytest.raises(InputError, match=r"a, 2CH ED: .* 20x22 and 20x24 pixels"):
        Pairs.of(other, **BOTH)


def test_both_of_a_pair_are_cropped_and_flipped_alike(make_frames):
    rng = np.random.default_rng(0)
    good = rng.integers(60, 255, (30, 40), np.uint8)
    frames = make_frames(
        [good, good - 50], ["x", "y"], quality=[GOOD, POOR], group=np.array(["x", "x"])
    )
    batches = crop_batches(Pairs.of(frames, **BOTH), 16, 4, 0)
    crops = np.stack([batches[k] for k in range(5)])
    assert crops.shape == (5, 4, 16, 16, 2)
    assert np.all(crops[..., 1] - crops[..., 0] == 50)


def test_a_frame_smaller_than_a_crop_names_the_key_that_was_given(graded):
    with pytest.raises(InputError, match=r"20 pixels wide, a crop 32; lower restorer\.crop"):
        crop_batches(Pairs.of(graded, **BOTH), 32, 4, 0, key="restorer.crop")


def test_the_fingerprint_is_of_both_sides(graded):
    pairs = Pairs.of(graded, **BOTH)
    assert pairs.take(range(6)).fingerprint() == pairs.fingerprint()
    assert pairs.take([0, 1]).fingerprint() != pairs.fingerprint()
    assert Pairs(pairs.worse, pairs.worse).fingerprint() != pairs.fingerprint()
    assert len(pairs.hashes) == 12
