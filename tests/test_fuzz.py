"""A small form of `scripts/fuzz.py`, which runs thousands.

In processes of their own: it forks, which a process that has used JAX should not.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
HARM = """
import sys
from echojax.errors import InputError

def tell(words):
    raise InputError(words)

HARM = {
    "read": lambda: None,
    "error": lambda: tell("a.png: damaged"),
    "error without a name": lambda: tell("damaged"),
    "error of two lines": lambda: tell("a.png: damaged\\nindeed"),
    "exception": lambda: {}["missing"],
    "memory": lambda: bytearray(1 << 29),
    "exit": lambda: sys.exit(3),
    "crash": lambda: fuzz.os.abort(),
    "hang": lambda: fuzz.multiprocessing.Event().wait(),
}
for name, harm in HARM.items():
    fuzz._use = lambda path, reader: harm()
    results = list(fuzz.fuzz("camus cfg", 2, seconds=1, megabytes=256))
    print(name, *(f"{each.number} {each.outcome}" for each in results), sep=", ")
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")


def run(code):
    """What a program prints that may use the script's functions."""
    done = subprocess.run(
        [sys.executable, "-c", f"import fuzz, fuzz_files\n{code}"],
        env={"PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parent}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_files_that_are_not_damaged_are_read(tmp_path):
    code = "for each in fuzz_files.READERS: fuzz._use(fuzz_files.write(Path(each), each), each)"
    run(f"import os\nfrom pathlib import Path\nos.chdir({str(tmp_path)!r})\n{code}")


def test_damaged_files_are_read_or_refused_in_a_line_by_every_reader():
    lines = run("fuzz.main(['--mutations', '8'])")
    assert lines[0].split() == ["reader", "read", "error", "exception", "crash", "hang", "MB"]
    rows = [line.rsplit(maxsplit=6) for line in lines[1:]]
    assert len(rows) > 20
    for _, read, error, *others, _ in rows:
        assert int(read) + int(error) == 8
        assert others == ["0", "0", "0"]


def test_a_seed_says_what_is_damaged(tmp_path):
    code = (
        "from pathlib import Path\n"
        "def digest(reader, seed):\n"
        f"    path = fuzz.damaged(Path({str(tmp_path)!r}) / reader, reader, 0, seed)\n"
        "    return zlib.crc32(path.read_bytes())\n"
        "for seed in (0, 0, 1):\n"
        "    print(*(digest(each, seed) for each in fuzz_files.READERS))"
    )
    first, again, other = run(f"import zlib\n{code}")
    assert first == again != other


def test_what_a_reader_does_is_told_apart_and_the_next_file_is_read():
    expected = {
        "read": "read",
        "error": "error",
        "error without a name": "exception",
        "error of two lines": "exception",
        "exception": "exception",
        "memory": "exception",
        "exit": "crash",
        "crash": "crash",
        "hang": "hang",
    }
    assert run(HARM) == [f"{name}, 0 {each}, 1 {each}" for name, each in expected.items()]
