"""What SIGINT and SIGTERM leave of a training, and where it goes on."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest

from echojax import devices, stopping
from echojax.runs import log
from echojax.runs.job import Record
from echojax.runs.run import Run
from echojax.stopping import Stopped
from echojax.training import loop
from echojax.training.checkpoints import network_of
from echojax.training.loop import Evaluator
from echojax.weights import kinds
from tests.training.line import Line, LineSettings, batch, training

STEPS = 60


@pytest.fixture(autouse=True)
def _as_in_a_terminal():
    """Where tests run in the background, interrupts are ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def sent(signum, at, times=1):
    """The batches, with a signal that comes while the one of a step (counted from 1) is made."""

    def until(step):
        if step + 1 == at:
            for _ in range(times):
                signal.raise_signal(signum)
        return batch(step)

    return until


def fit(run, **settings):
    """Run a training that logs and is measured, as the job "line" of a run; gives its file."""
    evaluators = (Evaluator(lambda model: {"weight": float(model.linear.kernel[0, 0])}, 25),)
    settings = {"save_every": 50, "evaluators": evaluators} | settings
    job = Run(run).job("line", Record())
    with stopping.terminated_as_interrupted():
        loop.fit(training(STEPS, **settings), job, devices.data_mesh(), keep=True)
    return job.file.read_bytes()


def logged(run):
    return log.read(run / "log.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The network's file and the log of a training that nobody interrupted."""
    run = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:  # made before the tests' own fixtures
        patch.setitem(kinds.KINDS, "line", kinds.Kind(Line, LineSettings))
        return fit(run), logged(run)


@pytest.mark.parametrize("signum", stopping.SIGNALS)
@pytest.mark.parametrize("at", np.random.default_rng(12).integers(1, STEPS, 5))
def test_an_interrupted_training_is_saved_and_ends_as_an_uninterrupted_one(
    whole, tmp_path, capsys, signum, at
):
    with pytest.raises(Stopped, match=f"^line is saved at step {at}; --resume goes on$") as stop:
        fit(tmp_path, batch=sent(signum, at))
    assert stop.value.exit_code == 128 + signum
    assert network_of(tmp_path / "line")[1]["checkpoint"] == f"step {at}"
    capsys.readouterr()
    assert (fit(tmp_path), logged(tmp_path)) == whole
    assert f"line: resumed at step {at}\n" in capsys.readouterr().err


@pytest.mark.parametrize("at", [7, 45, 55])
def test_a_killed_training_repeats_no_row_of_the_log(whole, tmp_path, capsys, at):
    class KilledError(Exception):
        pass

    def killed(step):
        if step == at:
            raise KilledError
        return batch(step)

    with pytest.raises(KilledError):
        fit(tmp_path, batch=killed, save_every=30)
    capsys.readouterr()
    assert (fit(tmp_path), logged(tmp_path)) == whole
    told = "nothing was saved; begins at step 0" if at < 30 else "resumed at step 30"
    assert f"line: {told}\n" in capsys.readouterr().err


@pytest.mark.parametrize("signum", stopping.SIGNALS)
def test_without_checkpoints_an_interrupt_ends_at_once_and_says_so(whole, tmp_path, signum):
    told = "^line keeps no checkpoints; this job begins again with --resume$"
    with pytest.raises(Stopped, match=told) as stop:
        fit(tmp_path, batch=sent(signum, 47), save_every=None)
    assert stop.value.exit_code == 128 + signum
    assert (fit(tmp_path, save_every=None), logged(tmp_path)) == whole


def test_an_interrupt_at_the_last_step_leaves_a_finished_training(whole, tmp_path):
    with pytest.raises(Stopped, match="line is finished"):
        fit(tmp_path, batch=sent(signal.SIGINT, STEPS))
    assert ((tmp_path / "line.safetensors").read_bytes(), logged(tmp_path)) == whole


def test_a_second_ctrl_c_ends_the_process_at_once(tmp_path, monkeypatch):
    class EndedError(Exception):
        pass

    def end(code):
        raise EndedError(code)

    monkeypatch.setattr(stopping.os, "_exit", end)
    with pytest.raises(Stopped, match="saved at step 3"):
        fit(tmp_path, batch=sent(signal.SIGINT, 3, times=2))  # one press, passed on twice
    monkeypatch.setattr(stopping, "ONE_PRESS", -1.0)
    with pytest.raises(EndedError, match="130"):
        fit(tmp_path, batch=sent(signal.SIGINT, 9, times=2))
    with pytest.raises(Stopped, match="saved at step 20"):  # whoever terminates may insist
        fit(tmp_path, batch=sent(signal.SIGTERM, 20, times=2))


def test_a_signal_that_is_ignored_stays_ignored(whole, tmp_path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert fit(tmp_path, batch=sent(signal.SIGINT, 20)) == whole[0]
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_saving_goes_by_minutes_as_well_as_by_steps(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now))
    kept = []
    save = loop.Checkpoints.save

    def counted(self, step, *rest):
        kept.append(step)
        save(self, step, *rest)

    def slow(step):
        nonlocal now
        now += 60 if step < 30 else 0
        return batch(step)

    monkeypatch.setattr(loop.Checkpoints, "save", counted)
    fit(tmp_path, batch=slow, save_minutes=9.5)
    assert kept == [10, 20, 30, 50, 60]
