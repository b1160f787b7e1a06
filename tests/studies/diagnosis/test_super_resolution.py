import math
from pathlib import Path

import pytest

from echojax.runs import log
from echojax.studies.diagnosis.super_resolution import super_resolution_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(
        "time,job,step,metric,value\n"
        "0,sr/srgan/patient/fold2,100,psnr,30.0\n"
        "0,sr/srgan/patient/fold2,100,psnr_bicubic,29.0\n"
        "0,sr/srgan/patient/fold2,200,psnr,31.0\n"
        "9,sr/srgan/patient/fold2,200,psnr,32.5\n"
        "9,sr/other/patient/fold0,200,psnr,1\n"
        "9,sr/srresnet/patient/fold0,200,psnr,30\n"
        "9,sr/srresnet/paper/fold0,200,loss,30\n"
        "9,classifiers/patient/view/poor/none/fold0/seed0,300,psnr,99\n"
        "9,sr/srgan/patient/fold2,300,ps"
    )
    return path


def test_fidelity_is_that_of_the_last_step_and_the_later_of_two_writes(path):
    _, row, _ = super_resolution_rows(log.read(path))
    assert (row.model, row.protocol, row.fold) == ("srgan", "patient", "2")
    assert (row.step, row.psnr, row.psnr_bicubic) == (200, 32.5, 29)
    assert math.isnan(row.ssim)


def test_networks_come_in_their_order_and_only_where_they_were_measured(path):
    rows = super_resolution_rows(log.read(path))
    assert [row.model for row in rows] == ["srresnet", "srgan", "other"]


def test_a_missing_log_is_empty(tmp_path: Path):
    assert log.read(tmp_path / "log.csv") == []
