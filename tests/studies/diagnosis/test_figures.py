from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echojax.metrics import psnr, ssim
from echojax.runs import log as training_log
from echojax.studies.diagnosis import accuracies, classes, primary
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.changed import ChangedFrame
from echojax.studies.diagnosis.figures import accuracy, answer, curves, frames, gains


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
    path = frames.frames(examples, tmp_path / "new" / "fig2.png")
    assert path is not None
    assert ink(path) > 50
    assert texts.count("no frame") == 2  # 4CH poor, ED and ES
    assert {"good", "medium", "poor", "2CH ED", "4CH ES"} <= set(texts)


def test_a_view_or_quality_without_any_frame_has_no_row_or_column(tmp_path: Path, examples, texts):
    some = {key: image for key, image in examples.items() if "2CH" in key and "medium" not in key}
    assert frames.frames(some, tmp_path / "fig2.png")
    assert not {"no frame", "medium", "4CH ED"} & set(texts)


def test_patches_state_the_fidelity_of_the_whole_frame(tmp_path: Path, examples, texts):
    assert frames.patches(examples, tmp_path / "fig3.png")
    reference, restored = (
        examples[key].astype(np.float64) / 255 for key in ("fig3_original", "fig3_restore_bicubic")
    )
    expected = f"{psnr(reference, restored):.2f} dB / {ssim(reference, restored):.4f}"
    assert texts.count(expected) == 2  # the fixture's srresnet restores the same
    assert {"original", "bicubic", "SRResNet"} <= set(texts)


def test_patches_draw_any_method_and_say_what_is_missing(tmp_path: Path, examples, texts):
    some = {**examples, "fig3_restore_other": examples["fig3_original"]}
    assert frames.patches(some, tmp_path / "fig3.png")
    assert {"other", "inf dB / 1.0000", "not in this run"} <= set(texts)


def test_gains_draw_one_dot_per_cell_and_method_also_of_zero(
    tmp_path: Path, gain_rows, monkeypatch
):
    from matplotlib.axes import Axes

    dots: list[float] = []
    draw = Axes.plot
    monkeypatch.setattr(
        Axes, "plot", lambda self, x, y, *a, **k: dots.append(y) or draw(self, x, y, *a, **k)
    )
    rows = [gain_rows[0]._replace(points=0.0), *gain_rows[1:]]
    assert gains.gains(rows, "paper", tmp_path / "fig4.png", published=False)
    assert sorted(dots) == sorted(row.points for row in rows if row.cell.protocol == "paper")


def test_gains_of_one_task_and_side_only_still_draw(tmp_path: Path, gain_rows, texts):
    some = [row for row in gain_rows if (row.cell.task, row.cell.sr_on) == ("phase", "test")]
    assert gains.gains(some, "paper", tmp_path / "fig4.png")
    assert "not in this run" in texts


def test_the_paper_is_drawn_only_on_cells_whose_poor_side_is_enhanced(
    tmp_path: Path, gain_rows, texts
):
    row = next(r for r in gain_rows if (r.cell.train, r.cell.test) == ("poor", "good"))
    for sr_on, drawn in (("train", True), ("both", False)):
        texts.clear()
        one = row._replace(cell=row.cell._replace(sr_on=sr_on))
        assert gains.gains([one], row.cell.protocol, tmp_path / "fig4.png")
        assert ("paper, mean of its two" in texts) == drawn
        assert ("good,\nenhanced too" in texts) == (not drawn)


def test_accuracy_shows_our_number_every_training_and_what_is_missing(
    tmp_path: Path, accuracy_rows, found, texts
):
    view = [r for r in accuracy_rows if r.cell.task == "view" and r.cell.train != "medium"]
    phase = Cell("paper", "phase", "poor", "good", "none", "none", "none")
    cells = accuracies.baseline(view, [phase], "paper")
    path = tmp_path / "accuracy.png"
    assert accuracy.accuracy(cells, accuracies.training_rows(found), path)
    good_poor = Cell("paper", "view", "good", "poor", "none", "none", "none")
    shown = next(row for row in view if row.cell == good_poor)
    assert f"{100 * shown.accuracy:.1f}" in texts
    assert {"paper", "one training", "trained on good", "trained on poor"} <= set(texts)
    assert "trained on medium" not in texts
    assert texts.count("missing") == 1  # what was not asked for stays blank


def test_the_thumbnails_line_and_the_paper_are_drawn_only_where_they_are_known(
    tmp_path: Path, accuracy_rows, texts
):
    nan = float("nan")
    rows = [r._replace(paper=nan, thumbnail=0.7) for r in accuracy_rows if r.cell.sr == "none"]
    assert accuracy.accuracy(accuracies.baseline(rows, [], "paper"), [], tmp_path / "a.png")
    assert "thumbnail of 8 x 8 pixels, no network" in texts
    assert "paper" not in texts


def test_the_answers_figure_has_every_comparison_with_its_numbers(tmp_path: Path, found, texts):
    rows = [row for row in primary.primary_rows(found) if row.protocol == "patient"]
    assert answer.primary(rows, tmp_path / "answer.png")
    assert {"view: SRResNet, upscale", "phase: SRResNet, restore"} <= set(texts)
    assert "\N{PLUS-MINUS SIGN}3 points" in texts
    assert sum(text.endswith("at chance") for text in set(texts)) == len(
        {row.points for row in rows if row.at_chance}
    )


def test_a_comparison_without_an_interval_is_still_drawn(tmp_path: Path, found, texts):
    row = primary.primary_rows(found)[0]
    nan = float("nan")
    one = row._replace(points=12.0, low=nan, high=nan)
    assert answer.primary([one], tmp_path / "answer.png")
    assert any(text.startswith("+12.0") and "to" not in text for text in texts)


def test_changed_frames_state_both_probabilities(tmp_path: Path, texts):
    one = ChangedFrame(
        *("view", "gain", 0, "p1_2CH_ED", "poor", "2CH", "patient", "good", "poor"),
        *("srgan", "restore", 0, 0.25, 0.75),
    )
    image = np.zeros((8, 8), np.uint8)
    examples = {f"{one.key}_{name}": image for name in ("without", "enhanced")}
    assert frames.changed([one], examples, tmp_path / "changed.png")
    assert {"without 25 %", "SRGAN 75 %", "view, gain", "true: 2CH"} <= set(texts)
    assert frames.changed([one], {}, tmp_path / "none.png") is None


def test_reliability_has_a_curve_a_stratum(tmp_path: Path, found, texts):
    bins = classes.reliability(found, "patient")
    assert set(bins) == {(t, q) for t in ("view", "phase") for q in ("good", "medium", "poor")}
    assert curves.reliability(bins, tmp_path / "reliability.png")
    assert {"tested on good", "tested on poor", "as right as it is sure"} <= set(texts)


def test_training_curves_stand_beside_the_interpolations(tmp_path: Path, finished: Path, texts):
    path = curves.sr_training(training_log.read(finished / "log.csv"), tmp_path / "sr.png")
    assert path is not None
    assert {"SRResNet", "bicubic", "Lanczos", "paper protocol", "patient protocol"} <= set(texts)


def test_without_data_nothing_is_drawn(tmp_path: Path):
    path = tmp_path / "none.png"
    cell = Cell("paper", "view", "good", "poor", "none", "none", "none")
    assert frames.frames({}, path) is None
    assert frames.patches({}, path) is None
    assert frames.changed([], {}, path) is None
    assert gains.gains([], "paper", path) is None
    assert answer.primary([], path) is None
    assert accuracy.accuracy({cell: None}, [], path) is None
    assert curves.sr_training([], path) is None
    assert curves.reliability({}, path) is None
    assert not path.exists()
