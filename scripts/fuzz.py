"""Damaged files by the thousand: does every reader read them, or say in a line what is wrong?

    python scripts/fuzz.py --mutations 2000 [--seed 0] [--reader png --reader mha]

Valid small files are damaged: bits flipped, cut off, numbers of the header made extreme, pieces
left out or doubled. Each is read whole, written back and its outcome counted, in a child process
that may take 1 GB more than it began with, and 10 seconds a file; where it dies, the file it was at
is to blame and another child goes on. Exit code 1 if anything but "read" and "error" occurs. The
last column is the most memory taken above the beginning, over all files. Needs Linux.
"""

import argparse
import faulthandler
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import fuzz_files
import numpy as np

import echojax.media.clips
import echojax.media.deep_images
import echojax.media.dicom
import echojax.media.gif
import echojax.media.metaimage
import echojax.media.nifti  # noqa: F401 - loaded once, not in every child
from echojax import text_table
from echojax.errors import InputError
from echojax.media import open_recording
from tfds_camus.errors import CamusError
from tfds_camus.files import read_frame, read_info

OUTCOMES = ("read", "error", "exception", "crash", "hang")
_FORK = multiprocessing.get_context("fork")  # the libraries take seconds to load


class Result(NamedTuple):
    """How one damaged file was taken: an outcome, what was said, and MB above the beginning."""

    number: int
    outcome: str
    words: str
    megabytes: float


def fuzz(
    reader: str, mutations: int, *, seed: int = 0, seconds: float = 10, megabytes: int = 1024
) -> Iterator[Result]:
    """Damage a reader's file, read it, write it back, as often as asked for."""
    with tempfile.TemporaryDirectory() as folder:
        number = 0
        while number < mutations:
            ours, theirs = _FORK.Pipe()
            arguments = (theirs, Path(folder), reader, number, mutations, seed, megabytes)
            child = _FORK.Process(target=_child, args=arguments, daemon=True)
            child.start()
            theirs.close()
            try:
                while number < mutations:
                    if not ours.poll(seconds):
                        yield Result(number, "hang", f"over {seconds} s", 0)
                        number += 1
                        break
                    yield ours.recv()
                    number += 1
            except EOFError:
                child.join()
                yield Result(number, "crash", f"exit code {child.exitcode}", 0)
                number += 1
            finally:
                child.kill()
                child.join()
                ours.close()


def _child(
    pipe: Connection, folder: Path, reader: str, start: int, end: int, seed: int, megabytes: int
) -> None:
    # What the libraries print of a damaged file is not what is asked here.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    faulthandler.disable()
    warnings.simplefilter("ignore")
    limit = (_status("VmData") + (megabytes << 10)) << 10
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(start, end):
        _attempt(pipe, folder, reader, number, seed)


def _attempt(pipe: Connection, folder: Path, reader: str, number: int, seed: int) -> None:
    place = folder / "in"
    shutil.rmtree(place, ignore_errors=True)
    damaged(place, reader, number, seed)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    try:
        _use(place / f"a{fuzz_files.READERS[reader]}", reader)
        outcome, words = "read", ""
    except (InputError, CamusError) as error:
        # A line that does not name the file helps nobody, nor does one that moves the cursor.
        named = "a." in str(error) and str(error).isprintable()
        outcome, words = ("error" if named else "exception"), str(error)
    except Exception as error:
        outcome, words = "exception", f"{type(error).__name__}: {error}"
    pipe.send(Result(number, outcome, words, max(_status("VmHWM") - before, 0) / 1024))


def damaged(folder: Path, reader: str, number: int, seed: int) -> Path:
    """Write a reader's file with the damage of a number; gives the file that is opened."""
    path = fuzz_files.write(folder, reader)
    rng = np.random.default_rng([seed, number, *reader.encode()])
    files = sorted(folder.iterdir())
    # Of a header and its data, the header is the part that can do harm.
    chosen = path if len(files) == 1 or rng.random() < 0.9 else files[rng.integers(len(files))]
    suffix = "".join(chosen.suffixes)
    content = fuzz_files.damage(chosen.read_bytes(), suffix, rng)
    chosen.write_bytes(content)
    return path


def _use(path: Path, reader: str) -> None:
    if reader == "camus cfg":
        read_info(path)
    elif reader.startswith("camus"):
        read_frame(path)
    else:
        recording = open_recording(path)
        recording.write(path.with_name(f"b{''.join(path.suffixes)}"), recording.frames(), 1, "none")


def _status(key: str) -> int:
    """A figure of this process in kB, as Linux counts."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise KeyError(key)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a reader did what none should."""
    parser = argparse.ArgumentParser(description="Damaged files, read by every reader.")
    parser.add_argument("--mutations", type=int, default=2000, help="of each reader's file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=list(fuzz_files.READERS))
    parser.add_argument("--verbose", action="store_true", help="say what errors say, too")
    options = parser.parse_args(arguments)
    rows = [["reader", *OUTCOMES, "MB"]]
    sound = True
    for reader in options.reader or fuzz_files.READERS:
        results = list(fuzz(reader, options.mutations, seed=options.seed))
        counts = Counter(result.outcome for result in results)
        peak = max(result.megabytes for result in results)
        rows.append([reader, *(str(counts[outcome]) for outcome in OUTCOMES), f"{peak:.0f}"])
        bad = [result for result in results if result.outcome not in ("read", "error")]
        sound = sound and not bad
        for result in results if options.verbose else bad:
            print(f"{reader} {result.number}: {result.outcome}: {result.words[:300]}", flush=True)
    print(text_table.plain(rows))
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
