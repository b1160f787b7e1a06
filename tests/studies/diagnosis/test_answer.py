from pathlib import Path

import numpy as np
import pytest

from echojax.report import page
from echojax.studies.diagnosis import answer, costs, material, predictions
from echojax.studies.diagnosis.cells import Cell
from tests.studies.diagnosis.conftest import invent

NAN = float("nan")
CELL = Cell("patient", "view", "good", "poor", "none", "none", "none")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 3.0, False), (-3.0, -0.1, False), (-1.0, 2.0, True), (0.0, 0.0, True)],
)
def test_an_interval_with_zero_is_called_indistinguishable(low, high, said):
    row = costs.CostRow(CELL, 0.9, 0.8, 1.0, NAN, NAN, 1.0, low, high, paired=False)
    assert ("not distinguishable" in answer.change(row)) == said


def test_without_an_interval_none_is_claimed():
    row = costs.CostRow(CELL, 0.9, 0.8, 1.0, NAN, NAN, 1.0, NAN, NAN, paired=False)
    assert "too few trainings or patients" in answer.change(row)


def answer_of(run: Path, changed=lambda row: None, **settings) -> str:
    """The answer of a run whose predictions were invented, but for what `changed` does to each."""
    rows = list(invent(["patient"], modes=["restore"], **settings))
    for row in rows:
        changed(row)
    run.mkdir()
    (run / "config.toml").write_text("[study]\n")
    predictions.append(run / "predictions.csv", rows)
    blocks = answer.answer(material.gather(run))
    return page.document("", blocks, run).replace("\N{NO-BREAK SPACE}", " ")


def test_the_answer_is_two_sentences_of_the_tables_numbers(tmp_path):
    html = answer_of(tmp_path / "run", patients=20)
    said = html.partition("<div class=answer><p>")[2].partition("</p>")[0]
    assert said.count(". ") == 1
    found = predictions.read(tmp_path / "run" / "predictions.csv")
    for row in costs.cost_rows(found):
        if (row.cell.train, row.cell.test) == ("good", "poor"):
            assert (
                f"{row.cell.task} {answer.change(row)}".replace("\N{NO-BREAK SPACE}", " ") in said
            )
    assert "of 2 comparisons, " in said
    assert "of mostly other patients" in said


def test_a_network_that_is_always_right_gives_more_in_so_many_comparisons(tmp_path):
    def right(row):
        if row["sr"] == "srresnet":
            row["probability"] = float(row["label"])

    html = answer_of(tmp_path / "run", right, patients=20)
    assert (
        "Super-resolution gives more than bicubic interpolation: of 2 comparisons, 2 give" in html
    )


def test_classifiers_at_chance_get_no_verdict_whatever_their_gain(tmp_path):
    rng = np.random.default_rng(0)

    def guess(row):
        row["probability"] = rng.random() * (0.4 if row["sr"] == "bicubic" and row["label"] else 1)

    html = answer_of(tmp_path / "run", guess, patients=20)
    assert "2 have no verdict, as classifiers at chance make every gain meaningless" in html
    assert "is not shown" in html
    assert "at chance already on good ones" in html
    assert "give more" not in html


def test_the_same_persons_in_every_quality_make_the_cost_causal(tmp_path):
    def same(row):
        row["patient"] = f"person{(int(row['patient'][-4:]) - 1) % 10}"

    html = answer_of(tmp_path / "run", same, patients=10)
    assert "Poor quality changes the accuracy" in html
    assert "other patients" not in html


def test_one_seed_and_few_patients_are_told_to_be_too_few(tmp_path):
    html = answer_of(tmp_path / "run", patients=1, seeds=1)
    assert "too few trainings or patients for an interval" in html
    assert "have no answer, which needs 2 trainings, 5 patients and all 4 cells" in html


def test_an_enhancement_that_is_no_network_is_not_called_super_resolution(tmp_path):
    html = answer_of(tmp_path / "run", methods=["clahe"], patients=5, seeds=1)
    assert "Super-resolution is not in this run yet" in html
    assert "stands alone" not in html
