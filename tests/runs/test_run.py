import csv
import json
from pathlib import Path

import pytest

from echojax import config
from echojax.errors import InputError
from echojax.runs import log
from echojax.runs.job import Record
from echojax.runs.run import Run, request
from echojax.studies.diagnosis.config import Config


@pytest.fixture
def begin(tmp_path):
    """Asks for the run "run" and begins it."""

    def begin(*overrides, jobs=(), **flags):
        asked = request(Config, overrides=overrides, run=tmp_path / "run", **flags)
        return asked.begin(jobs)

    return begin


def stored(run):
    return config.load(Config, run.path / "config.toml")


def test_a_run_records_what_was_asked_and_where(begin, tmp_path):
    run = begin("sr.steps=7", data_dir=tmp_path / "data")
    assert stored(run) == config.load(Config, None, ["sr.steps=7"], tmp_path / "data")
    environment = json.loads((run.path / "environment.json").read_text())
    assert {"jax", "flax", "devices", "commit", "command"} <= environment.keys()


def test_frames_are_found_from_wherever_a_run_is_gone_on_with(begin, tmp_path, monkeypatch):
    (tmp_path / "frames").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    begin(f"data.dir={tmp_path / 'frames'}")
    assert stored(Run(tmp_path / "run")).data.dir == Path("frames")
    monkeypatch.chdir(tmp_path / "elsewhere")
    asked = request(Config, run=tmp_path / "run", resume=True)
    assert asked.config.data.dir == tmp_path / "frames"


def test_what_a_run_says_of_its_making_names_no_place_outside_the_work_folder(
    begin, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["matrix", "--run", f"{tmp_path}/run", "--set=sr.init=/home/me/my net.safetensors"]
    monkeypatch.setattr("sys.argv", ["echojax", *words])
    told = json.loads((begin().path / "environment.json").read_text())
    assert told["command"] == "echojax matrix --run run --set=sr.init=my net.safetensors"


def test_an_existing_run_is_refused_and_left_alone(begin):
    precious = begin().predictions
    precious.write_text("precious")
    with pytest.raises(InputError, match=r"--resume.*--overwrite"):
        begin()
    with pytest.raises(InputError, match="exclude each other"):
        begin(resume=True, overwrite=True)
    assert precious.read_text() == "precious"


def test_overwrite_starts_anew_but_only_when_the_run_begins(begin, tmp_path):
    old = begin().predictions
    old.write_text("old")
    asked = request(Config, run=tmp_path / "run", overwrite=True)
    assert old.exists()
    asked.begin()
    assert not old.exists()


@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_a_folder_that_is_no_run_is_never_touched(begin, tmp_path, flags):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "holiday.jpg").write_text("precious")
    with pytest.raises(InputError, match="not a run directory"):
        begin(**flags)
    assert (tmp_path / "run" / "holiday.jpg").exists()


def test_an_empty_folder_becomes_a_run(begin, tmp_path):
    (tmp_path / "run").mkdir()
    assert stored(begin()).sr == Config().sr


@pytest.mark.parametrize(
    ("told", "version"), [('{"echojax": "0.1.0"}', r"0\.1\.0"), (None, "of an unknown version")]
)
def test_a_run_of_0_1_0_can_only_be_overwritten(begin, told, version):
    """Such a run has no records of its jobs, so nobody could tell what they were made from."""
    run = begin()
    environment = run.path / "environment.json"
    environment.unlink()
    if told:
        environment.write_text(told)
    with pytest.raises(InputError, match=rf"run: made by echojax {version}, .*--overwrite") as e:
        begin(resume=True)
    assert "\n" not in str(e.value)
    if told:
        begin(overwrite=True)
        begin(resume=True)
    else:
        with pytest.raises(InputError, match=r"has no environment\.json of a run of echojax"):
            begin(overwrite=True)


def test_resume_takes_the_settings_of_the_run_unless_others_are_given(begin):
    begin("sr.steps=7", "study.seeds=4")
    assert stored(begin("study.seeds=9", resume=True)).sr.steps == 7
    assert stored(begin(resume=True)).study.seeds == 9


def test_a_job_that_was_begun_otherwise_keeps_the_run_as_it_was(begin):
    run = begin()
    run.job("sr/fold0", Record({"sr.steps": 7})).begin()
    files = {file: file.read_bytes() for file in run.path.rglob("*.*")}
    job = run.job("sr/fold0", Record({"sr.steps": 8}))
    with pytest.raises(InputError, match=r"sr/fold0: .*sr\.steps was 7, now 8"):
        begin("sr.steps=8", jobs=[job], resume=True)
    assert {file: file.read_bytes() for file in run.path.rglob("*.*")} == files
    begin("sr.steps=8", jobs=[job], overwrite=True)


def test_a_resumed_run_still_tells_the_environment_it_began_in(begin):
    record = begin().path / "environment.json"
    began = json.loads(record.read_text())
    begin(resume=True)
    begin(resume=True)
    now = json.loads(record.read_text())
    assert now.pop("resumed").count(";") == 1
    assert now == began


def test_a_run_whose_configuration_is_torn_can_be_overwritten(begin):
    file = begin().path / "config.toml"
    file.write_text("[sr\n")
    with pytest.raises(InputError, match="cannot be read as TOML"):
        begin(resume=True)
    assert stored(begin(overwrite=True)).sr == Config().sr


def test_the_log_is_a_row_a_metric_and_goes_on_after_a_resume(tmp_path):
    Run(tmp_path).job("sr/x", Record()).log(20, loss=0.5, psnr=30.0)
    Run(tmp_path).job("sr/x", Record()).log(40, loss=0.25)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["job"], r["step"], r["metric"], r["value"]) for r in rows] == [
        ("sr/x", "20", "loss", "0.5"),
        ("sr/x", "20", "psnr", "30"),
        ("sr/x", "40", "loss", "0.25"),
    ]
    assert list((tmp_path / "events").iterdir())


def test_a_job_that_is_rewound_forgets_its_later_steps_alone(tmp_path):
    job, other = (Run(tmp_path).job(name, Record()) for name in ("sr/x", "sr/x2"))
    job.rewind(7)  # nothing was logged yet
    for step in (20, 40, 60):
        job.log(step, loss=1 / step)
        other.log(step, loss=1.0)
    whole = (tmp_path / "log.csv").read_bytes()
    job.rewind(60)
    assert (tmp_path / "log.csv").read_bytes() == whole
    (tmp_path / "log.csv").write_bytes(whole + b"2026-01-01T00:00:00+00:00,sr/x2,8")  # torn
    job.rewind(40)
    job.log(60, loss=1 / 60)
    kept = [(row.job, row.step) for row in log.read(tmp_path / "log.csv")]
    assert kept == [(name, step) for step in (20, 40) for name in ("sr/x", "sr/x2")] + [
        ("sr/x2", 60),
        ("sr/x", 60),
    ]
    job.rewind(0)
    assert {row.job for row in log.read(tmp_path / "log.csv")} == {"sr/x2"}
