import json

import numpy as np
import pytest

from echojax import config
from echojax.errors import InputError
from echojax.recipes import classification, classifier_pretraining, gan, super_resolution
from echojax.runs.job import Record
from echojax.runs.run import Run
from echojax.studies.diagnosis.config import Config

MADE_FROM = Record(
    settings={"sr.steps": 7, "sr.quality": ("good", "poor")},
    data={"images to learn from": "abc"},
    files={"sr.init": 64 * "a"},
)


@pytest.fixture
def begun(tmp_path):
    """Gives the job of a run that was begun with a record, asked for with another."""

    def again(**changed):
        Run(tmp_path).job("sr/fold0", MADE_FROM).begin()
        record = Record(**(vars(MADE_FROM) | changed))
        return Run(tmp_path).job("sr/fold0", record)

    return again


def test_a_job_asked_for_alike_is_gone_on_with(begun):
    job = begun()
    before = (job.path / "job.json").read_text()
    job.check()
    job.begin()
    assert (job.path / "job.json").read_text() == before
    assert json.loads(before)["settings"]["sr.steps"] == 7


def test_a_job_that_was_never_begun_may_be_anything(tmp_path):
    Run(tmp_path).job("sr/fold0", MADE_FROM).check()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"settings": {**MADE_FROM.settings, "seed": 1}}, r"seed was None, now 1"),
        (
            {"settings": {"sr.steps": 8}},
            r"sr\.steps was 7, now 8; sr\.quality was \['good', 'poor'\], now None",
        ),
        ({"data": {"images to learn from": "abd"}}, "images to learn from are others than then"),
        (
            {"files": {"sr.init": 64 * "b"}},
            r"sr\.init was a file with hash aaaaaaaaaaaa, now a file with hash bbbbbbbbbbbb;",
        ),
        (
            {"files": {"sr.init": "random"}},
            r"sr\.init was a file with hash a{12}, now 'random'",
        ),
    ],
)
def test_a_job_that_was_begun_otherwise_is_refused(begun, changed, told):
    job = begun(**changed)
    for refuse in (job.check, job.begin):
        with pytest.raises(InputError, match=rf"sr/fold0: cannot be gone on with: {told}") as error:
            refuse()
        assert "\n" not in str(error.value)
        assert "--overwrite" in str(error.value)


def test_every_difference_is_named_at_once(begun):
    job = begun(settings=MADE_FROM.settings | {"sr.steps": 8}, data={"images to learn from": "x"})
    with pytest.raises(InputError, match=r"sr\.steps.*; images to learn from"):
        job.check()


@pytest.mark.parametrize("text", ["{", "[]", '{"settings": {}}'])
def test_a_torn_record_is_named(begun, text):
    job = begun()
    (job.path / "job.json").write_text(text)
    with pytest.raises(InputError, match=r"job\.json: is no record of a job"):
        job.check()


def test_a_job_is_done_when_its_network_lies_beside_its_folder(begun, tmp_path):
    job = begun()
    assert not job.done
    (tmp_path / "sr" / "fold0.safetensors").touch()
    assert job.done


# What recipes record: a run of the study with one job of each kind.


@pytest.fixture
def images(make_frames):
    return make_frames([np.zeros((40, 40), np.uint8)], ["a"])


@pytest.fixture
def asked(tmp_path, images):
    """Gives the jobs of a run as some settings ask for them."""

    def jobs(*overrides, images=images):
        settings = config.load(
            Config, None, ["sr.perceptual=none", "classifier.init=random", *overrides]
        )
        run, network = Run(tmp_path / "run"), settings.classifier
        records = {
            "sr": super_resolution.record(settings.sr, images),
            "srgan": gan.record(settings.sr, images, start="x"),
            "classifier": classification.record(network, "frames", task="view", seed=0),
            "pretraining": classifier_pretraining.record(network, settings.pretrain, "frames"),
        }
        return {name: run.job(name, record) for name, record in records.items()}

    return jobs


def refused(jobs):
    """Names of the jobs that cannot be gone on with."""
    found = set()
    for name, job in jobs.items():
        try:
            job.check()
        except InputError:
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("sr.steps=7", {"sr", "srgan"}),
        ("sr.gan_steps=7", {"srgan"}),
        ("sr.save_every=7", set()),
        ("sr.save_minutes=7", set()),
        ("classifier.epochs=7", {"classifier"}),
        ("classifier.size=64", {"classifier", "pretraining"}),
        ("pretrain.keep=best", {"pretraining"}),
        ("study.seeds=7", set()),
        ("data.dir=elsewhere", set()),
    ],
)
def test_a_setting_matters_to_the_jobs_that_depend_on_it(asked, override, names):
    for job in asked().values():
        job.begin()
    assert refused(asked()) == set()
    assert refused(asked(override)) == names


def test_a_run_with_super_resolution_alone_goes_on_when_the_classifier_changes(asked):
    asked()["sr"].begin()
    assert refused(asked("classifier.epochs=7", "pretrain.epochs=7", "sr.gan_steps=7")) == set()


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("sr.init", {"sr"}),
        ("sr.perceptual", {"srgan"}),
        ("classifier.init", {"classifier"}),
        ("pretrain.init", {"pretraining"}),
    ],
)
def test_an_exchanged_file_is_refused_by_the_jobs_that_start_from_it(asked, tmp_path, key, names):
    """Its name stays the same, and the same file under another name is the same."""
    file, moved = tmp_path / "given.safetensors", tmp_path / "moved.safetensors"
    file.write_bytes(b"then")
    for job in asked(f"{key}={file}").values():
        job.begin()
    moved.write_bytes(b"then")
    assert refused(asked(f"{key}={moved}")) == set()
    file.write_bytes(b"now")
    assert refused(asked(f"{key}={file}")) == names


def test_other_images_are_refused(asked, make_frames):
    for job in asked().values():
        job.begin()
    others = make_frames([np.ones((40, 40), np.uint8)], ["a"])
    assert refused(asked(images=others)) == {"sr", "srgan"}
