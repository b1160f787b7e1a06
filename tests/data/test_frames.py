import numpy as np
import pytest

from echojax.data.frame_hash import frame_hash
from echojax.data.frames import Frames


@pytest.fixture
def frames(make_frames):
    """Six frames of three patients that differ in everything."""
    images = [np.full((4 + k, 5), k, np.uint8) for k in range(6)]
    return make_frames(
        images,
        patients=["a", "a", "b", "b", "c", "c"],
        view=[0, 0, 1, 1, 0, 1],
        phase=[0, 1, 0, 1, 0, 1],
        quality=[0, 0, 1, 2, -1, 2],
        masks=[None, *images[1:]],
        ef=np.array([50, 50, 61, 61, np.nan, 40], np.float32),
        split=np.array(["train", "train", "test", "test", "", ""]),
        machine=np.arange(6),
    )


def test_ids_say_patient_view_and_phase(frames):
    assert frames.ids == ["a_2CH_ED", "a_2CH_ES", "b_4CH_ED", "b_4CH_ES", "c_2CH_ED", "c_4CH_ES"]


def test_take_keeps_every_field_together_and_the_order_asked_for(frames):
    taken = frames.take([4, 0, 3])
    assert len(taken) == 3
    assert taken.ids == [frames.ids[k] for k in (4, 0, 3)]
    assert [image[0, 0] for image in taken.images] == [4, 0, 3]
    assert [None if mask is None else mask[0, 0] for mask in taken.masks] == [4, None, 3]
    np.testing.assert_array_equal(taken.quality, [-1, 0, 2])
    np.testing.assert_array_equal(taken.spacing, frames.spacing[[4, 0, 3]])
    for name, column in frames.table.items():
        np.testing.assert_array_equal(taken.table[name], column[[4, 0, 3]])
    np.testing.assert_array_equal(taken.image(1), frames.images[0])


def test_every_column_is_an_attribute_even_one_that_nobody_knows_here(frames):
    for name, column in frames.table.items():
        assert getattr(frames, name) is column
    assert frames.machine.tolist() == [0, 1, 2, 3, 4, 5]


def test_hashes_are_made_of_the_images_unless_they_are_given(frames):
    bright = np.linspace(0, 255, 64).reshape(8, 8).astype(np.uint8)
    assert frames.hashes.shape == (6, 48)
    assert not frames.hashes.any()  # all are blank
    one = Frames([bright], [None], **frames.take([0]).table)
    np.testing.assert_array_equal(one.hashes, [frame_hash(bright)])
    given = np.arange(48, dtype=np.uint8)[None]
    known = Frames([bright], [None], **frames.take([0]).table, hashes=given)
    np.testing.assert_array_equal(known.take([0, 0]).hashes, np.repeat(given, 2, 0))
    assert frames.take([]).hashes.shape == (0, 48)


def test_what_is_not_given_is_unknown(frames):
    assert np.isnan(frames.age).all()
    assert set(frames.sex) == {""}
    assert frames.group.tolist() == frames.patient.tolist()


def test_smallest_side_is_that_of_all_frames(frames):
    assert frames.smallest_side == 4
    assert frames.take([3, 5]).smallest_side == 5
    assert frames.take([]).smallest_side is None
    assert frames.take([]).ids == []


def test_fingerprint_depends_on_ids_qualities_pixels_and_order(frames):
    def changed(**columns):
        return Frames(frames.images, frames.masks, **{**frames.table, **columns})

    images = list(frames.images)
    images[5] = images[5].reshape(5, -1)  # the same bytes in another shape
    found = [
        each.fingerprint()
        for each in (
            frames,
            changed(patient=np.array(["a", "a", "b", "b", "c", "d"])),
            changed(phase=1 - frames.phase),
            changed(quality=np.zeros(6, np.int8)),
            Frames(images, frames.masks, **frames.table),
            frames.take([1, 0, 2, 3, 4, 5]),
            frames.take([0, 1]),
        )
    ]
    assert len(set(found)) == len(found)
    assert changed(ef=np.zeros(6)).fingerprint() == frames.fingerprint()


def test_fingerprint_of_frames_taken_is_that_of_the_same_frames_made_anew(frames, monkeypatch):
    some = frames.take([4, 1])
    anew = Frames(some.images, some.masks, **some.table).fingerprint()
    monkeypatch.setattr("echojax.data.frames._digests", None)  # they are not hashed again
    assert frames.take([1, 4]).take([1, 0]).fingerprint() == anew


def test_coherence_is_taken_along_and_the_fingerprint_knows_it(frames):
    coherence = [np.full(image.shape, 7, np.uint8) for image in frames.images]

    def known(first, grades=frames.grades):
        table = {**frames.table, "grades": grades}
        return Frames(frames.images, frames.masks, coherence=[first, *coherence[1:]], **table)

    taken = known(None).take([3, 0])
    assert taken.coherence[0] is coherence[3]
    assert taken.coherence[1] is None
    found = [
        each.fingerprint()
        for each in (
            frames,
            known(None),
            known(coherence[0]),
            known(coherence[0] + 1),
            known(coherence[0], np.ones((6, 8), np.float32)),
        )
    ]
    assert len(set(found)) == 5


def test_where_gives_the_indices_that_meet_every_condition(frames):
    assert frames.where().tolist() == [0, 1, 2, 3, 4, 5]
    assert frames.where(views=["4CH"], phases=["ES"]).tolist() == [3, 5]
    assert frames.where(phases=["ED"], qualities=["good", "unlabelled"]).tolist() == [0, 4]
    assert frames.where(views=[]).tolist() == []


def test_counts_are_per_view_phase_and_quality(frames):
    counts = frames.counts()
    none = {"good": 0, "medium": 0, "poor": 0, "unlabelled": 0}
    assert counts == {
        "2CH": {"ED": none | {"good": 1, "unlabelled": 1}, "ES": none | {"good": 1}},
        "4CH": {"ED": none | {"medium": 1}, "ES": none | {"poor": 2}},
    }


def test_columns_of_different_length_are_refused(frames):
    with pytest.raises(ValueError, match=r"differ in length.*'patient': 5"):
        Frames(
            frames.images,
            frames.masks,
            **{**frames.table, "patient": frames.patient[:5], "group": frames.patient[:5]},
        )
