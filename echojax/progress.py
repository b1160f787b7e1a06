"""Progress of long work: a bar on a terminal, plain lines elsewhere; always on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from echojax.wording import one_line

PLAIN_EVERY = 15.0  # seconds between plain lines
# The first ones wait for programs to be compiled, or for processes to start.
SLOW = 2


class Bar:
    """One piece of work of known length; `advance` it, with figures worth showing."""

    def __init__(self, title: str, total: int, done: int, rich: Progress | None) -> None:
        # Of a file's name, perhaps: it steers neither the terminal nor rich.
        self.title, self.total, self.done = one_line(title), total, done
        self._rich = rich
        self._task = (
            rich.add_task(self.title, total=total, completed=done, figures="") if rich else None
        )
        self._printed = time.monotonic()
        self._advances = 0
        self._paced = (0.0, done)  # when the pace began to be measured, and at which count

    def advance(self, amount: int = 1, **figures: float) -> None:
        """Count `amount` (at least 1) more as done; `figures` (loss=0.1) are shown beside it."""
        self.done += amount
        self._advances += 1
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if self._rich is not None and self._task is not None:
            self._rich.update(self._task, completed=self.done, figures=text)
            return
        now = time.monotonic()
        if self._advances <= SLOW:
            self._paced = (now, self.done)
        if self.done >= self.total or now - self._printed >= PLAIN_EVERY:
            self._printed = now
            ending = self._left(now) if self.done < self.total else "done"
            line = (f"{self.title}: {self.done}/{self.total}", text, ending)
            print("  ".join(part for part in line if part), file=sys.stderr, flush=True)

    def _left(self, now: float) -> str:
        since, done = self._paced
        if self.done == done:
            return ""
        return f"{(now - since) / (self.done - done) * (self.total - self.done):.0f} s left"

    def note(self, text: str) -> None:
        """Print a line that stays."""
        line = one_line(text)
        if self._rich is not None:
            self._rich.console.print(
                f"{self.title}: {line}", markup=False, highlight=False, emoji=False
            )
        else:
            print(f"{self.title}: {line}", file=sys.stderr, flush=True)


@contextmanager
def bar(title: str, total: int, done: int = 0) -> Iterator[Bar]:
    """Show the progress of one piece of work, `done` of it earlier, while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(title, total, done, None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as rich:
        yield Bar(title, total, done, rich)
