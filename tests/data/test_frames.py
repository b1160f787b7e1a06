import numpy as np
import pytest

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


def test_take_of_nothing_is_empty(frames):
    assert len(frames.take([])) == 0
    assert frames.take([]).ids == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"views": ["4CH"]}, [2, 3, 5]),
        ({"phases": ["ED"]}, [0, 2, 4]),
        ({"qualities": ["good", "poor"]}, [0, 1, 3, 5]),
        ({"qualities": ["unlabelled"]}, [4]),
        ({"views": ["4CH"], "phases": ["ES"], "qualities": ["poor"]}, [3, 5]),
        ({"views": []}, []),
    ],
)
def test_where_gives_the_indices_that_meet_every_condition(frames, condition, expected):
    assert frames.where(**condition).tolist() == expected


def test_counts_are_per_view_phase_and_quality(frames):
    counts = frames.counts()
    none = {"good": 0, "medium": 0, "poor": 0, "unlabelled": 0}
    assert counts == {
        "2CH": {"ED": none | {"good": 1, "unlabelled": 1}, "ES": none | {"good": 1}},
        "4CH": {"ED": none | {"medium": 1}, "ES": none | {"poor": 2}},
    }


def test_fields_of_different_length_are_refused(frames):
    with pytest.raises(ValueError, match=r"differ in length.*'patient': 5"):
        Frames(
            images=frames.images,
            masks=frames.masks,
            patient=frames.patient[:5],
            view=frames.view,
            phase=frames.phase,
            quality=frames.quality,
            spacing=frames.spacing,
        )
