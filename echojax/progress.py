"""Progress of long work: a bar on a terminal, plain lines elsewhere; always on standard error."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from echojax import session
from echojax.wording import duration, one_line

PLAIN_EVERY = 15.0  # seconds between plain lines
# The first ones wait for programs to be compiled, or for processes to start.
SLOW = 2


class Jobs:
    """Pieces of work of some kinds, one after the other: which one it is, how long the rest takes.

    Its clock runs from one `begin` to the next, so that what is done between them counts, too.

    Attributes:
        planned: how many there are of each kind.
        shorter: by kind, a setting that makes it fewer, as "study.seeds=1", and the share of the
            time that is left then.
    """

    def __init__(
        self,
        planned: Mapping[str, int] | None = None,
        shorter: Mapping[str, tuple[str, float]] | None = None,
    ) -> None:
        """Plan jobs; none is begun."""
        self.planned = Counter(planned or {})
        self.shorter = dict(shorter or {})
        self._begun: Counter[str] = Counter()
        self._spent: dict[str, list[float]] = {}
        self._current: tuple[str, float] | None = None

    def begin(self, kind: str) -> None:
        """One of a kind begins, and so the one before it is over."""
        now = time.monotonic()
        if self._current is not None:
            before, since = self._current
            self._spent.setdefault(before, []).append(now - since)
        self._current = kind, now
        self._begun[kind] += 1
        self.planned[kind] = max(self.planned[kind], self._begun[kind])

    def first(self, kind: str) -> bool:
        """Whether the one under way is the first of its kind."""
        return self._begun[kind] == 1

    def text(self, left: float | None, now: float) -> str:
        """Where this stands, as in "job 12 of 350, 3.2 h left in all"; "" for a single job.

        Args:
            left: seconds that the one under way still takes; None if unknown.
            now: the time, by `time.monotonic`.
        """
        every = self.planned.total()
        if self._current is None or every < 2:
            return ""
        place = f"job {self._begun.total():,} of {every:,}"
        if left is None:
            return place
        kind, since = self._current
        missing, unknown = left, False
        for each, planned in self.planned.items():
            rest = planned - self._begun[each]
            spent = self._spent.get(each, [now - since + left] if each == kind else [])
            if spent:
                missing += rest * sum(spent) / len(spent)
            unknown = unknown or (rest > 0 and not spent)
        return f"{place}, {'at least ' * unknown}{duration(missing)} left in all"


class Bar:
    """One piece of work of known length; `advance` it, with figures worth showing."""

    def __init__(
        self, title: str, total: int, done: int, rich: Progress | None, jobs: Jobs | None = None
    ) -> None:
        # Of a file's name, perhaps: it steers neither the terminal nor rich.
        self.title, self.total, self.done = one_line(title), total, done
        self._rich, self.jobs = rich, jobs or Jobs()
        self._task = (
            rich.add_task(self.title, total=total, completed=done, figures="", left="")
            if rich
            else None
        )
        self._printed = self._now = time.monotonic()
        self._advances = 0
        self._paced = (0.0, done)  # when the pace began to be measured, and at which count

    def advance(self, amount: int = 1, **figures: float) -> None:
        """Count `amount` (at least 1) more as done; `figures` (loss=0.1) are shown beside it."""
        self.done += amount
        self._advances += 1
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._now = now = time.monotonic()
        if self._advances <= SLOW:
            self._paced = (now, self.done)
        if self._rich is not None and self._task is not None:
            self._rich.update(self._task, completed=self.done, figures=text, left=self._ending())
            return
        if self.done >= self.total or now - self._printed >= PLAIN_EVERY:
            self._printed = now
            line = (f"{self.title}: {self.done}/{self.total}", text, self._ending())
            _say("  ".join(part for part in line if part))

    def pace(self) -> tuple[float, int]:
        """Seconds a piece takes when all is warm, and over how many that was measured; 0 for none.

        Without any measured, the seconds are nan.
        """
        since, done = self._paced
        number = self.done - done
        return ((self._now - since) / number if number else float("nan")), number

    def _ending(self) -> str:
        """What is left of this, and of all jobs that it is one of."""
        seconds, measured = self.pace()
        left = seconds * (self.total - self.done) if measured else None
        over = self.done >= self.total
        own = "done" if over else "" if left is None else f"{duration(left)} left"
        return "; ".join(filter(None, (own, self.jobs.text(0.0 if over else left, self._now))))

    def note(self, text: str) -> None:
        """Print a line that stays."""
        line = one_line(text)
        if self._rich is not None:
            self._rich.console.print(
                f"{self.title}: {line}", markup=False, highlight=False, emoji=False
            )
        else:
            _say(f"{self.title}: {line}")


def _say(line: str) -> None:
    if not session.quiet():
        print(line, file=sys.stderr, flush=True)


@contextmanager
def bar(title: str, total: int, done: int = 0, jobs: Jobs | None = None) -> Iterator[Bar]:
    """Show the progress of one piece of work while the block runs.

    Args:
        title: of the work.
        total: how much it is.
        done: how much of it was done earlier.
        jobs: what it is one of.
    """
    console = Console(stderr=True)
    if session.quiet() or not console.is_terminal:
        yield Bar(title, total, done, None, jobs)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as rich:
        yield Bar(title, total, done, rich, jobs)
