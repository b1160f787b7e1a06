from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echojax.metrics import psnr, ssim
from echojax.runs import log as training_log
from echojax.studies.diagnosis import accuracies, figures
from echojax.studies.diagnosis.cells import Cell


@pytest.fixture(scope="module")
def examples(finished: Path) -> dict[str, np.ndarray]:
    with np.load(finished / "figures" / "examples.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text of every figure drawn in the test."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    seen: list[str] = []
    save = Figure.savefig

    def keep(self: Figure, *args: object, **settings: object) -> None:
        seen.extend(text.get_text() for text in self.findobj(Text))
        save(self, *args, **settings)

    monkeypatch.setattr(Figure, "savefig", keep)
    return seen


def ink(path: Path) -> int:
    with Image.open(path) as image:
        return len(np.unique(np.asarray(image.convert("L"))))


def test_frames_are_drawn_and_absent_ones_said(tmp_path: Path, examples, texts):
    path = figures.frames(examples, tmp_path / "new" / "fig2.png")
    assert path is not None
    assert ink(path) > 50
    assert texts.count("no frame") == 2  # 4CH poor, ED and ES
    assert {"good", "medium", "poor", "2CH ED", "4CH ES"} <= set(texts)


def test_a_view_or_quality_without_any_frame_has_no_row_or_column(tmp_path: Path, examples, texts):
    some = {key: image for key, image in examples.items() if "2CH" in key and "medium" not in key}
    assert figures.frames(some, tmp_path / "fig2.png")
    assert not {"no frame", "medium", "4CH ED"} & set(texts)


def test_patches_state_the_fidelity_of_the_whole_frame(tmp_path: Path, examples, texts):
    assert figures.patches(examples, tmp_path / "fig3.png")
    reference, restored = (
        examples[key].astype(np.float64) / 255 for key in ("fig3_original", "fig3_restore_bicubic")
    )
    expected = f"{psnr(reference, restored):.2f} dB / {ssim(reference, restored):.4f}"
    assert texts.count(expected) == 2  # the fixture's srresnet restores the same
    assert {"original", "bicubic", "SRResNet"} <= set(texts)


def test_patches_draw_any_method_and_say_what_is_missing(tmp_path: Path, examples, texts):
    some = {**examples, "fig3_restore_other": examples["fig3_original"]}
    assert figures.patches(some, tmp_path / "fig3.png")
    assert {"other", "inf dB / 1.0000", "not in this run"} <= set(texts)


def test_gains_draw_one_bar_per_cell_and_method(tmp_path: Path, gain_rows, monkeypatch):
    from matplotlib.axes import Axes

    bars: list[float] = []
    draw = Axes.bar
    monkeypatch.setattr(
        Axes,
        "bar",
        lambda self, x, height, *a, **k: bars.append(height) or draw(self, x, height, *a, **k),
    )
    assert figures.gains(gain_rows, "patient", tmp_path / "fig4.png")
    assert sorted(bars) == sorted(row.change for row in gain_rows if row.cell.protocol == "patient")


def test_gains_of_one_task_and_side_only_still_draw(tmp_path: Path, gain_rows, texts):
    some = [row for row in gain_rows if (row.cell.task, row.cell.sr_on) == ("phase", "test")]
    assert figures.gains(some, "paper", tmp_path / "fig4.png")
    assert "not in this run" in texts


def test_the_paper_is_drawn_only_on_cells_whose_poor_side_is_enhanced(
    tmp_path: Path, gain_rows, texts
):
    row = next(r for r in gain_rows if (r.cell.train, r.cell.test) == ("poor", "good"))
    for sr_on, drawn in (("train", True), ("both", False)):
        texts.clear()
        one = row._replace(cell=row.cell._replace(sr_on=sr_on))
        assert figures.gains([one], row.cell.protocol, tmp_path / "fig4.png")
        assert ("paper, mean of its two" in texts) == drawn
        assert ("good,\nenhanced too" in texts) == (not drawn)


def test_accuracy_shows_our_number_the_papers_and_what_is_missing(
    tmp_path: Path, accuracy_rows, texts
):
    view = [r for r in accuracy_rows if r.cell.task == "view" and r.cell.train != "medium"]
    phase = Cell("paper", "phase", "poor", "good", "none", "none", "none")
    cells = accuracies.baseline(view, [phase], "paper")
    assert figures.accuracy(cells, tmp_path / "accuracy.png")
    good_poor = Cell("paper", "view", "good", "poor", "none", "none", "none")
    shown = next(row for row in view if row.cell == good_poor)
    assert f"{100 * shown.accuracy:.1f}" in texts
    assert "paper 82" in texts
    assert "paper 74" not in texts  # the paper's number of the missing cell
    assert texts.count("missing") == 1  # what was not asked for stays blank


def test_training_curves_stand_beside_the_interpolations(tmp_path: Path, finished: Path, texts):
    path = figures.sr_training(training_log.read(finished / "log.csv"), tmp_path / "sr.png")
    assert path is not None
    assert {"SRResNet", "bicubic", "Lanczos", "paper protocol", "patient protocol"} <= set(texts)


def test_without_data_nothing_is_drawn(tmp_path: Path):
    path = tmp_path / "none.png"
    assert figures.frames({}, path) is None
    assert figures.patches({}, path) is None
    assert figures.gains([], "paper", path) is None
    assert (
        figures.accuracy(
            {Cell("paper", "view", "good", "poor", "none", "none", "none"): None}, path
        )
        is None
    )
    assert figures.sr_training([], path) is None
    assert not path.exists()
