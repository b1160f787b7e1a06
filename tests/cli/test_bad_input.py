"""What a user gets for bad input: one line, what to do, exit code 2, and nothing lost."""

import pytest

from echojax.cli import main
from tests import camus_folders


@pytest.fixture
def refused(capsys):
    """Run a command that must be refused; gives its one line of error."""

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        printed = capsys.readouterr()
        lines = [line for line in printed.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, printed.err
        assert "Traceback" not in printed.err
        return lines[0]

    return run


@pytest.fixture
def prepare(refused, tmp_path):
    """Prepare a folder that must be refused; nothing may be left behind."""

    def run(folder, *words):
        target = tmp_path / "prepared"
        line = refused("prepare", "camus", "--from", folder, "--data-dir", target, *words)
        assert not target.exists() or not any(target.iterdir())
        return line

    return run


def test_a_folder_that_is_no_release(prepare, tmp_path):
    assert "nowhere: no such folder" in prepare(tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    assert "the folder is empty" in prepare(tmp_path / "other")
    (tmp_path / "other" / "letter.txt").write_text("Dear")
    line = prepare(tmp_path / "other")
    assert "neither CAMUS layout" in line
    assert "database_nifti" in line


def one(folder, pattern):
    return sorted(folder.rglob(pattern))[0]


def test_a_truncated_nifti(prepare, nifti_folder):
    image = one(nifti_folder, "*_2CH_ED.nii.gz")
    camus_folders.truncate(image)
    line = prepare(nifti_folder)
    assert image.name in line
    assert "truncated" in line
    assert "--skip-bad" in line


def test_skip_bad_prepares_the_rest_and_counts_what_was_left_out_and_what_is_unlabelled(
    nifti_folder, tmp_path, capsys
):
    image = one(nifti_folder, "*_2CH_ED.nii.gz")
    camus_folders.truncate(image)
    one(nifti_folder, "Info_4CH.cfg").write_text("ED: 1\nES: 9\n")
    words = ["prepare", "camus", "--from", str(nifti_folder), "--data-dir", str(tmp_path / "data")]
    assert main([*words, "--skip-bad"]) == 0
    printed = capsys.readouterr().out
    assert "Left out: 1" in printed
    assert image.name in printed
    assert "2 frames have no quality; they are in no stratum" in printed


def test_a_prepared_dataset_is_not_replaced_unasked(refused, data_dir, nifti_folder):
    before = sorted(data_dir.rglob("*"))
    line = refused("prepare", "camus", "--from", nifti_folder, "--data-dir", data_dir)
    assert "--overwrite" in line
    assert sorted(data_dir.rglob("*")) == before


def test_nothing_prepared(refused, tmp_path):
    assert "echojax prepare camus" in refused("inspect", "--data-dir", tmp_path)
    line = refused("matrix", "--data-dir", tmp_path, "--run", tmp_path / "run")
    assert "echojax prepare camus" in line
    assert not (tmp_path / "run").exists()


def test_a_stratum_with_too_few_frames(refused, data_dir, tmp_path):
    line = refused(
        "matrix", "--data-dir", data_dir, "--run", tmp_path / "run", "--set", "study.folds=20",
        "--set", "study.parts=20",
    )  # fmt: skip
    assert "as small as the smallest" in line
    assert "too few for a split into 20 parts" in line
    assert not (tmp_path / "run").exists()


def test_a_task_that_the_views_cannot_answer(refused, data_dir, tmp_path):
    line = refused(
        "matrix", "--data-dir", data_dir, "--run", tmp_path / "run", "--set", 'data.views=["2CH"]'
    )
    assert "there are no 4CH frames" in line


def test_a_configuration_that_cannot_be_read(refused, data_dir, tmp_path):
    data = ("--data-dir", data_dir)
    line = refused("matrix", *data, "--set", "clasifier.epoch=3")
    assert "did you mean classifier.epochs?" in line
    file = tmp_path / "mine.toml"
    assert "no such configuration file" in refused("matrix", *data, "--config", file)
    file.write_text("[sr]\nsteps_number = 10\n")
    line = refused("train-sr", *data, "--config", file)
    assert "mine.toml: unknown key sr.steps_number; did you mean sr.steps?" in line
    file.write_text("[sr\n")
    assert "cannot be read as TOML" in refused("matrix", *data, "--config", file)


def test_a_report_of_what_is_no_run(refused, tmp_path):
    assert "config.toml" in refused("report", "--run", tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("matrix", "--set", "study.folds=20", "--set", "study.parts=20"),
        ("matrix", "--set", "classifier.init=nowhere.safetensors"),
        ("matrix", "--set", "sr.init=nowhere.safetensors", "--set", "sr.crop=32"),
        ("train-sr", "--fold", "7"),
        ("train-sr", "--set", "sr.crop=256"),
        ("eval", "--train", "good", "--test", "medium", "--sr", "srresnet"),
    ],
)
def test_overwrite_loses_nothing_when_the_request_is_bad(refused, words, tmp_path, data_dir):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text("")
    (run / "predictions.csv").write_text("precious")
    refused(*words, "--data-dir", data_dir, "--run", run, "--overwrite")
    assert (run / "predictions.csv").read_text() == "precious"


def test_usage_errors_have_exit_code_2_as_well(capsys):
    assert main(["eval", "--train", "poor"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--test" in line
    assert "echojax eval --help" in line
    assert main(["evaluate"]) == 2


def test_debug_shows_the_traceback(tmp_path, capsys):
    assert main(["inspect", "--data-dir", str(tmp_path), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err
