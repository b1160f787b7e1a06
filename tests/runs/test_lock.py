import subprocess
import sys

import pytest

from echojax.cli import main
from echojax.errors import InputError
from echojax.runs import lock
from echojax.runs.run import request
from echojax.studies.diagnosis.config import Config

OTHER = """
import sys
from pathlib import Path
from echojax.runs import lock
lock.hold(Path(sys.argv[1]))
print("has it", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _released():
    yield
    lock.release()


@pytest.fixture
def run(tmp_path):
    path = request(Config, run=tmp_path / "run").begin().path
    lock.release()
    return path


@pytest.fixture
def other(run):
    """Another process that is at work in the run."""
    words = [sys.executable, "-c", OTHER, str(run), "matrix"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"has it\n"
        yield process
        process.kill()


@pytest.mark.parametrize("flags", [{"resume": True}, {"overwrite": True}])
def test_a_run_that_another_process_is_at_work_in_is_refused(run, other, flags):
    told = rf"run: process {other.pid} on .* \(echojax .*matrix\) is at work in it; .*--run"
    with pytest.raises(InputError, match=told) as error:
        request(Config, run=run, **flags)
    assert "\n" not in str(error.value)
    assert (run / "config.toml").exists()


@pytest.mark.parametrize("flags", [{"resume": True}, {"overwrite": True}])
def test_of_two_that_ask_at_once_one_begins(run, flags):
    asked = request(Config, run=run, **flags)
    words = [sys.executable, "-c", OTHER, str(run)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        before = (run / "environment.json").read_bytes()
        with pytest.raises(InputError, match=f"process {process.pid} on"):
            asked.begin()
        process.communicate()
    assert (run / "environment.json").read_bytes() == before
    asked.begin()


def test_the_lock_of_a_process_that_was_killed_is_none(run, other):
    other.kill()
    other.wait()
    request(Config, run=run, resume=True).begin()


def test_a_process_may_begin_its_own_run_again(run):
    for _ in range(2):
        request(Config, run=run, resume=True).begin()


def test_a_command_gives_its_run_back_when_it_ends(run):
    lock.hold(run)
    assert main(["report", "--run", str(run / "nowhere")]) == 2
    words = [sys.executable, "-c", OTHER, str(run)]
    subprocess.run(words, input=b"", check=True, stdout=subprocess.DEVNULL)


def test_an_empty_folder_that_was_locked_is_still_empty(tmp_path):
    lock.hold(tmp_path / "run")
    request(Config, run=tmp_path / "run").begin()
