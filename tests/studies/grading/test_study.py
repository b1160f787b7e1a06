"""A whole run on generated hearts: what is measured, gone on with, refused, and reported."""

import shutil

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference.regional_quality import COVERAGE, HALF_WIDTHS, SIZE
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes import learned_from
from echojax.runs.run import request
from echojax.studies.grading import beside, grades, material, report
from echojax.studies.grading import networks as trained
from echojax.studies.grading.config import Config
from echojax.studies.grading.enhancements import Enhancements
from echojax.studies.grading.sections.top import sentences
from echojax.studies.grading.study import Study
from echojax.weights import networks
from tests.studies.grading.conftest import make_hearts, wider

QUIET = ('grading.enhancements=["bicubic"]', "grading.hearts=0", "grading.parts=3")


def study(run, frames, *more, **flags):
    return Study(request(Config, run=run, overrides=(*QUIET, *more), **flags), frames)


def done(of):
    of.begin()
    of.measure()
    beside.measure(of)
    return of


@pytest.fixture(scope="module")
def kept(tmp_path_factory, hearts):
    """A finished run; tests only copy it."""
    run = tmp_path_factory.mktemp("grading") / "run"
    done(study(run, hearts))
    return run


@pytest.fixture
def run(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "run")


def test_every_method_says_something_of_every_frame(kept, hearts):
    found = grades.read(kept / grades.NAME)
    plain = found.of(enhancement="none")
    for source in plain.sources():
        assert sorted(plain.of(method=source.method)["frame"]) == sorted(hearts.ids)
    assert {source.method for source in plain.sources()} == {
        *("cr", "gcnr", "cnr", "level", "raw-cr", "raw-level", "sector", "thumbnail")
    }
    after = found.of(method="cr", enhancement="bicubic")
    assert len(after) == len(hearts)
    assert set(after["mode"]) == {"restore"}


def test_walls_that_stand_out_are_told_from_those_that_do_not(kept):
    found = material.gather(kept)
    areas = {(row.method, row.over): row.auc for row in found.label if row.view == "2CH"}
    assert areas["cr", "whole wall"] == areas["cr", "mean of regions"] == 1
    assert {row.view for row in found.label} == {"2CH", "4CH"}
    assert not found.undivided
    assert "best" not in sentences(found)[0]
    assert "1.00" in sentences(found)[0]


def test_a_thumbnail_answers_for_persons_it_did_not_learn_from(hearts, tmp_path):
    """Labels at random, the same for a person's frames: whoever learned them would know them."""
    rng = np.random.default_rng(0)
    blank = [np.full((20, 20), 90, np.uint8) + rng.integers(0, 9, (20, 20), np.uint8)] * 8
    images = [each for person in range(9) for each in [blank[person % 8]] * 4]
    frames = make_hearts(9)
    frames.images = tuple(images)
    of = study(tmp_path / "run", frames)
    rows = list(of._thumbnails())
    assert len(rows) == 36
    assert {row[0] for row in rows} == set(frames.ids)


def test_what_is_done_is_not_done_again(run, hearts):
    before = (run / grades.NAME).read_bytes()
    again = study(run, hearts, resume=True)
    assert again.plan() == []
    done(again)
    assert (run / grades.NAME).read_bytes() == before


def test_an_enhancement_is_added_and_measured_alone(run, hearts):
    more = study(run, hearts, 'grading.enhancements=["bicubic","normalize"]', resume=True)
    (planned,) = more.plan()
    assert (planned.kind, planned.number) == ("Grading frames after normalize, filter", len(hearts))
    done(more)
    found = grades.read(run / grades.NAME)
    assert len(found.of(enhancement="normalize", method="cr")) == len(hearts)
    assert len(found.of(enhancement="bicubic", method="cr")) == len(hearts)


def test_other_frames_or_settings_are_refused(run, hearts):
    with pytest.raises(InputError, match="the study's frames are others than then"):
        study(run, make_hearts(6), resume=True).begin()
    with pytest.raises(InputError, match=r"grading.parts was 3, now 4"):
        study(run, hearts, "grading.parts=4", resume=True).begin()


def test_frames_with_grades_of_a_simulator_are_compared_with_them(tmp_path, hearts):
    contrast = np.repeat([4.5, 3.0, 1.5] * 6, 4)[:, None] * np.ones(8)
    contrast[0, 3] = np.nan
    of = done(study(tmp_path / "run", make_hearts(grades=contrast.astype(np.float32))))
    found = material.gather(of.run.path)
    rows = {(row.method, row.region): row for row in found.truth}
    assert rows["cr", "all"].rho > 0.5
    assert rows["cr", "apical right"].regions == len(hearts) - 1
    assert "Against grades that the simulator knows" in sentences(found)[0]


def restorer(path, learned):
    model = SRResNet(SRResNetSettings(scale=1, blocks=1, channels=4), rngs=_rngs())
    networks.save(model, path, {"data": "frames", **learned_from.card_of(learned, None)})
    return path


def _rngs():
    from flax import nnx

    return nnx.Rngs(0)


def test_persons_a_network_knows_are_not_enhanced_by_it(tmp_path, hearts):
    known = hearts.take([0]).hashes  # a single frame of the first person
    file = restorer(tmp_path / "restorer.safetensors", known)
    config = study(
        tmp_path / "run", hearts, f"grading.restorer={file}", 'grading.enhancements=["restorer"]'
    ).request.config.grading
    of = Enhancements(config, hearts)
    assert of.asked() == [("restorer", "filter")]
    assert [of.possible(index, "restorer") for index in range(6)] == [False] * 4 + [True] * 2
    assert of.image(4, "restorer", "filter").shape == hearts.images[4].shape
    assert of.made_by("restorer") == {"restorer": sha256(file)}


def test_of_several_networks_each_person_gets_one_that_does_not_know_it(tmp_path, hearts):
    folder = tmp_path / "diagnosis" / "sr" / "srresnet" / "patient"
    for fold in range(2):
        learned = hearts.take(np.flatnonzero(np.arange(len(hearts)) // 4 % 2 != fold)).hashes
        model = SRResNet(SRResNetSettings(scale=2, blocks=1, channels=4), rngs=_rngs())
        card = {"data": "frames", **learned_from.card_of(learned, None)}
        networks.save(model, folder / f"fold{fold}.safetensors", card)
    given = f"grading.diagnosis={tmp_path / 'diagnosis'}"
    of = Enhancements(study(tmp_path / "run", hearts, given).request.config.grading, hearts)
    files = [of._file(index, "srresnet") for index in range(0, 16, 4)]
    assert [file.stem for file in files] == ["fold0", "fold1", "fold0", "fold1"]
    assert "no generator is in the run" in of.missing("srgan")


def test_automatic_masks_bring_borders_and_fractions(tmp_path, hearts):
    masks = {name: wider(mask) for name, mask in zip(hearts.ids, hearts.masks, strict=True)}
    (tmp_path / "segmenter" / "masks").mkdir(parents=True)
    np.savez(tmp_path / "segmenter" / "masks" / "fold0.npz", **masks)
    given = f"grading.segmenter={tmp_path / 'segmenter'}"
    of = done(study(tmp_path / "run", hearts, given, 'grading.enhancements=["none"]'))
    found = material.gather(of.run.path)
    assert {(row.method, row.masks) for row in found.label} >= {("cr", "automatic")}
    assert {row.by for row in found.ejection} >= {"quality of the 2CH view", "cr", "sector"}
    assert {row.border for row in found.border} == {"endocardium", "epicardium"}
    text = report.write(found).read_text()
    assert "no independent reference" in text
    np.savez(tmp_path / "segmenter" / "masks" / "fold1.npz", **masks)
    with pytest.raises(InputError, match=r"grading.segmenter was a file with hash"):
        study(tmp_path / "run", hearts, given, resume=True).begin()


def test_masks_of_other_frames_are_refused(tmp_path, hearts):
    with pytest.raises(InputError, match=r"no run with masks; expected one of `echojax train"):
        done(study(tmp_path / "run", hearts, f"grading.segmenter={tmp_path}"))
    (tmp_path / "masks").mkdir()
    np.savez(tmp_path / "masks" / "fold0.npz", **{hearts.ids[0]: np.zeros((3, 3), np.uint8)})
    with pytest.raises(InputError, match=r"its mask of patient0000_2CH_ED is of \(3, 3\)"):
        done(study(tmp_path / "run", hearts, f"grading.segmenter={tmp_path}"))


def test_a_file_of_something_else_is_refused_before_anything_is_written(tmp_path, hearts):
    file = restorer(tmp_path / "restorer.safetensors", hearts.take([]).hashes)
    for key, wanted in (
        ("grader", "holds no network that grades"),
        ("coherence", "expected a UNet"),
    ):
        config = Config.model_validate({"grading": {key: str(file)}}).grading
        with pytest.raises(InputError, match=wanted):
            trained.of(config, hearts)


def test_a_network_grades_frames_of_persons_it_does_not_know(tmp_path, hearts, random_network):
    settings = MobileNetV2Settings(outputs=8)
    model = random_network(lambda: MobileNetV2(settings, rngs=_rngs()))
    card = {SIZE: "32", HALF_WIDTHS: ",".join(8 * ["1"]), COVERAGE: "0.95", "data": "frames"}
    file = tmp_path / "grader.safetensors"
    networks.save(model, file, card | learned_from.card_of(hearts.take([0]).hashes, None))
    asked = request(Config, run=tmp_path / "run", overrides=(*QUIET, f"grading.grader={file}"))
    of = Study(asked, hearts.take(range(12)), trained.of(asked.config.grading, hearts))
    of.begin()
    of.measure()
    found = grades.read(of.file).of(method="end-to-end", enhancement="none")
    assert found["frame"].tolist() == hearts.ids[4:12]
    assert set(found["masks"]) == {"none"}
    assert ((found.regions >= 1) & (found.regions <= 5)).all()
    assert np.isnan(found.whole).all()  # its mean of regions is not a second measure


def test_observers_join_in(run, hearts, tmp_path):
    file = tmp_path / "anna.csv"
    lines = [
        f"{name},{region},{4 - quality}"
        for name, quality in zip(hearts.ids, hearts.quality, strict=True)
        for region in ("basal left", "mid right")
    ]
    file.write_text("\n".join(["frame,region,grade", *lines]))
    of = done(study(run, hearts, f'grading.observers=["{file}"]', resume=True))
    found = material.gather(of.run.path)
    assert {row.who for row in found.observer} >= {"cr, expert masks"}
    assert "No human grades of regions exist" not in report.write(found).read_text()


def test_the_report_is_whole_and_says_what_is_missing_and_why(run):
    page = report.build(run)
    text = page.read_text()
    for heading in (
        *("Against the quality of the view", "Region by region", "Before and after enhancement"),
        *("Ejection fraction and borders", "Observers", "Against grades known for sure"),
        *("Limits", "The data", "How this was made"),
    ):
        assert f"<h2>{heading}</h2>" in text
    assert "Not in this run: method end-to-end; no file is named in grading.grader." in text
    assert "agreement with cardiologists is not claimed" in text
    assert "Traceback" not in text
    for name in ("labels", "regions", "changes"):
        assert (run / "tables" / f"{name}.csv").stat().st_size
    assert (run / "tables" / "labels_2CH.tex").is_file()
    assert report.build(run).read_text() == text


def test_an_empty_run_has_no_answer(tmp_path, hearts):
    of = study(tmp_path / "run", hearts)
    of.begin()
    assert "Nothing was graded yet" in report.build(of.run.path).read_text()


def test_a_run_can_be_overwritten_and_a_strange_file_in_it_forbids_it(run, hearts):
    report.build(run)
    study(run, hearts, overwrite=True).begin()
    assert not (run / grades.NAME).exists()
    (run / "mine.csv").touch()
    with pytest.raises(InputError, match=r"mine\.csv is not part of a run"):
        study(run, hearts, overwrite=True).begin()
