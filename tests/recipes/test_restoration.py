import numpy as np
import pytest

from echojax import config, devices
from echojax.data.pairs import Pairs
from echojax.errors import InputError
from echojax.inference import filters
from echojax.inference.enhance import as_float
from echojax.recipes import restoration
from echojax.runs.job import Job
from echojax.studies.diagnosis.config import Config
from echojax.training.loop import fit
from echojax.weights import networks
from tests.recipes.images import speckle

SETTINGS = config.load(
    Config,
    None,
    [
        "restorer.blocks=1",
        "restorer.channels=4",
        "restorer.crop=16",
        "restorer.batch=4",
        "restorer.steps=60",
        "restorer.learning_rate=5e-3",
        "restorer.evaluate_every=40",
        "restorer.held_out=0.25",
    ],
).restorer


@pytest.fixture(scope="module")
def pairs(make_frames):
    """Eight persons whose poor frames are darker and flatter than the good ones."""
    good = speckle(8, 0)
    poor = [(20 + 0.5 * image).astype(np.uint8) for image in good]
    persons = np.array([f"person{k}" for k in range(8)] * 2)
    frames = make_frames(
        [*good, *poor],
        [f"{person}{k}" for k, person in enumerate(persons)],
        quality=[0] * 8 + [2] * 8,
        group=persons,
    )
    return Pairs.of(frames, source=("poor",), target="good")


@pytest.fixture(scope="module")
def finished(pairs, tmp_path_factory):
    """A whole training: the network, its job, what was logged, and the pairs held out."""
    folder, logged = tmp_path_factory.mktemp("whole"), {}

    def log(step, **metrics):
        logged.setdefault(step, {}).update(metrics)

    learned, held_out = restoration.hold_out(pairs, SETTINGS)
    job = Job(folder, "restorer", restoration.record(SETTINGS, learned), log)
    training = restoration.training(SETTINGS, learned, held_out, card={"title": "test"})
    return fit(training, job, devices.data_mesh()), job, logged, held_out


def test_frames_of_persons_it_never_saw_are_restored(finished):
    model, _, logged, held_out = finished
    measured = logged[60]
    assert measured["psnr_sector"] > measured["psnr_sector_input"] + 3
    assert measured["ssim_sector"] > measured["ssim_sector_input"]
    assert "psnr_sector" in logged[40]
    worse, better = np.moveaxis(held_out.image(0), -1, 0)
    restored = filters.restore(as_float(worse), model)
    before, after = (np.mean(np.abs(x - as_float(better))) for x in (as_float(worse), restored))
    assert after < 0.6 * before


def test_it_starts_as_the_identity(pairs):
    learned, held_out = restoration.hold_out(pairs, SETTINGS)
    training = restoration.training(SETTINGS, learned, held_out)
    (evaluator,) = training.evaluators
    scores, given = evaluator.measure(training.network(training.start())), evaluator.constant()
    assert scores["psnr_sector"] == pytest.approx(given["psnr_sector_input"], abs=1e-3)


def test_what_it_hands_over_keeps_the_size_and_says_how_it_did(finished):
    _, job, logged, _ = finished
    assert job.file.name == "restorer.safetensors"
    assert networks.load(job.file).scale == 1
    card = networks.card(job.file)
    assert card["title"] == "test"
    assert card["steps"].startswith("60 with the mean absolute error; batches of 4 crops of 16")
    told = card["measured on held-out persons"]
    for way in ("", "_input"):
        assert f"{logged[60][f'psnr_sector{way}']:.2f} dB" in told


@pytest.mark.parametrize(("share", "persons"), [(0.01, 1), (0.25, 2), (0.99, 7)])
def test_a_share_of_the_persons_is_held_out_and_somebody_always_learned_from(share, persons, pairs):
    settings = SETTINGS.model_copy(update={"held_out": share})
    learned, held_out = restoration.hold_out(pairs, settings)
    assert len(held_out.persons) == persons
    assert set(learned.persons) | set(held_out.persons) == set(pairs.persons)
    assert not set(learned.persons) & set(held_out.persons)
    again = restoration.hold_out(pairs, settings)[1]
    assert again.fingerprint() == held_out.fingerprint()


def test_a_single_person_is_refused(pairs):
    with pytest.raises(InputError, match="single person"):
        restoration.hold_out(pairs.take([0]), SETTINGS)


def test_a_target_that_is_a_source_is_refused():
    with pytest.raises(InputError, match=r"restorer\.target medium is among restorer\.source"):
        config.load(Config, None, ["restorer.target=medium"])


def test_what_does_not_fit_is_refused_before_the_training(pairs):
    class ThreeDevices:
        size = 3

    with pytest.raises(InputError, match=r"restorer\.batch = 4 cannot be shared by 3 devices"):
        restoration.check(SETTINGS, pairs, ThreeDevices())
    settings = SETTINGS.model_copy(update={"crop": 64})
    with pytest.raises(InputError, match=r"lower restorer\.crop"):
        restoration.check(settings, pairs, devices.data_mesh())
