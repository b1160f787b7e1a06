import math

import numpy as np
import pytest
from scipy import stats

from echojax.errors import InputError
from echojax.studies.diagnosis import restored
from echojax.studies.diagnosis.restored import RestoredFrame, restored_rows

PATIENTS = 8


def frames_of(method, psnr):
    return [
        RestoredFrame("patient", 0, f"frame{k}", f"patient{k}", method, value, 0.9)
        for k, value in enumerate(psnr)
    ]


def test_intervals_are_students_over_patients_and_differences_are_of_the_same_frames():
    rng = np.random.default_rng(0)
    bicubic = 30 + rng.normal(0, 3, PATIENTS)
    network = bicubic + 1 + rng.normal(0, 0.1, PATIENTS)
    first, second = restored_rows(frames_of("srresnet", network) + frames_of("bicubic", bicubic))
    assert (first.method, second.method) == ("bicubic", "srresnet")
    for row, values in ((first, bicubic), (second, network)):
        expected = stats.ttest_1samp(values, 0).confidence_interval()
        assert row.psnr == pytest.approx(values.mean())
        assert (row.psnr_low, row.psnr_high) == pytest.approx(expected)
        assert (row.frames, row.patients) == (PATIENTS, PATIENTS)
    expected = stats.ttest_1samp(network - bicubic, 0).confidence_interval()
    assert (second.more_low, second.more_high) == pytest.approx(expected)
    assert (first.more, first.more_low) == (0, 0)


def test_frames_of_one_patient_are_alike():
    frames = frames_of("lanczos", np.linspace(30, 35, PATIENTS))
    twice = [*frames, *(frame._replace(frame=f"{frame.frame}b") for frame in frames)]
    (one,), (two,) = restored_rows(frames), restored_rows(twice)
    assert (one.psnr_low, one.psnr_high) == pytest.approx((two.psnr_low, two.psnr_high))
    assert math.isnan(one.more)  # there is no bicubic


def test_four_patients_give_no_interval():
    (row,) = restored_rows(frames_of("bicubic", [30.0, 31.0, 32.0, 33.0]))
    assert row.psnr == 31.5
    assert math.isnan(row.psnr_low)


def test_frames_are_read_back_and_a_broken_table_is_named(tmp_path):
    frames = frames_of("bicubic", [30.0, 31.25])
    restored.add(tmp_path, frames)
    assert restored.read(tmp_path) == frames
    (tmp_path / "tables" / restored.NAME).write_text("protocol,fold\npatient,none\n")
    with pytest.raises(InputError, match=r"restored_frames\.csv"):
        restored.read(tmp_path)


def test_methods_that_a_run_was_asked_about_before_stay(tmp_path):
    before, other = frames_of("bicubic", [30.0, 31.25]), frames_of("srresnet", [32.0, 33.0])
    restored.add(tmp_path, [*before, *other])
    restored.add(tmp_path, [])
    assert restored.read(tmp_path) == [*before, *other]
    anew = frames_of("srresnet", [34.0, 35.0])
    restored.add(tmp_path, anew)
    assert restored.read(tmp_path) == [*before, *anew]
