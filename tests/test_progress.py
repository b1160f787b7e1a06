import io
import sys
from types import SimpleNamespace

import pytest

from echojax import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _no_terminal_forced(monkeypatch):
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)


def run(total, **figures):
    with progress.bar("Reading", total) as bar:
        for _ in range(total):
            bar.advance(**figures)


def test_without_a_terminal_the_end_is_one_plain_line_on_stderr(capsys):
    run(3, loss=0.123456)
    captured = capsys.readouterr()
    assert captured.err == "Reading: 3/3  loss 0.1235  done\n"
    assert captured.out == ""


def test_without_figures_the_line_has_no_hole(capsys):
    run(2)
    assert capsys.readouterr().err == "Reading: 2/2  done\n"


def test_without_a_terminal_lines_come_when_they_are_due(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    run(3)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert lines[-1].endswith("done")


def test_remaining_time_follows_from_the_pace_after_compilation(capsys, monkeypatch):
    clock = iter([0.0, 600.0, 700.0, 720.0, 730.0, 760.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.bar("Training", 110, done=100) as bar:
        for _ in range(5):
            bar.advance()
    assert capsys.readouterr().err.splitlines() == [
        "Training: 101/110",
        "Training: 102/110",
        "Training: 103/110  2 min left",
        "Training: 105/110  100 s left",
    ]


def test_of_several_jobs_it_is_told_which_one_it_is_and_how_long_all_take(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    jobs = progress.Jobs({"network": 2, "classifier": 3})

    def do(kind, seconds):
        jobs.begin(kind)
        with progress.bar(kind, 4, jobs=jobs) as bar:
            for _ in range(4):
                now[0] += seconds / 4
                bar.advance()
        return capsys.readouterr().err.splitlines()

    assert do("network", 3600) == [
        "network: 1/4  job 1 of 5",
        "network: 2/4  job 1 of 5",
        # A quarter of an hour, and the other network; of classifiers nothing is known.
        "network: 3/4  15 min left; job 1 of 5, at least 75 min left in all",
        "network: 4/4  done; job 1 of 5, at least 60 min left in all",
    ]
    now[0] += 3600  # between jobs, of the first one
    assert do("classifier", 360)[-1] == "classifier: 4/4  done; job 2 of 5, 2.2 h left in all"
    assert do("network", 1800)[-1] == "network: 4/4  done; job 3 of 5, 12 min left in all"
    do("classifier", 60)
    assert do("classifier", 60)[-1] == "classifier: 4/4  done; job 5 of 5, 0.0 s left in all"


def test_a_single_job_is_not_counted(capsys):
    jobs = progress.Jobs()
    jobs.begin("network")
    with progress.bar("network", 1, jobs=jobs) as bar:
        bar.advance()
    assert capsys.readouterr().err == "network: 1/1  done\n"


def test_plain_lines_hold_no_terminal_codes(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    run(3, psnr=31.5)
    assert not {"\x1b", "\r"} & set(capsys.readouterr().err)


def test_on_a_terminal_the_bar_is_drawn_on_stderr_only(capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.bar("Reading", 3) as bar:
        bar.advance(3, loss=0.5)
    assert "Reading" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_stands_in_a_file_name_steers_neither_the_terminal_nor_rich(monkeypatch, is_terminal):
    terminal = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.bar("[red]a[/] :boom: \x1b]0;b\x07", 1) as bar:
        bar.note("[bold]c :boom: \x1b[2J")
        bar.advance()
    said = terminal.getvalue()
    assert r"[red]a[/] :boom: \x1b]0;b\x07" in said
    assert r"[bold]c :boom: \x1b[2J" in said
    assert not [code for code in ("\x1b]", "\x07", "\x1b[2J") if code in said]


def test_error_inside_the_block_comes_through(capsys):
    with pytest.raises(KeyError), progress.bar("Reading", 3):
        raise KeyError
    assert capsys.readouterr().out == ""
