"""Signals that ask work to end: at once, or where nothing of it is lost."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Some parents pass a Ctrl-C on which the terminal has sent already; that is no second one.
ONE_PRESS = 0.5  # seconds
_TOLD = b"\nStopping after this step; Ctrl-C once more ends at once, with what was saved before\n"

Handler = Callable[[int, FrameType | None], Any]


class Stopped(KeyboardInterrupt):
    """Work ended because a signal asked for it; says what is kept."""

    def __init__(self, text: str, signum: int = signal.SIGINT) -> None:
        """Make one; `exit_code` is the one that shells give to a process ended by the signal."""
        super().__init__(text)
        self.signum = signum
        self.exit_code = 128 + signum


class Stop:
    """Whether work was asked to end, and by which signal."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._when = 0.0

    def raise_if_asked(self, text: str) -> None:
        """Raise `Stopped` with a text if a signal has come."""
        if self.signum is not None:
            raise Stopped(text, self.signum)

    def ask(self, signum: int, frame: FrameType | None = None) -> None:
        """Handle a signal: remember the first, and end the process at a second Ctrl-C."""
        del frame
        if self.signum is None:
            self.signum, self._when = signum, time.monotonic()
            os.write(2, _TOLD)  # print may be what the signal interrupted
        elif signum == signal.SIGINT and time.monotonic() - self._when > ONE_PRESS:
            from rich.console import Console  # takes as long as the whole of --help

            Console(stderr=True).show_cursor()  # a progress bar hides it
            os._exit(128 + signum)


@contextlib.contextmanager
def later() -> Iterator[Stop]:
    """SIGINT and SIGTERM only set a flag while the block runs, which looks at it in good time."""
    stop = Stop()
    with _handled(stop.ask, *SIGNALS):
        yield stop


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the block by an exception, `Stopped`, as Ctrl-C does by KeyboardInterrupt."""

    def end(signum: int, frame: FrameType | None) -> None:
        del frame
        raise Stopped("", signum)

    with _handled(end, signal.SIGTERM):
        yield


@contextlib.contextmanager
def _handled(handler: Handler, *signals: signal.Signals) -> Iterator[None]:
    """Set a handler of signals, but of those that are ignored; Python has them in one thread."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for each in signals:
            # As of work in the background of a shell, which its Ctrl-C is not meant for.
            if signal.getsignal(each) is not signal.SIG_IGN:
                before[each] = signal.signal(each, handler)
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)
