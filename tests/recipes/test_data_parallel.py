import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def found():
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
    }
    finished = subprocess.run(
        [sys.executable, "-m", "tests.recipes.data_parallel"],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_eight_devices_train_to_the_parameters_of_one(found):
    assert found["devices"] == 8
    # Sums over a batch are taken in another order, and Adam divides by small numbers.
    assert found["difference"] < 1e-5
    assert found["moved"] > 1e-4


def test_a_classifier_that_was_kept_answers_alike_on_eight_devices(found):
    assert found["spread"] > 1e-3
    assert found["answers"] < 1e-5
