import numpy as np
import pytest

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.runs import frame_facts


def frames_of(qualities):
    n = len(qualities)
    return Frames(
        images=[np.zeros((4, 4), np.uint8)] * n,
        masks=[None] * n,
        patient=np.array([f"patient{k // 2:04d}" for k in range(n)]),
        group=np.array(["person1", *["person2"] * (n - 1)]),
        view=np.arange(n) % 2,
        phase=np.zeros(n, int),
        quality=np.array(qualities),
        spacing=np.ones((n, 2), np.float32),
    )


def test_what_frames_are_is_written_down_and_read_back(tmp_path):
    frame_facts.write(tmp_path, frames_of([0, 0, 2, -1]))
    found = frame_facts.read(tmp_path)
    assert found is not None
    assert (found.frames, found.persons, found.simulated) == (4, 2, False)
    assert found.views == {"2CH": 2, "4CH": 2}
    assert found.qualities == {"good": 2, "medium": 0, "poor": 1, "unlabelled": 1}


def test_simulated_frames_are_called_so(tmp_path):
    frames = frames_of([0, 1])
    frames.simulated = np.ones(len(frames), bool)
    frame_facts.write(tmp_path, frames)
    found = frame_facts.read(tmp_path)
    assert found is not None
    assert found.simulated


def test_a_run_that_does_not_say_is_no_error_and_a_broken_file_is(tmp_path):
    assert frame_facts.read(tmp_path) is None
    (tmp_path / frame_facts.NAME).write_text("[1")
    with pytest.raises(InputError, match=r"frames\.json"):
        frame_facts.read(tmp_path)
