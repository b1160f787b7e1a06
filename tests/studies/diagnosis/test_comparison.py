import numpy as np
import pytest

from echojax.cli import main
from echojax.errors import InputError
from echojax.report.blocks import Paragraph, Table, pieces
from echojax.studies.diagnosis import predictions
from echojax.studies.diagnosis.comparison import compare
from echojax.studies.diagnosis.primary import primary_rows


@pytest.fixture
def runs(tmp_path, some_rows):
    """Two small runs; the second one's SRResNet is right one time in five where it was wrong."""
    rng = np.random.default_rng(0)
    few = {"protocols": ["patient"], "tasks": ["view"], "modes": ["restore"], "patients": 10}
    made = []
    for name in ("one", "two"):
        rows = some_rows(**few, seeds=2)
        for row in rows:
            if name == "two" and row["sr"] == "srresnet" and rng.random() < 0.2:
                row["probability"] = float(row["label"])
        run = tmp_path / name
        run.mkdir()
        (run / "config.toml").write_text("[sr]\nsteps = 5\n[study]\nseeds = 2\n")
        predictions.append(run / "predictions.csv", rows)
        made.append(run)
    (made[1] / "config.toml").write_text("[sr]\nsteps = 99\n[study]\nseeds = 2\nfolds = 4\n")
    return made


def shown(cell):
    return "".join(pieces(cell)).replace("\N{MINUS SIGN}", "-")


def test_a_difference_is_the_other_runs_gain_minus_the_first_ones(runs):
    _, primary, _ = (block for block in compare(runs) if isinstance(block, Table))
    (row,) = primary.rows
    one, two = (primary_rows(predictions.read(run / "predictions.csv"))[0] for run in runs)
    assert shown(row[2]).startswith(f"{one.points:+.1f} (")
    assert shown(row[3]).startswith(f"{two.points:+.1f} (")
    assert shown(row[4]).startswith(f"{two.points - one.points:+.1f} (")


def test_accuracies_stand_side_by_side_with_their_differences(runs):
    accuracy, _, _ = (block for block in compare(runs) if isinstance(block, Table))
    assert len(accuracy.rows) == 9
    for row in accuracy.rows:  # the runs differ in what SRResNet does alone
        assert shown(row[3]).split()[0] == shown(row[4]).split()[0]
        assert shown(row[5]).startswith("0.0")


def test_settings_that_differ_are_named(runs):
    *_, settings = compare(runs)
    assert isinstance(settings, Table)
    assert [row[0] for row in settings.rows] == ["sr.steps", "study.folds"]
    assert settings.rows[1][1:] == ["not set", "4"]
    (runs[1] / "config.toml").write_text((runs[0] / "config.toml").read_text())
    assert compare(runs)[-1] == Paragraph("None.")


def test_a_run_of_one_seed_gives_differences_without_an_interval(runs):
    found = predictions.read(runs[1] / "predictions.csv")
    single = found.take(np.flatnonzero(found["seed"] == 0))
    (runs[1] / "predictions.csv").unlink()
    predictions.append(
        runs[1] / "predictions.csv",
        [dict(zip(single.columns, row, strict=True)) for row in single.tuples(*single.columns)],
    )
    accuracy, primary, _ = (block for block in compare(runs) if isinstance(block, Table))
    for row in (*accuracy.rows, *primary.rows):
        assert shown(row[-1])
        assert "(" not in shown(row[-1])


def test_a_cell_that_one_run_lacks_stays_empty(runs, some_rows):
    more = some_rows(protocols=["patient"], tasks=["phase"], methods=[], seeds=2, patients=5)
    predictions.append(runs[1] / "predictions.csv", more)
    accuracy, _, _ = (block for block in compare(runs) if isinstance(block, Table))
    lacking = [row for row in accuracy.rows if row[0] == "patient phase"]
    assert len(lacking) == 9
    assert all((row[3], row[5]) == ("", "") and row[4] for row in lacking)


def test_what_is_no_run_or_has_no_predictions_is_named(runs, tmp_path):
    with pytest.raises(InputError, match="two different runs"):
        compare([runs[0], runs[0]])
    with pytest.raises(InputError, match=r"no config\.toml"):
        compare([runs[0], tmp_path])
    (runs[1] / "predictions.csv").unlink()
    with pytest.raises(InputError, match=r"two: has no predictions yet"):
        compare(runs)


def test_the_command_prints_a_table_markdown_or_writes_a_file(runs, tmp_path, capsys):
    words = ["compare", *map(str, runs)]
    assert main(words) == 0
    assert "two minus one" in capsys.readouterr().out
    assert main([*words, "--markdown"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Runs side by side\n")
    assert main([*words, "--output", str(tmp_path / "new" / "compared.md")]) == 0
    assert (tmp_path / "new" / "compared.md").read_text() == printed
    assert main(["compare", str(runs[0])]) == 2
    assert "two different runs" in capsys.readouterr().err
