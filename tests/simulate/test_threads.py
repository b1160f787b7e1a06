"""The number of threads that XLA may use changes no bit."""

import os
import re
import subprocess
import sys

import pytest

from echojax.simulate import acoustics, motion, view
from tests.simulate.reading import SEED, SIZE, files

RENDER = """
import sys
from pathlib import Path

import jax
import numpy as np

from echojax import devices
from echojax.simulate import acoustics, elements, view
from echojax.simulate.dataset import simulate

devices.start()
out, seed, size = Path(sys.argv[1]), *map(int, sys.argv[2:])
simulate(out / "camus", patients=2, seed=seed, size=size, frames=5, workers=1)
rendered = []
for number in range(3):
    shown = view.draw_view(0, number, "2CH", "Medium")
    drawn = jax.tree.map(np.float32, (shown.section, shown.scene, shown.appearance, shown.sector))
    rendered += acoustics.render(*drawn, shown.speckle, shown.activities(2))
rendered += elements.render(*drawn, shown.speckle, shown.activities(2))
np.savez(out / "rendered.npz", *rendered)
"""


def test_files_and_gray_levels_are_the_same_with_1_2_and_4_threads(sequences, tmp_path):
    running = []
    for threads in (1, 2, 4):
        out = tmp_path / str(threads)
        out.mkdir()
        words = [sys.executable, "-c", RENDER, str(out), str(SEED), str(SIZE)]
        running.append(subprocess.Popen(words, env=os.environ | {"NPROC": str(threads)}))
    assert [process.wait() for process in running] == [0, 0, 0]
    for threads in (1, 2, 4):
        assert files(tmp_path / str(threads) / "camus") == files(sequences)
    # Before they are rounded to gray levels: a difference would rarely show there.
    rendered = {(tmp_path / str(threads) / "rendered.npz").read_bytes() for threads in (1, 2, 4)}
    assert len(rendered) == 1


@pytest.fixture
def programs_of_a_view(monkeypatch):
    """The optimised programs by which frames are drawn, as text by name."""
    called = {}

    def noted(name, program):
        def call(*arguments):
            called.setdefault(name, (program, arguments))
            return program(*arguments)

        return call

    for module in (acoustics, motion, view):
        for name, value in vars(module).copy().items():
            if hasattr(value, "lower") and hasattr(value, "trace"):
                monkeypatch.setattr(module, name, noted(name, value))
    shown = view.draw_view(SEED, 0, "4CH", "Good")
    view.draw_frames(shown, 32)
    assert shown.ejection_fraction > 0
    return {
        name: program.lower(*arguments).compile().as_text()
        for name, (program, arguments) in called.items()
    }


def test_no_operation_is_divided_among_threads(programs_of_a_view):
    assert len(programs_of_a_view) == 9
    for text in programs_of_a_view.values():
        assert "fusion(" in text
        # Loops in parts, and what is left to libraries.
        assert not re.search(r'"outer_dimension_partitions":\["', text)
        assert not re.search(r"kind=kCustom| (dot|convolution|custom-call|fft)\(", text)
