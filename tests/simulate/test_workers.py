"""Several processes: the same files, and a clean end."""

import multiprocessing
import os

import pytest

from echojax.errors import EchojaxError
from echojax.simulate import workers
from echojax.simulate.dataset import simulate
from tests.simulate.reading import SEED, SIZE, files


def test_two_workers_write_what_one_does(sequences, tmp_path):
    calls = []
    out = tmp_path / "two"
    settings = {"patients": 2, "seed": SEED, "size": SIZE, "frames": 5}
    simulate(out, **settings, workers=2, progress=calls.append)
    assert files(out) == files(sequences)
    assert calls == [1, 1]


def test_an_interrupt_ends_the_workers(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    folders = [(tmp_path / str(number),) for number in range(100)]
    with pytest.raises(KeyboardInterrupt):
        workers.spread(os.mkdir, folders, workers=2, progress=interrupt)
    assert multiprocessing.active_children() == []


def test_an_error_of_the_work_comes_out_and_ends_the_workers(tmp_path):
    with pytest.raises(FileExistsError, match=tmp_path.name):
        workers.spread(os.mkdir, [(tmp_path / "new",), (tmp_path,)], workers=2)
    assert multiprocessing.active_children() == []


def test_a_killed_worker_is_reported(tmp_path):
    with pytest.raises(EchojaxError, match=r"ended unexpectedly.*fewer workers"):
        workers.spread(os._exit, [(9,), (9,)], workers=2)
    assert multiprocessing.active_children() == []


def test_no_more_workers_are_started_than_there_is_work_or_windows_allows(monkeypatch):
    asked = []

    class NoPoolError(Exception):
        pass

    def no_pool(number, *_, **__):
        asked.append(number)
        raise NoPoolError

    monkeypatch.setattr(workers, "ProcessPoolExecutor", no_pool)
    done = []
    workers.spread(done.append, [(1,)], workers=8)
    assert done == [1]
    for platform, most in (("linux", 80), ("win32", 61)):
        monkeypatch.setattr("sys.platform", platform)
        with pytest.raises(NoPoolError):
            workers.spread(done.append, [(k,) for k in range(80)], workers=100)
        assert asked.pop() == most


def test_few_patients_are_done_in_this_process(monkeypatch):
    monkeypatch.setattr(workers, "_cpus", lambda: 4)
    assert [workers.sensible(patients) for patients in (1, 8, 16, 1000)] == [1, 1, 2, 4]
    monkeypatch.setattr(workers, "_cpus", lambda: 256)
    assert workers.sensible(100_000) == workers.MOST
