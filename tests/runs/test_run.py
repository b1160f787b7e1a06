import csv
import json

import pytest

from echojax import config
from echojax.errors import InputError
from echojax.runs.run import open_run

SETTINGS = config.Config()


def opened(path, settings=SETTINGS, *, dataset="frames", resume=False, overwrite=False):
    return open_run(path, settings, dataset=dataset, resume=resume, overwrite=overwrite)


def test_a_run_records_what_was_asked_and_where(tmp_path):
    opened(tmp_path / "run")
    assert config.load(tmp_path / "run" / "config.toml") == SETTINGS
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert {"jax", "flax", "devices", "commit", "command"} <= environment.keys()


def test_an_existing_run_is_refused_and_left_alone(tmp_path):
    opened(tmp_path / "run")
    (tmp_path / "run" / "predictions.csv").write_text("precious")
    with pytest.raises(InputError, match=r"--resume.*--overwrite"):
        opened(tmp_path / "run")
    assert (tmp_path / "run" / "predictions.csv").read_text() == "precious"


def test_overwrite_starts_anew(tmp_path):
    opened(tmp_path / "run")
    (tmp_path / "run" / "predictions.csv").write_text("old")
    opened(tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / "predictions.csv").exists()


@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_a_folder_that_is_no_run_is_never_touched(tmp_path, flags):
    (tmp_path / "holiday.jpg").write_text("precious")
    with pytest.raises(InputError, match="not a run directory"):
        opened(tmp_path, **flags)
    assert (tmp_path / "holiday.jpg").exists()


def test_resume_with_other_settings_names_them(tmp_path):
    opened(tmp_path / "run")
    other = config.load(None, ["classifier.size=112", "sr.steps=7"])
    with pytest.raises(InputError, match=r"sr\.steps was 20000, now 7; classifier\.size was 224"):
        opened(tmp_path / "run", other, resume=True)


def test_resume_may_ask_for_more_seeds_and_cells(tmp_path):
    opened(tmp_path / "run")
    more = config.load(None, ["study.seeds=9", 'study.protocols=["paper"]'])
    opened(tmp_path / "run", more, resume=True)
    assert config.load(tmp_path / "run" / "config.toml") == more


def test_settings_of_a_pretraining_may_change_where_there_was_none(tmp_path):
    other = config.load(None, ["pretrain.epochs=3"])
    opened(tmp_path / "study")
    (tmp_path / "study" / "classifiers").mkdir()
    opened(tmp_path / "study", other, resume=True)
    opened(tmp_path / "pretraining")
    (tmp_path / "pretraining" / "classifier" / "pretrained").mkdir(parents=True)
    with pytest.raises(InputError, match=r"pretrain\.epochs was 20, now 3"):
        opened(tmp_path / "pretraining", other, resume=True)


def test_settings_of_a_study_may_change_where_there_is_a_pretraining_alone(tmp_path):
    opened(tmp_path / "run")
    (tmp_path / "run" / "classifier" / "pretrained").mkdir(parents=True)
    others = config.load(None, ["sr.steps=7", "study.parts=6", "classifier.epochs=2"])
    opened(tmp_path / "run", others, resume=True)
    with pytest.raises(InputError, match=r"classifier\.size was 224, now 112"):
        opened(tmp_path / "run", config.load(None, ["classifier.size=112"]), resume=True)
    (tmp_path / "run" / "classifiers").mkdir()
    with pytest.raises(InputError, match=r"classifier\.epochs was 2, now 10"):
        opened(tmp_path / "run", resume=True)


def test_resume_from_other_weights_is_refused(tmp_path):
    def run(start, **flags):
        words = {"dataset": "frames", "resume": True, "overwrite": False} | flags
        open_run(tmp_path / "run", SETTINGS, start=start, **words)

    run(None, resume=False)  # trained no classifier
    run("abc")
    run(None)
    run("abc")
    with pytest.raises(InputError, match=r"other weights.*classifier\.init = 'random'"):
        run("def")
    run("def", resume=False, overwrite=True)


def test_resume_with_other_frames_is_refused(tmp_path):
    opened(tmp_path / "run")
    with pytest.raises(InputError, match="made with other frames"):
        opened(tmp_path / "run", dataset="others", resume=True)


def test_a_resumed_run_still_tells_the_environment_it_began_in(tmp_path):
    opened(tmp_path / "run")
    record = tmp_path / "run" / "environment.json"
    began = json.loads(record.read_text())
    opened(tmp_path / "run", resume=True)
    opened(tmp_path / "run", resume=True)
    now = json.loads(record.read_text())
    assert now.pop("resumed").count(";") == 1
    assert now == began


def test_a_run_whose_configuration_is_torn_can_be_overwritten(tmp_path):
    opened(tmp_path / "run")
    (tmp_path / "run" / "config.toml").write_text("[sr\n")
    opened(tmp_path / "run", overwrite=True)
    assert config.load(tmp_path / "run" / "config.toml") == SETTINGS


def test_the_log_is_a_row_a_metric_and_goes_on_after_a_resume(tmp_path):
    opened(tmp_path / "run").log("sr/x", 20, loss=0.5, psnr=30.0)
    opened(tmp_path / "run", resume=True).log("sr/x", 40, loss=0.25)
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["job"], r["step"], r["metric"], r["value"]) for r in rows] == [
        ("sr/x", "20", "loss", "0.5"),
        ("sr/x", "20", "psnr", "30"),
        ("sr/x", "40", "loss", "0.25"),
    ]
    assert list((tmp_path / "run" / "events").iterdir())
