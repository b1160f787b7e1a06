"""Does work that was stopped at any moment end as if nobody had stopped it?

    python scripts/interrupt.py [--moments 10] [--seed 0] WORD...

Runs `echojax WORD... --run DIR` once undisturbed. Then again and again with Ctrl-C, SIGTERM and a
kill in turn, each at a moment drawn evenly from the time that the undisturbed run took, going on
with `--resume` until it ends: as many runs as it takes for each signal to have struck so many
times. Prints what the command said when it was stopped and where it went on, and which files of
the run differ from the undisturbed one in any byte. What tells of times is left out: events, the
record of the environment, the first column of the log and the order of its rows (a classifier that
had to begin again is logged later), the report's rows that say when the run was begun and resumed,
and checkpoints, whose networks are in files of their own. Exit code 1 if a file differs or a
command failed.

    python scripts/interrupt.py train-sr --data-dir data --set sr.steps=200
    python scripts/interrupt.py matrix --config quickstart --data-dir data
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from echojax.runs import log

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
LEFT_OUT = {"events", "environment.json", "checkpoints", ".lock"}  # tell of times
# Of a report: its rows that tell when it was begun and resumed; of an SVG: numbers of its clips.
_OF_THE_MOMENT = re.compile(
    rb"^\| (started|resumed) \|.*\n|<tr><td[^>]*>(started|resumed)</td>.*?</tr>\n?"
    rb"|\bp[0-9a-f]{10}\b",
    re.MULTILINE,
)
_TOLD = re.compile(r"(.*(?:resumed at step|begins at step|Stopped).*)")


class Attempt(NamedTuple):
    """A start of the command: how it ended, after how many seconds, and what it said of steps."""

    signum: int | None
    seconds: float
    code: int
    said: list[str]


def attempt(words: Sequence[str], signum: int | None = None, after: float = 0.0) -> Attempt:
    """Run the command, and send it a signal after some seconds if it has not ended by then."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        running = subprocess.Popen(
            [sys.executable, "-m", "echojax", *words],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # A child of something in the background would ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        struck = None
        if signum is not None:
            try:
                running.wait(after)
            except subprocess.TimeoutExpired:
                running.send_signal(signum)
                struck = signum
        code = running.wait()
        errors.seek(0)
        said = [line.strip() for line in errors if _TOLD.match(line) or line.startswith("Error")]
    return Attempt(struck, time.monotonic() - started, code, said)


def contents(run: Path) -> dict[str, object]:
    """What must not depend on when a run was made, by name: bytes, without times."""
    found: dict[str, object] = {}
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run)
        if file.is_file() and not LEFT_OUT.intersection(name.parts):
            if name.name == log.NAME:
                found[str(name)] = sorted(log.read(file))
                continue
            content = file.read_bytes()
            if name.suffix in (".html", ".md", ".svg"):
                content = _OF_THE_MOMENT.sub(b"", content)
            found[str(name)] = content
    return found


def differing(run: Path, whole: dict[str, object]) -> list[str]:
    """Names of files that one of two runs lacks, or whose bytes differ."""
    found = contents(run)
    return [name for name in sorted(found | whole) if found.get(name) != whole.get(name)]


def main() -> int:
    """Interrupt, go on, compare, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=10, help="of each signal")
    parser.add_argument("--seed", type=int, default=0)
    asked, words = parser.parse_known_args()
    rng = np.random.default_rng(asked.seed)
    struck: Counter[int] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")  # of one name always: reports say it
        words += ["--run", str(run)]
        first = attempt(words)
        if first.code:
            print(*first.said, sep="\n")
            return 1
        print(f"undisturbed: {first.seconds:.1f} s")
        whole = contents(run)
        while sum(struck.values()) < asked.moments * len(SIGNALS):
            shutil.rmtree(run)
            for _ in range(50):
                least = min(SIGNALS, key=lambda each: struck[each])
                resumed = ["--resume"] * run.exists()
                found = attempt([*words, *resumed], least, rng.uniform(0, first.seconds))
                name = "end" if found.signum is None else signal.Signals(found.signum).name
                struck[least] += found.signum is not None
                print(f"  {name:<8}{found.seconds:6.1f} s  exit {found.code:<4}", *found.said[-2:])
                if found.signum is None:
                    break
            wrong = differing(run, whole) if found.code == 0 else ["it failed"]
            bad += len(wrong)
            print(f"run: {', '.join(wrong) or 'every byte the same'} ({len(whole)} files)")
    counts = {signal.Signals(signum).name: number for signum, number in struck.items()}
    print(f"{counts}; files that differ: {bad}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
