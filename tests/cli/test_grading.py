import json

import pytest

from echojax.cli import main
from echojax.data import camus
from echojax.vocabulary import PHASES, QUALITIES, VIEWS
from tests import camus_folders
from tests.studies.grading.conftest import SPACING, make_hearts, quick  # noqa: F401

PATIENTS = 6
SMALL = ("--set", "grading.hearts=0", "--set", "grading.parts=2")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Generated hearts in the layout of CAMUS, prepared."""
    root = tmp_path_factory.mktemp("hearts")
    frames = make_hearts(PATIENTS)
    for index, name in enumerate(frames.ids):
        folder = root / "CAMUS" / "database_nifti" / str(frames.patient[index])
        folder.mkdir(parents=True, exist_ok=True)
        for end, upright in (("", frames.images[index]), ("_gt", frames.masks[index])):
            camus_folders.write_nifti(folder / f"{name}{end}.nii.gz", upright, SPACING)
        quality = QUALITIES[frames.quality[index]].capitalize()
        fields = camus_folders.NIFTI_CFG | {"ImageQuality": quality}
        camus_folders.write_cfg(folder / f"Info_{VIEWS[frames.view[index]]}.cfg", fields)
    camus.prepare(root / "CAMUS", root / "data")
    return root / "data"


def grading(data_dir, run, *more):
    return main(["grading", "--data-dir", str(data_dir), "--run", str(run), *SMALL, *more])


def test_a_run_is_graded_told_of_and_reported_anew(data_dir, tmp_path, capsys):
    run = tmp_path / "run"
    assert grading(data_dir, run, "--set", "grading.enhancements=[]") == 0
    told = capsys.readouterr()
    assert f"Report: {run / 'report.html'}" in told.out
    assert "What enhancement does to grades is not in this run." in told.out
    assert "Not in this run: observers (grading.observers names no file" in told.err
    page = (run / "report.html").read_text()
    assert main(["report", "--run", str(run)]) == 0
    assert (run / "report.html").read_text() == page
    assert "Grades of echo frames, region by region" in page
    capsys.readouterr()
    assert grading(data_dir, run, "--set", "grading.enhancements=[]", "--json", "--resume") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] == str(run)
    assert len(found["answer"]) == 2
    assert {each["what"] for each in found["absent"]} >= {"observers", "method coherence"}


def test_a_dry_run_says_what_it_takes_and_writes_nothing(data_dir, tmp_path, capsys):
    run = tmp_path / "run"
    assert grading(data_dir, run, "--dry-run", "--set", 'grading.enhancements=["bicubic"]') == 0
    told = capsys.readouterr().out
    assert "Grading frames after bicubic, restore" in told
    assert str(len(VIEWS) * len(PHASES) * PATIENTS) in told
    assert not run.exists()


def test_a_template_is_written_and_nothing_else(data_dir, tmp_path, capsys):
    run, file = tmp_path / "run", tmp_path / "anna.csv"
    assert grading(data_dir, run, "--template", str(file), "--frames", "3") == 0
    assert f"Template of 3 frames: {file}" in capsys.readouterr().out
    assert len(file.read_text().splitlines()) == 1 + 3 * 8
    assert not run.exists()
    assert grading(data_dir, run, "--template", str(file)) == 2
    assert "is there already, perhaps with grades" in capsys.readouterr().err


def test_an_observer_of_other_frames_is_refused_by_name_and_line(data_dir, tmp_path, capsys):
    file = tmp_path / "anna.csv"
    file.write_text("frame,region,grade\npatient9999_2CH_ED,basal left,3\n")
    given = ("--set", "grading.enhancements=[]", "--set", f'grading.observers=["{file}"]')
    assert grading(data_dir, tmp_path / "run", *given) == 2
    assert "anna.csv, line 2: patient9999_2CH_ED is no frame" in capsys.readouterr().err
