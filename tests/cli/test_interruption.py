"""What a signal leaves of a command that trains, in a process of its own."""

import re
import signal
import subprocess
import sys

import pytest

from echojax.runs import log

NETWORK = "sr/srresnet/patient/fold0.safetensors"

# Every step is told of; an interrupt counts even where pytest runs in the background.
AS_IN_A_TERMINAL = """
import signal, sys
from echojax import progress
from echojax.cli import main

progress.PLAIN_EVERY = 0.0
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@pytest.fixture
def words(data_dir, tiny):
    """Words of a training of 300 steps that are kept after 200."""

    def of(run, *more):
        more = ["--set", "sr.steps=300", "--set", "sr.save_every=200", *more]
        return ["train-sr", "--data-dir", str(data_dir), "--run", str(run), *tiny, *more]

    return of


def run_command(words, signum=None, after=300):
    """Run it, and send a signal after a number of steps; gives its exit code and what it said."""
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        said = []
        for line in running.stderr:
            said.append(line.strip())
            if signum is not None and f": {after}/300" in line:
                running.send_signal(signum)
                signum = None
    return running.returncode, said


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals that a process can handle")
def test_train_sr_goes_on_from_every_signal_as_if_none_had_come(words, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert run_command(words(whole))[0] == 0
    told = r"Stopped: sr/srresnet/patient/fold0 is saved at step (\d+); --resume goes on"
    code, said = run_command(words(run), signal.SIGINT, after=9)
    first = re.fullmatch(told, said[-1])[1]
    assert code == 130
    assert 9 <= int(first) < 100
    code, said = run_command(words(run, "--resume"), signal.SIGTERM, after=120)
    assert f"sr/srresnet/patient/fold0: resumed at step {first}" in said
    assert code == 143
    assert 120 <= int(re.fullmatch(told, said[-1])[1]) < 200
    assert run_command(words(run, "--resume"), signal.SIGKILL, after=250)[0] == -9
    code, said = run_command(words(run, "--resume"))
    assert "sr/srresnet/patient/fold0: resumed at step 200" in said
    assert code == 0
    assert (run / NETWORK).read_bytes() == (whole / NETWORK).read_bytes()
    assert log.read(run / log.NAME) == log.read(whole / log.NAME)
