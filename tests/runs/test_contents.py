from pathlib import Path

import pytest

from echojax.errors import InputError
from echojax.runs.job import Record
from echojax.runs.run import request
from echojax.studies.diagnosis.config import Config


@pytest.fixture
def run(tmp_path):
    """A run with a finished training and one under way, files of a report, and what was torn."""
    run = request(Config, run=tmp_path / "run").begin()
    for name in ("sr/srresnet/patient/fold0", "restorer"):
        job = run.job(name, Record())
        job.begin()
        job.log(20, loss=1.0)
        (job.checkpoints / "20" / "state").mkdir(parents=True)
        (job.checkpoints / "20" / "state" / "manifest.ocdbt").touch()
        job.file.touch()
        job.file.with_suffix(".md").touch()
        job.file.with_name(f".71.{job.file.name}").touch()
    for folder, names in (("figures", ["answer.png", "examples.npz"]), ("tables", ["a.csv"])):
        (run.path / folder).mkdir()
        for name in names:
            (run.path / folder / name).touch()
    for name in ("predictions.csv", "report.html", "report.md", ".DS_Store", ".812.log.csv"):
        (run.path / name).touch()
    return run.path


def overwrite(run):
    return request(Config, run=run, overwrite=True).begin()


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_a_run_left_is_overwritten_whole(run):
    overwrite(run)
    assert tree(run) == [".lock", "config.toml", "environment.json"]


@pytest.mark.parametrize(
    "name",
    [
        "holiday.jpg",
        "notes.md",
        "net.safetensors",
        "sr/srresnet/patient/notes.txt",
        "figures/talk/slides.key",
        "data.csv",
        ".git/config",
        "src/config.toml",
    ],
)
def test_a_run_with_anything_else_in_it_is_not_overwritten(run, name):
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text("precious")
    before = tree(run)
    with pytest.raises(InputError, match=f"run: will not be overwritten, {name} is not part") as e:
        overwrite(run)
    assert "\n" not in str(e.value)
    assert tree(run) == before


def test_what_came_into_a_run_after_it_was_asked_for_is_not_deleted_either(run):
    asked = request(Config, run=run, overwrite=True)
    (run / "holiday.jpg").touch()
    before = tree(run)
    with pytest.raises(InputError, match=r"holiday\.jpg is not part of a run"):
        asked.begin()
    assert tree(run) == before


@pytest.mark.parametrize("record", [None, "{", "[]", "7", '{"name": "app"}'])
def test_a_folder_with_a_config_toml_of_something_else_is_not_overwritten(
    tmp_path, monkeypatch, record
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("[server]\nport = 80\n")
    if record is not None:
        (tmp_path / "environment.json").write_text(record)
    before = tree(tmp_path)
    with pytest.raises(InputError, match=r"^\.: will not be overwritten, it has no environment"):
        overwrite(Path())
    assert tree(tmp_path) == before


def test_what_a_link_leads_to_is_never_deleted(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    (run / "figures" / "mine").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="figures/mine is not part of a run"):
        overwrite(run)
    (run / "figures" / "mine").unlink()
    (tmp_path / "link").symlink_to(run)
    overwrite(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_an_empty_folder_is_overwritten_as_well(tmp_path):
    overwrite(tmp_path)
    assert tree(tmp_path) == [".lock", "config.toml", "environment.json"]


def test_the_jobs_of_0_1_0_had_no_records_and_may_go(run):
    (run / "environment.json").write_text('{"echojax": "0.1.0"}')
    (run / "sr" / "srresnet" / "patient" / "fold0" / "job.json").unlink()
    (run / "classifiers").mkdir()
    (run / "classifiers" / "weights.old").touch()
    overwrite(run)
    assert tree(run) == [".lock", "config.toml", "environment.json"]
