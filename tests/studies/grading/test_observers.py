import csv

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.inference.regions import REGIONS
from echojax.studies.grading import interobserver, observers
from echojax.studies.grading import truth as against
from echojax.studies.grading.grades import Source

FRAMES = ["patient0001_2CH_ED", "patient0001_4CH_ES", "patient0002_2CH_ED"]
METHOD = Source("expert", "cr")


def written(path, *lines):
    path.write_text("\n".join(["frame,region,grade", *lines]) + "\n")
    return path


def test_a_file_is_read_by_side_or_by_anatomy(tmp_path):
    file = written(
        tmp_path / "anna.csv",
        "patient0001_2CH_ED,basal left,4",
        "patient0001_2CH_ED,Basal anterior,2.5",
        "patient0001_4CH_ES,mid septal,",
        "",
    )
    found = observers.read(file, FRAMES)
    assert [(each.observer, each.region, each.grade) for each in found] == [
        ("anna", "basal left", 4),
        ("anna", "basal right", 2.5),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("patient0001_2CH_EX,basal left,4", r"anna.csv, line 2: patient0001_2CH_EX is no frame"),
        ("patient0001_2CH_EX,basal left,4", r"did you mean patient0001_2CH_ED\?"),
        ("patient0001_2CH_ED,basal septal,4", r"'basal septal' is no region; did you mean"),
        ("patient0001_2CH_ED,basal left,6", r"'6' is no grade; expected 1 \(not visible\) to 5"),
        ("patient0001_2CH_ED,basal left,good", r"'good' is no grade"),
        ("patient0001_2CH_ED,basal left,nan", r"'nan' is no grade"),
        ("patient0001_2CH_ED,basal left", r"has 2 values; expected frame, region, grade"),
    ],
)
def test_what_is_unknown_is_refused_by_its_line(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        observers.read(written(tmp_path / "anna.csv", line), FRAMES)


def test_a_region_is_graded_once(tmp_path):
    line = "patient0001_2CH_ED,basal left,4"
    other = "patient0001_2CH_ED,basal inferior,4"
    with pytest.raises(InputError, match=r"line 3: .* has a grade already"):
        observers.read(written(tmp_path / "anna.csv", line, other), FRAMES)


def test_other_columns_missing_files_and_one_name_twice_are_refused(tmp_path):
    file = tmp_path / "anna.csv"
    with pytest.raises(InputError, match=r"anna.csv: cannot be read"):
        observers.read(file, FRAMES)
    file.write_text("frame;region;grade\n")
    with pytest.raises(InputError, match="expected 'frame,region,grade'"):
        observers.read(file, FRAMES)
    with pytest.raises(InputError, match="two files are called anna"):
        observers.read_all([str(file), str(tmp_path / "b" / "anna.csv")], FRAMES)


def test_a_template_is_filled_in_and_read(tmp_path):
    file = tmp_path / "anna.csv"
    assert observers.write_template(file, FRAMES, 2) == 2
    assert observers.read(file, FRAMES) == []
    rows = list(csv.reader(file.read_text().splitlines()))
    assert len(rows) == 1 + 2 * len(REGIONS)
    filled = [",".join(rows[0]), *(f"{frame},{region},3" for frame, region, _ in rows[1:])]
    file.write_text("\n".join(filled))
    assert len(observers.read(file, FRAMES)) == 2 * len(REGIONS)
    with pytest.raises(InputError, match="is there already"):
        observers.write_template(file, FRAMES, 2)


def people(truth, noises):
    """Observers who see the truth with noise of known deviations."""
    rng = np.random.default_rng(7)
    return {
        f"observer{n}": {name: g + rng.normal(scale=s, size=8) for name, g in truth.items()}
        for n, s in enumerate(noises)
    }


@pytest.fixture
def rows(invented, truth):
    truth = {name: 2 + 0.4 * grades for name, grades in truth.items()}  # noise stays on the scale
    seen = people(truth, [0.3, 0.3, 0.3])
    rng = np.random.default_rng(6)
    methods = {
        METHOD: lambda grades: grades,
        Source("expert", "gcnr"): lambda grades: rng.normal(size=8),
    }
    found = invented(truth, methods)
    judged = against.judged(found, observers.consensus(seen), 5, 0)
    patients = {name: name.split("_")[0] for name in truth}
    return {row.who: row for row in interobserver.observer_rows(seen, judged, patients)}


def test_pairs_of_observers_differ_by_what_their_noise_says(rows):
    """Two normal errors of deviation s differ by 2 s / sqrt(pi) on average; .3 gives .339."""
    row = rows[interobserver.BETWEEN]
    assert row.error == pytest.approx(2 * 0.3 / np.sqrt(np.pi), abs=0.02)
    assert (row.pairs, row.regions, row.patients) == (3, 3 * 60 * 8, 30)
    assert np.isnan(row.minus)


def test_the_truth_is_nearer_to_each_observer_than_they_are_to_each_other(rows):
    """One normal error is s sqrt(2 / pi) from the truth on average; .3 gives .239."""
    row = rows["cr, expert masks"]
    assert row.error == pytest.approx(0.3 * np.sqrt(2 / np.pi), abs=0.02)
    assert row.minus_high < 0
    assert row.p < 1e-4


def test_what_knows_nothing_is_farther(rows):
    row = rows["gcnr, expert masks"]
    assert row.minus_low > 0
    assert row.rho < 0.1  # below zero, as folds differ from the mean of the others


def test_a_single_observer_has_nobody_to_agree_with(invented, truth):
    found = invented(truth, {METHOD: lambda grades: grades})
    seen = people(truth, [0.0])
    judged = against.judged(found, observers.consensus(seen), 5, 0)
    patients = {name: name.split("_")[0] for name in truth}
    (row,) = interobserver.observer_rows(seen, judged, patients)
    assert row.who == "cr, expert masks"
    assert row.error == pytest.approx(0, abs=1e-9)
    assert np.isnan(row.minus)


def test_grades_are_kept_in_the_run(tmp_path):
    file = written(tmp_path / "anna.csv", "patient0001_2CH_ED,basal left,4")
    given = observers.read(file, FRAMES)
    assert observers.kept(tmp_path) == []
    observers.write(tmp_path, given)
    assert observers.kept(tmp_path) == given
    assert observers.by_observer(given)["anna"]["patient0001_2CH_ED"][0] == 4
